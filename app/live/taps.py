"""What is seen of a source on its capture thread, before the engine gets a frame."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator

from engine.sources.reported import Reported
from engine.sources.source import SourceInfo
from engine.types import Frame

_OVER = 2.0  # s over which the rate is measured


class Tapped:
    """A source that hands every frame to `see` first, and counts them."""

    def __init__(self, inner: Reported, see: Callable[[Frame], None]) -> None:
        self.inner = inner
        self.name = inner.name
        self.captured = 0
        self._see = see
        self._arrived: deque[float] = deque(maxlen=256)

    @property
    def info(self) -> SourceInfo:
        """What is known by now."""
        return self.inner.info

    @property
    def over(self) -> bool:
        """Whether nothing more comes: it has ended or failed."""
        return self.inner.over

    @property
    def rate(self) -> float:
        """Frames per second that arrived over the last seconds; 0 when nothing does."""
        recent = [at for at in list(self._arrived) if time.perf_counter() - at <= _OVER]
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[-1] - recent[0], 1e-6)

    def frames(self) -> Iterator[Frame]:
        """The frames of the source; errors as of `Reported`."""
        for frame in self.inner.frames():
            self.captured += 1
            self._arrived.append(frame.arrived)
            self._see(frame)
            yield frame

    def close(self) -> None:
        """Stop it, from any thread."""
        self.inner.close()


class Newest:
    """The newest frame of each source, for a preview that follows them at their own rate."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frames: dict[str, Frame] = {}
        self._closed = False
        self._wanted = False

    def put(self, frame: Frame) -> None:
        """Keep a frame instead of the one before; any capture thread."""
        if self._wanted:
            with self._changed:
                self._frames[frame.source] = frame
                self._changed.notify()

    def close(self) -> None:
        """End `take`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> Generator[Frame, None, None]:
        """Yield frames as they come; only while this runs are they kept."""
        self._wanted = True
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._closed or bool(self._frames))
                    if self._closed:
                        return
                    taken, self._frames = list(self._frames.values()), {}
                yield from taken
        finally:
            self._wanted = False
