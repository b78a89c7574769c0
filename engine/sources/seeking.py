"""A video file from a time on."""

from __future__ import annotations

import time
from collections.abc import Iterator

from engine.sources.video import VideoSource
from engine.types import Frame

_EPSILON = 1e-4  # s; times of frames are rounded in containers


class VideoFrom(VideoSource):
    """Frames at or after `start` seconds. What is missing before is not judged."""

    def __init__(self, text: str, start: float) -> None:
        super().__init__(text)
        self._start = start
        if start > 0:
            self._container.seek(int(start * 1e6))  # to the key frame before
            self._demuxed, self._first = self._demux(), None
            self._decoded = self._decode()

    def frames(self) -> Iterator[Frame]:
        """Yield every frame from `start` on; `index` is estimated from the time."""
        if self._start <= 0:
            yield from super().frames()
            return
        rate = self.info.rate or 25.0
        for decoded in self._decoded:
            seconds = self._clock.seconds(decoded)
            if seconds < self._start - _EPSILON:
                continue
            pixels = self._upright.pixels(decoded)
            yield Frame(pixels, round(seconds * rate), seconds, time.perf_counter(), self.name)
