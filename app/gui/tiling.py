"""Where pictures go: a grid of tiles."""

from __future__ import annotations

from math import ceil

from PyQt6.QtCore import QRectF

GAP = 6.0  # between tiles, logical pixels
_USUAL = 16 / 9


def tiles(count: int, area: QRectF) -> list[QRectF]:
    """`count` equal rectangles in `area`, in as many columns as make 16:9 pictures largest."""
    if count < 1:
        return []
    columns = max(range(1, count + 1), key=lambda n: _picture_width(n, count, area))
    rows = ceil(count / columns)
    w = (area.width() - GAP * (columns - 1)) / columns
    h = (area.height() - GAP * (rows - 1)) / rows
    return [
        QRectF(area.x() + (i % columns) * (w + GAP), area.y() + (i // columns) * (h + GAP), w, h)
        for i in range(count)
    ]


def _picture_width(columns: int, count: int, area: QRectF) -> float:
    rows = ceil(count / columns)
    return min(area.width() / columns, area.height() / rows * _USUAL)
