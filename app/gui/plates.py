"""Short texts as small ready pictures: to put one down is to copy it."""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QImage, QPainter

from app.gui import style
from app.overlay.marks import Colour


@lru_cache(maxsize=1024)
def qt_plate(text: str, ground: Colour, ink: Colour, size: float) -> NDArray[np.uint8]:
    """A text on a rounded ground in the letters of the window. Any thread.

    Args:
        ground, ink: RGB 0..255.
        size: height of the text in pixels.

    Returns:
        (h, w, 4) uint8 RGBA, read-only.
    """
    font = style.font(10.0, bold=True)
    font.setPixelSize(max(1, round(size)))
    high = round(1.5 * size)
    width = ceil(max(QFontMetricsF(font).horizontalAdvance(text) + size, high))
    drawn = QImage(width, high, QImage.Format.Format_ARGB32_Premultiplied)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    rect = QRectF(0, 0, width, high)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*ground))
    painter.drawRoundedRect(rect, high / 2, high / 2)
    painter.setPen(QColor(*ink))
    painter.setFont(font)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    return _rgba(drawn)


def _rgba(image: QImage) -> NDArray[np.uint8]:
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    data: Any = image.constBits()
    rows: NDArray[np.uint8] = np.frombuffer(data.asarray(image.sizeInBytes()), np.uint8)
    made = rows.reshape(image.height(), -1, 4)[:, : image.width()].copy()
    made.flags.writeable = False
    return made
