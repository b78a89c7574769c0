"""Joints and number plates as small ready pictures: painting one is a copy.

A joint lies anywhere between the pixels of the screen; each disc is kept in 4 x 4 places within a
pixel, so that it moves as smoothly as if it were drawn anew.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil

from PyQt6.QtCore import QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPixmap

from app.gui import style

SHADE = QColor(0, 0, 0, 120)  # under lines and discs, so that they stand out on any picture
PLACES = 4  # within a pixel, each way
_RIM = 0.9  # logical pixels of shade around a disc
_RING = 1.2  # width of a ring's line, logical pixels


@lru_cache(maxsize=8192)
def disc(
    rgb: int, radius: float, white: float, ring: bool, right: int, down: int, ratio: float
) -> QPixmap:
    """A joint on transparent ground, 1/PLACES pixels `right` of and `down` from the middle.

    Args:
        rgb: the person's colour as `QColor.rgb()` gives it.
        radius: logical pixels.
        white: share of white mixed into the colour, 0..1.
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
    painter.setBrush(SHADE)
    rim = (radius + _RIM) * ratio
    painter.drawEllipse(middle, rim, rim)
    if ring:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(rgb), _RING * ratio))
    else:
        painter.setBrush(_lighter(QColor(rgb), white))
    painter.drawEllipse(middle, radius * ratio, radius * ratio)
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


def disc_side(radius: float, ratio: float) -> int:
    """Width and height of a `disc` in device pixels; even, so that its middle is a whole pixel."""
    return 2 * ceil((radius + _RIM + _RING) * ratio + 1)


@lru_cache(maxsize=256)
def plate(text: str, rgb: int, ratio: float) -> QPixmap:
    """A person's number on a rounded plate of this colour."""
    font = style.font(9.5, bold=True)
    width = ceil(max(QFontMetricsF(font).horizontalAdvance(text) + 12, 20))
    drawn = QPixmap(ceil(width * ratio), ceil(18 * ratio))
    drawn.setDevicePixelRatio(ratio)
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    rect = QRectF(0, 0, width, 18)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(rgb))
    painter.drawRoundedRect(rect, 9, 9)
    painter.setPen(QColor("#0b0e12"))
    painter.setFont(font)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
    painter.end()
    return drawn


def _lighter(colour: QColor, share: float) -> QColor:
    """`colour` with this share of white."""
    parts = (colour.red(), colour.green(), colour.blue())
    return QColor(*(round(part + share * (255 - part)) for part in parts))
