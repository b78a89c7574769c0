"""The queue between capture and engine: capture threads fill it, the engine empties it."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Sequence
from typing import Literal

from engine.types import Frame

MOST_BYTES = 1 << 28  # of pixels that wait; two frames of 8K, ten of 4K


class Inbox:
    """Frames on their way to the engine.

    `keep="all"`: `put` waits while `capacity` frames are inside, or fewer where they are so large
    that these fill `MOST_BYTES`; so back-pressure reaches the decoder and nothing is lost.
    `keep="newest"`: `put` never waits; a frame replaces the waiting one of its source, which is
    counted in `dropped`.
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
        self._blocked = 0  # threads that wait in `put`
        self._changed = threading.Condition()
        self.dropped: Counter[str] = Counter()  # source -> frames replaced so far

    def expect(self) -> None:
        """One more source will end with `finish`."""
        with self._changed:
            self._unfinished += 1

    def forget(self, source: str) -> None:
        """Drop the waiting frames of a removed source, uncounted."""
        with self._changed:
            self._frames = deque(frame for frame in self._frames if frame.source != source)
            self.dropped.pop(source, None)
            self._changed.notify_all()

    def put(self, frame: Frame) -> bool:
        """Offer a frame; False once the inbox is closed, so that the caller stops capturing."""
        with self._changed:
            if self._keep == "newest":
                self._drop_older(frame.source)
            else:
                self._wait_for_room(frame)
            if self._closed:
                return False
            self._frames.append(frame)
            self._changed.notify_all()
            return True

    def _wait_for_room(self, frame: Frame) -> None:
        room = min(self._capacity, _as_many_as(frame))
        self._blocked += 1
        self._changed.notify_all()
        self._changed.wait_for(lambda: self._closed or len(self._frames) < room)
        self._blocked -= 1

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
                    lambda: (
                        self._ended
                        or len(self._frames) >= min(enough, self._capacity)
                        or bool(self._blocked and self._frames)
                    )
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
        """A source has ended, possibly with an error."""
        with self._changed:
            self._unfinished -= 1
            if error is not None and self._error is None and not self._closed:
                self._error = error
            self._changed.notify_all()

    def close(self) -> None:
        """Stop: waiting frames are dropped and all waiting threads wake up. Idempotent."""
        with self._changed:
            self._closed = True
            self._error = None
            self._frames.clear()
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether `close` was called: for sources that wait on something else than `put`."""
        return self._closed


def _as_many_as(frame: Frame) -> int:
    """How many such frames fit: a power of two, so that batches divide what a journal keeps."""
    fitting = max(1, MOST_BYTES // max(1, frame.pixels.nbytes))
    return 1 << (fitting.bit_length() - 1)
