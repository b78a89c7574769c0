"""A picture as it is seen, people and all. Any thread can make it; to paint it is to copy it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QImage

from app.gui.plates import qt_plate
from app.live.viewport import Viewport
from app.overlay.look import Look
from app.overlay.traces import NO_TRACES, Traces
from engine.types import Frame, Poses, Result, no_people

_BGRX = QImage.Format.Format_RGB32


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One frame of a source as it is seen through a viewport."""

    frame: Frame
    viewport: Viewport
    look: Look
    result: Result | None  # of this frame, or in a preview of one before; None: not one yet
    traces: Traces
    pixels: NDArray[np.uint8]  # (h, w, 4) BGRX: those of the viewport that show something

    @classmethod
    def of(
        cls,
        frame: Frame,
        viewport: Viewport,
        look: Look,
        result: Result | None = None,
        traces: Traces = NO_TRACES,
    ) -> Shown:
        """Make the picture, with all that is to be seen on it."""
        from app.live.picture import drawn  # OpenCV, which the window opens without

        poses = result.poses if result else no_people(len(look.skeleton))
        pixels = drawn(frame, poses, viewport, look, traces, qt_plate)
        return cls(frame, viewport, look, result, traces, pixels)

    def again(self, viewport: Viewport, look: Look) -> Shown:
        """The same frame and people, seen in another way."""
        return Shown.of(self.frame, viewport, look, self.result, self.traces)

    @property
    def image(self) -> QImage:
        """The pixels as an image over the same memory, which must outlive it."""
        (h, w), step = self.pixels.shape[:2], self.pixels.strides[0]
        made: QImage = QImage(self.pixels.data, w, h, step, _BGRX)  # type: ignore[call-overload]
        made.setDevicePixelRatio(self.viewport.ratio)
        return made

    @property
    def poses(self) -> Poses:
        """The people of the result; empty without one."""
        return self.result.poses if self.result else no_people(1)
