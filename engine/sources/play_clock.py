"""One clock for all files that are played: pause, speed, steps, seeks, and the end they share."""

from __future__ import annotations

import threading
import time
from typing import Protocol

_BEHIND = 0.1  # s late, after which the clock is set to the frame instead
_EPSILON = 1e-6  # s
_SPEEDS = (0.1, 8.0)


class File(Protocol):
    """A file that follows the clock. Called with the clock's lock held."""

    ended: bool  # its last frame was delivered

    @property
    def duration(self) -> float:
        """Seconds; 0 while not known."""
        ...

    def go_to(self, seconds: float) -> None:
        """Continue at this time."""
        ...

    def let_pass(self, frames: int) -> None:
        """While paused: deliver the next frame, or with -1 the one before."""
        ...


class PlayClock:
    """Callable from any thread; `changed` guards it and its files."""

    def __init__(self, *, loop: bool = False, hold: bool = False, speed: float = 1.0) -> None:
        """Begin to run; with `hold` files wait at their end, to be played again."""
        self.changed = threading.Condition()
        self.hold = hold
        self._loop = loop
        self._paused = False
        self._speed = _possible(speed)
        self._zero: float | None = None  # perf_counter of the time 0; None: as the next frame says
        self._files: list[File] = []

    @property
    def paused(self) -> bool:
        """Whether the clock stands."""
        return self._paused

    @property
    def ended(self) -> bool:
        """Whether every file has delivered its last frame."""
        with self.changed:
            return bool(self._files) and all(file.ended for file in self._files)

    @property
    def duration(self) -> float:
        """Seconds of the longest file; 0 while not known."""
        return max((file.duration for file in self._files), default=0.0)

    def pause(self, paused: bool) -> None:
        """Stop the clock or let it run; at the end, playing begins at the start again."""
        with self.changed:
            self._paused, self._zero = paused, None
            if not paused and self._files and all(file.ended for file in self._files):
                self._go_to(0.0)
            self.changed.notify_all()

    def step(self, frames: int) -> None:
        """Show the next (1) or the previous (-1) frame of every file, and stay paused."""
        with self.changed:
            self._paused = True
            for file in self._files:
                file.let_pass(frames)
            self.changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Go to a time in all files; while paused, its picture is shown."""
        with self.changed:
            self._go_to(max(seconds, 0.0))
            self.changed.notify_all()

    def loop(self, on: bool) -> None:
        """Begin again when the last file has ended, or not."""
        with self.changed:
            self._loop = on
            self._restart_if_due()
            self.changed.notify_all()

    def set_speed(self, speed: float) -> None:
        """Play this many seconds of the file per second."""
        with self.changed:
            now = time.perf_counter()
            speed = _possible(speed)
            if self._zero is not None:
                self._zero = now - (now - self._zero) * self._speed / speed
            self._speed = speed
            self.changed.notify_all()

    def add(self, file: File) -> float:
        """Take in a file; the time at which it begins: where the others are."""
        with self.changed:
            self._files.append(file)
            if len(self._files) == 1 or self._zero is None:
                return 0.0
            return max((time.perf_counter() - self._zero) * self._speed, 0.0)

    def remove(self, file: File) -> None:
        """Forget a file."""
        with self.changed:
            self._files = [known for known in self._files if known is not file]
            self._restart_if_due()
            self.changed.notify_all()

    def wait_until(self, seconds: float) -> bool:
        """With the lock held: whether a frame of this time is due; else wait a while.

        While paused nothing is due.
        """
        if self._paused:
            self.changed.wait()
            return False
        now = time.perf_counter()
        late = None if self._zero is None else now - (self._zero + seconds / self._speed)
        if late is None or late > _BEHIND:
            self._zero = now - seconds / self._speed
            return True
        if late >= -_EPSILON:
            return True
        self.changed.wait(-late)
        return False

    def at_end(self) -> bool:
        """With the lock held: a file has ended. Whether it waits there for more."""
        self._restart_if_due()
        return self.hold or self._loop

    def _restart_if_due(self) -> None:
        if self._loop and self._files and all(file.ended for file in self._files):
            self._go_to(0.0)
            self.changed.notify_all()

    def _go_to(self, seconds: float) -> None:
        self._zero = None
        for file in self._files:
            file.go_to(seconds)


def _possible(speed: float) -> float:
    return min(max(speed, _SPEEDS[0]), _SPEEDS[1])
