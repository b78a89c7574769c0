"""Pixels as Qt's images, without a copy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtGui import QImage

from app.gui.bridge import Shown
from engine.types import Frame


def screen_image(shown: Shown) -> QImage:
    """The picture in the size of the screen as an image."""
    return _image(shown.picture, QImage.Format.Format_RGB32)


def frame_image(frame: Frame) -> QImage:
    """The whole frame as an image."""
    return _image(frame.pixels, QImage.Format.Format_RGB888)


def _image(pixels: NDArray[np.uint8], form: QImage.Format) -> QImage:
    """An image over the memory of (H, W, channels) uint8 pixels, which must outlive it."""
    h, w = pixels.shape[:2]
    made: QImage = QImage(pixels.data, w, h, pixels.strides[0], form)  # type: ignore[call-overload]
    return made
