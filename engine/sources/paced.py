"""A file played as if it were live: each frame comes when its time has come.

The clock can stand, go one frame on or back, or jump. A frame's `arrived` is the moment it was let
go, so its age means the same as that of a camera's frame. When decoding is too slow for the clock,
the clock waits: nothing is skipped here, skipping is the inbox's decision.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from engine.errors import SourceError
from engine.sources.source import Source, SourceInfo
from engine.types import Frame

_BEHIND = 0.1  # s late, after which the clock is set to the frame instead
_EPSILON = 1e-6  # s

OpenAt = Callable[[float], Source]  # opens the file so that its first frame is at or after a time


class Paced:
    """Plays a file by the clock; also its transport. Opened by the capture thread."""

    def __init__(self, name: str, open_at: OpenAt, *, loop: bool = False) -> None:
        self.name = name
        self.info = SourceInfo(kind="video", size=(0, 0))
        self.opened: Callable[[SourceInfo], None] = lambda info: None  # called once it is known
        self._open_at, self._loop = open_at, loop
        self._changed = threading.Condition()
        self._closed = self._paused = False
        self._allowed = 0  # frames that may pass while paused
        self._target: float | None = None  # s, where to go
        self._zero = 0.0  # perf_counter at which the file's time 0 would have been
        self._past: deque[float] = deque(maxlen=256)  # times of the frames before, s
        self._segment = 0

    @property
    def paused(self) -> bool:
        """Whether the clock stands."""
        return self._paused

    def pause(self, paused: bool) -> None:
        """Stop the clock or let it go on."""
        with self._changed:
            self._paused, self._allowed = paused, 0
            self._zero = -1.0  # go on from the frame that is due
            self._changed.notify_all()

    def step(self, frames: int) -> None:
        """Show the next or, with -1, the previous frame, and stand still."""
        with self._changed:
            self._paused = True
            if frames > 0:
                self._allowed += 1
            elif len(self._past) > 1:
                self._past.pop()
                self._go_to(self._past.pop())
            self._changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Go to a time; while paused, its picture is shown."""
        with self._changed:
            self._past.clear()
            self._go_to(max(seconds, 0.0))
            self._changed.notify_all()

    def close(self) -> None:
        """Stop waiting, from any thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def frames(self) -> Iterator[Frame]:
        """Yield each frame at its time, until the end of the file or `close`.

        Raises:
            SourceError: it cannot be opened, or after the last frame, when some were damaged.
        """
        start: float | None = 0.0
        while start is not None:
            source = self._open_at(start)
            self._zero = -1.0
            try:
                yield from self._played(source)
            except SourceError:
                if self._target is None and not self._closed:
                    raise
            finally:
                source.close()
            start = self._next_start()

    def _played(self, source: Source) -> Iterator[Frame]:
        for number, frame in enumerate(source.frames()):
            if number == 0:
                self._learn(source.info)
            if not self._wait_for(frame.time):
                return
            self._past.append(frame.time)
            yield replace(
                frame, arrived=time.perf_counter(), source=self.name, segment=self._segment
            )

    def _learn(self, info: SourceInfo) -> None:
        self.info = info
        self.opened(info)

    def _next_start(self) -> float | None:
        """Where to go on: the target of a seek, the beginning of a loop, or nowhere."""
        with self._changed:
            if self._closed:
                return None
            if self._target is None and not self._loop:
                return None
            start, self._target = self._target or 0.0, None
            self._segment += 1
            return start

    def _go_to(self, seconds: float) -> None:
        self._target = seconds
        self._allowed = 1 if self._paused else 0

    def _wait_for(self, seconds: float) -> bool:
        """Wait until a frame of this time is due; False: it is not wanted any more."""
        with self._changed:
            while not self._closed and self._target is None:
                now = time.perf_counter()
                if self._paused:
                    if self._allowed:
                        self._allowed -= 1
                        return True
                    self._changed.wait()
                    continue
                late = now - (self._zero + seconds)
                if self._zero < 0 or late > _BEHIND:
                    self._zero = now - seconds
                    return True
                if late >= -_EPSILON:
                    return True
                self._changed.wait(-late)
            return False


class Players:
    """The transport of several files at once."""

    def __init__(self, files: Sequence[Paced]) -> None:
        self._files = files

    @property
    def paused(self) -> bool:
        """Whether the clock stands."""
        return self._files[0].paused

    def pause(self, paused: bool) -> None:
        """Stop all clocks or let them go on."""
        for file in self._files:
            file.pause(paused)

    def step(self, frames: int) -> None:
        """One frame on or back, in each."""
        for file in self._files:
            file.step(frames)

    def seek(self, time: float) -> None:
        """All to this time, in seconds."""
        for file in self._files:
            file.seek(time)
