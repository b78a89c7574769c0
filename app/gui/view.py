"""How a picture lies in its area: zoom, and which spot is in the middle."""

from __future__ import annotations

from dataclasses import dataclass, field

from PyQt6.QtCore import QPointF, QRectF, QSizeF

from app.live.viewport import Viewport

MOST_ZOOM = 16.0
_EASE = 0.15  # share of the way to its aim that a view goes with every picture


@dataclass(slots=True)
class View:
    """Shares are parts 0..1 of the picture's width and height, as it is shown."""

    zoom: float = 1.0
    middle: QPointF = field(default_factory=lambda: QPointF(0.5, 0.5))

    def viewport(self, area: QRectF, ratio: float = 1.0) -> Viewport:
        """What is seen in an area of the widget that has `ratio` device pixels per pixel."""
        edges = (area.x(), area.y(), area.right(), area.bottom())
        left, top, right, bottom = (round(edge * ratio) for edge in edges)
        middle = self.middle.x(), self.middle.y()
        return Viewport((right - left, bottom - top), self.zoom, middle, ratio)

    def place(self, size: QSizeF, area: QRectF) -> QRectF:
        """Where the whole picture lies, in widget pixels; larger than `area` when zoomed in."""
        if size.isEmpty():
            return area
        x, y, w, h = self.viewport(area).whole((round(size.width()), round(size.height())))
        return QRectF(QPointF(round(area.x()) + x, round(area.y()) + y), QSizeF(w, h))

    def share(self, at: QPointF, size: QSizeF, area: QRectF) -> QPointF:
        """Where a point of the widget lies in the picture."""
        place = self.place(size, area)
        off = at - place.topLeft()
        return QPointF(off.x() / place.width(), off.y() / place.height())

    def zoom_by(self, factor: float, spot: QPointF | None = None) -> None:
        """Zoom in or out, keeping a spot of the picture where it is."""
        zoom = min(max(self.zoom * factor, 1.0), MOST_ZOOM)
        if spot is not None:
            self.middle = spot + (self.middle - spot) * (self.zoom / zoom)
        self.zoom = zoom
        self.keep_inside()

    def move(self, by: QPointF) -> None:
        """Show another part of the picture."""
        self.middle += by
        self.keep_inside()

    def aim(self, middle: QPointF, zoom: float) -> None:
        """Go a part of the way to a spot and a zoom."""
        self.middle += (middle - self.middle) * _EASE
        self.zoom += (min(max(zoom, 1.0), MOST_ZOOM) - self.zoom) * _EASE
        self.keep_inside()

    def keep_inside(self) -> None:
        """Show no more beside the picture than there must be."""
        half = 0.5 / self.zoom
        x = min(max(self.middle.x(), half), 1 - half)
        y = min(max(self.middle.y(), half), 1 - half)
        self.middle = QPointF(x, y)
