"""Puts the marks of a scene on the screen with QPainter, crisp at the screen's resolution."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QLineF, QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from app.gui.sprites import PLACES, disc, disc_side, plate
from app.overlay.marks import RIM, Colour, Discs, Lines, Mark, Plate, Scene

_FLAT = Qt.PenCapStyle.FlatCap  # four times as fast as round ends; the joints cover them
_TILES = 5  # squares across a blurred head, as in overlay videos


def paint_scene(painter: QPainter, scene: Scene) -> None:
    """Put down every mark of a scene; the picture must be there already.

    Args:
        painter: in logical pixels, clipped to the picture.
        scene: laid out in the same pixels.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    for mark in scene.marks:
        painter.setOpacity(mark.opacity)
        _put(painter, mark)
    painter.setOpacity(1.0)


def paint_mosaics(painter: QPainter, scene: Scene, picture: QImage, place: QRectF) -> None:
    """Hide heads: paint a few squares of the picture's own colours over each.

    Args:
        picture: the whole frame, in any size.
        place: where it lies, in the painter's pixels; not mirrored.
    """
    across = picture.width() / max(place.width(), 1.0)
    for x, y, radius in scene.mosaics:
        spot = QRectF(x - radius, y - radius, 2 * radius, 2 * radius)
        seen = spot.translated(-place.x(), -place.y())
        if scene.mirrored:
            seen.moveLeft(place.width() - seen.right())
        part = QRectF(seen.topLeft() * across, seen.size() * across).toAlignedRect()
        part = part.intersected(picture.rect())
        if part.isEmpty():
            continue
        few = picture.copy(part).scaled(
            _TILES, _TILES, transformMode=Qt.TransformationMode.SmoothTransformation
        )
        if scene.mirrored:
            few = few.mirrored(True, False)
        cut = QPainterPath()
        cut.addEllipse(spot)
        painter.save()
        painter.setClipPath(cut, Qt.ClipOperation.IntersectClip)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, False)
        painter.drawImage(spot, few)
        painter.restore()


def qt_plate(text: str, ground: Colour, ink: Colour, size: float) -> NDArray[np.uint8]:
    """A plate as the window shows it, for recordings: (h, w, 4) uint8 RGBA. Any thread."""
    image = plate(text, ground, ink, size, 1.0)
    image = image.convertToFormat(QImage.Format.Format_RGBA8888)
    data: Any = image.constBits()
    rows: NDArray[np.uint8] = np.frombuffer(data.asarray(image.sizeInBytes()), np.uint8)
    return rows.reshape(image.height(), -1, 4)[:, : image.width()].copy()


def _put(painter: QPainter, mark: Mark) -> None:
    match mark:
        case Lines():
            _lines(painter, mark)
        case Discs():
            _discs(painter, mark)
        case Plate():
            _plate(painter, mark)


def _lines(painter: QPainter, mark: Lines) -> None:
    lines = [QLineF(*ends) for ends in mark.ends.tolist()]
    if not lines:
        return
    if mark.rim:
        painter.setPen(_pen(RIM, mark.width + 2))
        painter.drawLines(*lines)
    painter.setPen(_pen(mark.rgb, mark.width))
    painter.drawLines(*lines)


@lru_cache(maxsize=256)
def _pen(rgb: Colour, width: float) -> QPen:
    return QPen(QColor(*rgb), width, cap=_FLAT)


def _discs(painter: QPainter, mark: Discs) -> None:
    device = painter.device()
    ratio = device.devicePixelRatioF() if device else 1.0
    for (x, y), radius, colour, ring in zip(
        mark.xy.tolist(), mark.radius.tolist(), mark.colours, mark.rings, strict=True
    ):
        half = disc_side(radius, ratio) // 2
        column, right = divmod(round(x * ratio * PLACES), PLACES)
        row, down = divmod(round(y * ratio * PLACES), PLACES)
        ready = disc(colour, radius, ring, right, down, ratio)
        painter.drawPixmap(QPointF((column - half) / ratio, (row - half) / ratio), ready)


def _plate(painter: QPainter, mark: Plate) -> None:
    """Above its place, but always inside what is visible."""
    device = painter.device()
    ratio = device.devicePixelRatioF() if device else 1.0
    ready = plate(mark.text, mark.ground, mark.ink, mark.size, ratio)
    size = ready.deviceIndependentSize()
    seen = painter.clipBoundingRect()
    x = min(max(mark.at[0] - size.width() / 2, seen.left()), seen.right() - size.width())
    y = min(max(mark.at[1] - size.height(), seen.top()), seen.bottom() - size.height())
    painter.drawImage(QPointF(round(x), round(y)), ready)
