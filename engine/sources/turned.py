"""A source whose pictures are turned by quarter circles: for cameras that hang on their side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from engine.sources.source import Source, SourceInfo
from engine.types import Frame

_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


class Turned:
    """Wraps any source."""

    def __init__(self, inner: Source, degrees: Literal[90, 180, 270]) -> None:
        """Turn every picture clockwise by so many degrees."""
        self.inner = inner
        self.name = inner.name
        self._degrees = degrees

    @property
    def info(self) -> SourceInfo:
        """What is known by now, as the turned pictures are."""
        info = self.inner.info
        size = info.size if self._degrees == 180 else (info.size[1], info.size[0])
        return replace(info, size=size, rotation=(info.rotation + self._degrees) % 360)

    def frames(self) -> Iterator[Frame]:
        """The frames of the source, turned.

        Raises:
            SourceError: as the source does.
        """
        turn = _TURNS[self._degrees]
        for frame in self.inner.frames():
            yield replace(frame, pixels=np.asarray(cv2.rotate(frame.pixels, turn), np.uint8))

    def close(self) -> None:
        """Stop it, from any thread."""
        self.inner.close()
