"""A file played as if it were live: each frame is delivered when it is due.

A frame's `arrived` is the moment it was let go, so its age means the same as that of a camera's
frame. When decoding is too slow for the clock, the clock waits: nothing is skipped here, that is
for the inbox to decide.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from engine.errors import SourceError
from engine.sources.play_clock import PlayClock
from engine.sources.source import Source, SourceInfo
from engine.types import Frame

_USUAL_RATE = 25.0  # frames per second, where the file does not say

OpenAt = Callable[[float], Source]  # opens the file so that its first frame is at or after a time


class Paced:
    """Plays a file by a clock. Opened by the capture thread."""

    def __init__(
        self, name: str, open_at: OpenAt, *, loop: bool = False, clock: PlayClock | None = None
    ) -> None:
        """Open nothing yet.

        Args:
            loop: begin again at the end; only without a `clock`, which decides otherwise.
            clock: shared by all files that are played together; None: one of its own.
        """
        self.name = name
        self.info = SourceInfo(kind="video", size=(0, 0))
        self.opened: Callable[[SourceInfo], None] = lambda info: None  # called once it is known
        self.clock = clock or PlayClock(loop=loop)
        self.ended = False
        self._open_at = open_at
        self._closed = False
        self._allowed = 0  # frames that may pass while paused
        self._target: float | None = None  # s, where to go
        self._past: deque[float] = deque(maxlen=256)  # times of the frames before, s
        self._segment = 0

    @property
    def duration(self) -> float:
        """Seconds; 0 while not known."""
        return self.info.duration or 0.0

    @property
    def paused(self) -> bool:
        """Whether playback is paused."""
        return self.clock.paused

    def pause(self, paused: bool) -> None:
        """Pause or resume."""
        self.clock.pause(paused)

    def step(self, frames: int) -> None:
        """Show the next frame or, with -1, the previous one, and pause."""
        self.clock.step(frames)

    def seek(self, seconds: float) -> None:
        """Go to a time; while paused, its picture is shown."""
        self.clock.seek(seconds)

    def close(self) -> None:
        """Stop waiting, from any thread."""
        with self.clock.changed:
            self._closed = True
            self.clock.changed.notify_all()

    def go_to(self, seconds: float) -> None:
        """Continue at this time; called by the clock."""
        last = self.duration - 1 / (self.info.rate or _USUAL_RATE)
        self._past.clear()
        self._aim(min(seconds, last) if last > 0 else seconds)

    def let_pass(self, frames: int) -> None:
        """One frame on or back while paused; called by the clock."""
        if frames > 0:
            self._allowed += 1
        elif len(self._past) > 1:
            self._past.pop()
            self._aim(self._past.pop())
        elif self._past:
            step = 1.5 / (self.info.rate or _USUAL_RATE)
            self._aim(max(self._past.pop() - step, 0.0))

    def frames(self) -> Iterator[Frame]:
        """Yield each frame at its time, until the end of the file or `close`.

        Raises:
            SourceError: it cannot be opened, or after the last frame, when some were damaged.
        """
        start: float | None = self.clock.add(self)
        try:
            while start is not None:
                source = self._open_at(start)
                try:
                    yield from self._played(source)
                except SourceError:
                    if self._target is None and not self._closed:
                        raise
                finally:
                    source.close()
                start = self._next_start()
        finally:
            self.clock.remove(self)

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
        known, self.info = self.info == info, info
        if not known:
            self.opened(info)

    def _next_start(self) -> float | None:
        """Where to continue: the target of a seek or the start of a loop; None: nowhere."""
        with self.clock.changed:
            self.ended = self._target is None
            if self.ended and not self._closed and self.clock.at_end():
                self.clock.changed.wait_for(lambda: self._closed or self._target is not None)
            self.ended = False
            if self._closed or self._target is None:
                return None
            start, self._target = self._target, None
            self._segment += 1
            return start

    def _aim(self, seconds: float) -> None:
        self._target = seconds
        self._allowed = 1 if self.clock.paused else 0

    def _wait_for(self, seconds: float) -> bool:
        """Wait until a frame of this time is due; False: it is no longer needed."""
        with self.clock.changed:
            while not self._closed and self._target is None:
                if self.clock.paused and self._allowed:
                    self._allowed -= 1
                    return True
                if self.clock.wait_until(seconds):
                    return True
            return False
