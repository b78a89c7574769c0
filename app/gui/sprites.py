"""Joints and plates as small ready pictures: painting one is a copy.

A joint lies anywhere between the pixels of the screen; each disc is kept in 4 x 4 places within a
pixel, so that it moves as smoothly as if it were drawn anew.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QImage, QPainter, QPen, QPixmap

from app.gui import style
from app.overlay.marks import RIM, Colour

PLACES = 4  # within a pixel, each way
_RIM = 1.0  # pixels of the design around a disc
_RING = 1.2  # width of a ring's line


@lru_cache(maxsize=8192)
def disc(colour: Colour, radius: float, ring: bool, right: int, down: int, ratio: float) -> QPixmap:
    """A joint on transparent ground, 1/PLACES pixels `right` of and `down` from the middle.

    Args:
        colour: RGB 0..255.
        radius: logical pixels.
        ring: a ring instead of a disc.
        right: 0 to PLACES - 1, in device pixels / PLACES.
        down: likewise.
        ratio: device pixels per logical pixel.
    """
    side = disc_side(radius, ratio)
    drawn = QPixmap(side, side)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    middle = QPointF(side / 2 + right / PLACES, side / 2 + down / PLACES)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*RIM))
    rim = (radius + _RIM) * ratio
    painter.drawEllipse(middle, rim, rim)
    if ring:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(*colour), _RING * ratio))
    else:
        painter.setBrush(QColor(*colour))
    painter.drawEllipse(middle, radius * ratio, radius * ratio)
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


def disc_side(radius: float, ratio: float) -> int:
    """Width and height of a `disc` in device pixels; even, so that its middle is a whole pixel."""
    return 2 * ceil((radius + _RIM + _RING) * ratio + 1)


@lru_cache(maxsize=512)
def plate(text: str, ground: Colour, ink: Colour, size: float, ratio: float) -> QImage:
    """A short text on a rounded ground; `size` is the height of the text in logical pixels."""
    font = style.font(10.0, bold=True)
    font.setPixelSize(max(1, round(size)))
    high = round(1.5 * size)
    width = ceil(max(QFontMetricsF(font).horizontalAdvance(text) + size, high))
    drawn = QImage(
        ceil(width * ratio), ceil(high * ratio), QImage.Format.Format_ARGB32_Premultiplied
    )
    drawn.setDevicePixelRatio(ratio)
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
    return drawn
