"""The only queue in the program: capture threads put frames in, the engine takes them out."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Literal

from engine.types import Frame


class Inbox:
    """Frames on their way to the engine.

    `keep="all"`: `put` waits while `capacity` frames are inside, so back-pressure reaches the
    decoder and nothing is lost. `keep="newest"`: `put` never waits; a frame replaces the waiting
    one of its source, which is counted in `dropped`.
    """

    def __init__(
        self, sources: Sequence[str], keep: Literal["all", "newest"] = "all", capacity: int = 16
    ) -> None:
        """Begin empty, expecting one `finish` per source (their names may be equal)."""
        self._keep = keep
        self._capacity = capacity
        self._unfinished = len(sources)
        self._frames: deque[Frame] = deque()
        self._error: BaseException | None = None
        self._closed = False
        self._changed = threading.Condition()
        self.dropped: Counter[str] = Counter()  # source -> frames replaced so far

    def put(self, frame: Frame) -> bool:
        """Offer a frame; False once the inbox is closed, so that the caller stops capturing."""
        with self._changed:
            if self._keep == "newest":
                self._drop_older(frame.source)
            else:
                self._changed.wait_for(lambda: self._closed or len(self._frames) < self._capacity)
            if self._closed:
                return False
            self._frames.append(frame)
            self._changed.notify_all()
            return True

    def _drop_older(self, source: str) -> None:
        kept = [waiting for waiting in self._frames if waiting.source != source]
        self.dropped[source] += len(self._frames) - len(kept)
        self._frames = deque(kept)

    def take(self, most: int, *, wait: bool, full: bool = False) -> list[Frame]:
        """The oldest frames, at most `most`; an empty list at the end of all sources.

        Args:
            most: frames of one batch.
            wait: wait for the first frame; otherwise an empty list may also mean "nothing yet".
            full: wait until there are `most`, or no more will come.

        Raises:
            BaseException: what ended a capture thread, after the frames that came before it.
        """
        enough = most if full else 1
        with self._changed:
            if wait or full:
                self._changed.wait_for(
                    lambda: self._ended or len(self._frames) >= min(enough, self._capacity)
                )
            taken = [self._frames.popleft() for _ in range(min(most, len(self._frames)))]
            self._changed.notify_all()
            if not taken and wait and self._error is not None:
                raise self._error
            return taken

    @property
    def _ended(self) -> bool:
        return self._closed or self._unfinished <= 0 or self._error is not None

    def finish(self, error: BaseException | None = None) -> None:
        """A source has ended, with an error if it did not end well."""
        with self._changed:
            self._unfinished -= 1
            if error is not None and self._error is None and not self._closed:
                self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Stop everything: waiting frames are forgotten and everyone wakes up. Idempotent."""
        with self._changed:
            self._closed = True
            self._error = None
            self._frames.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called: for sources that wait on something else than `put`."""
        return self._closed
