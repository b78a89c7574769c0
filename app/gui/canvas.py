"""Paints the newest picture of every source with its people. Nothing here works ahead or waits.

Pictures arrive in the size of the screen, made on the engine thread, so that painting one is a
plain copy. Only when a person zooms in, or resizes while paused, does Qt scale the whole frame. A
heatmap is part of the picture: under one, the picture is asked for in the size of the zoom.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from PyQt6.QtCore import QPointF, QRectF, QSizeF, Qt, pyqtSignal
from PyQt6.QtGui import (
    QColor,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.gui import style
from app.gui.bridge import Shown
from app.gui.images import frame_image, screen_image
from app.gui.people import Look, paint_people
from app.gui.tiling import fitted, tiles
from app.live.protocol import SourceState
from engine.types import Result

MOST_ZOOM = 16.0


@dataclass(slots=True)
class _Tile:
    """One source: what is known of it and its newest picture."""

    source: str
    title: str
    state: SourceState | None = None
    shown: Shown | None = None
    fresh: bool = False  # not painted yet


class Canvas(QWidget):
    """The pictures, side by side."""

    painted = pyqtSignal(object, float)  # Result, its age in seconds when it was on the canvas
    resized = pyqtSignal(int, int)  # device pixels one picture may fill

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = Look()
        self._theme = style.DARK
        self._tiles: dict[str, _Tile] = {}
        self._zoom = 1.0
        self._heat = False  # the pictures carry a heatmap
        self._middle = QPointF(0.5, 0.5)  # of the view, as a share of the picture
        self._dragged: QPointF | None = None
        self.setMinimumSize(320, 200)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        self.setAccessibleDescription("The newest picture of every source with the people found")

    @property
    def zoom(self) -> float:
        """How much larger than fitting the picture is shown."""
        return self._zoom

    @property
    def results(self) -> list[Result]:
        """The results on the canvas, in the order of the tiles."""
        return [tile.shown.result for tile in self._tiles.values() if tile.shown]

    def set_theme(self, theme: style.Theme) -> None:
        """Paint margins and labels in these colours."""
        self._theme = theme
        self.update()

    def set_sources(self, sources: Sequence[str], titles: Sequence[str]) -> None:
        """Begin anew with one empty tile per source."""
        self._tiles = {s: _Tile(s, t) for s, t in zip(sources, titles, strict=True)}
        self.zoom_to_fit()
        self._tell_size()

    def set_state(self, state: SourceState) -> None:
        """Show how a source is doing."""
        if state.source in self._tiles:
            self._tiles[state.source].state = state
            self.update()

    def rest(self) -> None:
        """Nothing runs any more: the last pictures stay, and nothing promises new ones."""
        for tile in self._tiles.values():
            tile.state = SourceState(tile.source, "ended", "Nothing is running.")
        self.update()

    def show_newest(self, newest: dict[str, Shown]) -> None:
        """Take new pictures; they are painted when Qt next paints."""
        for source, shown in newest.items():
            if source in self._tiles:
                self._tiles[source].shown = shown
                self._tiles[source].fresh = True
        self.update()

    def set_look(self, look: Look) -> None:
        """Paint people this way from now on."""
        self.look = look
        self.update()

    def set_heat(self, joint: int | None) -> None:
        """Show pictures that carry the heatmap of a joint, or with None plain ones."""
        self._heat = joint is not None
        self._tell_size()
        self.update()

    def zoom_to_fit(self) -> None:
        """Show whole pictures."""
        self._zoom, self._middle = 1.0, QPointF(0.5, 0.5)
        self._tell_size()
        self.update()

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom in or out, keeping the spot at `at` (widget pixels) where it is."""
        zoom = min(max(self._zoom * factor, 1.0), MOST_ZOOM)
        if at is not None and self._zoom > 0:
            spot = self._share(at)
            self._middle = spot + (self._middle - spot) * (self._zoom / zoom)
        self._zoom = zoom
        self._tell_size()
        self._keep_inside()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  Qt's name
        """Paint every tile, then say which results became visible."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(self._theme["canvas"]))
        for tile, area in zip(self._tiles.values(), self._areas(), strict=True):
            self._paint_tile(painter, tile, area)
        painter.end()
        now = time.perf_counter()
        for tile in self._tiles.values():
            if tile.fresh and tile.shown:
                tile.fresh = False
                self.painted.emit(tile.shown.result, now - tile.shown.result.frame.arrived)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Ask for pictures of the new size."""
        super().resizeEvent(event)
        self._tell_size()

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Zoom around the pointer."""
        if event:
            self.zoom_by(1.0015 ** event.angleDelta().y(), event.position())

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Begin to drag the view."""
        if event and event.button() == Qt.MouseButton.LeftButton and self._zoom > 1:
            self._dragged = event.position()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Drag the view."""
        if event and self._dragged is not None:
            moved = self._share(self._dragged) - self._share(event.position())
            self._dragged = event.position()
            self._middle += moved
            self._keep_inside()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """End dragging."""
        self._dragged = None
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Show whole pictures again."""
        self.zoom_to_fit()

    def screenshot(self) -> QImage:
        """Everything on the canvas; a single source in its own resolution, not the window's."""
        shown = [tile for tile in self._tiles.values() if tile.shown]
        if len(shown) != 1 or shown[0].shown is None:
            return self.grab().toImage()
        result = shown[0].shown.result
        image = frame_image(result).convertToFormat(QImage.Format.Format_RGB32)
        painter = QPainter(image)
        bold = replace(self.look, thickness=self.look.thickness * max(1.0, image.height() / 720))
        paint_people(painter, result.poses, bold, 1.0, QPointF(0, 0))
        painter.end()
        return image

    def _areas(self) -> list[QRectF]:
        margin = 6.0 if len(self._tiles) > 1 else 0.0
        area = QRectF(self.rect()).adjusted(margin, margin, -margin, -margin)
        return tiles(len(self._tiles), area)

    def _tell_size(self) -> None:
        areas = self._areas() or [QRectF(self.rect())]
        w, h = (side * self.devicePixelRatioF() for side in (areas[0].width(), areas[0].height()))
        more = self._zoom if self._heat else 1.0
        for result in self.results:  # never more than there is to see
            size = result.frame.size
            more = min(more, max(1.0, size[0] / w, size[1] / h))
        self.resized.emit(round(w * more), round(h * more))

    def _paint_tile(self, painter: QPainter, tile: _Tile, area: QRectF) -> None:
        painter.save()
        painter.setClipRect(area)
        if len(self._tiles) > 1:
            painter.fillRect(area, QColor(self._theme["tile"]))
        if tile.shown:
            self._paint_picture(painter, tile.shown, area)
        self._paint_state(painter, tile, area)
        painter.restore()

    def _paint_picture(self, painter: QPainter, shown: Shown, area: QRectF) -> None:
        w, h = shown.result.frame.size
        place = self._place(QSizeF(w, h), area)
        if self._zoom == 1.0 or self._heat:
            image = screen_image(shown)
            ratio = self.devicePixelRatioF()
            ready = QRectF(place.topLeft(), QSizeF(image.width(), image.height()) / ratio)
            exact = abs(ready.width() - place.width()) < 1.5
            if exact:  # whole device pixels: a copy, nothing is scaled
                corner = QPointF(round(place.x() * ratio), round(place.y() * ratio)) / ratio
                place = QRectF(corner, ready.size())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not exact)
            painter.drawImage(place, image)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self._zoom < 3)
            painter.drawImage(place, frame_image(shown.result))
        paint_people(painter, shown.result.poses, self.look, place.width() / w, place.topLeft())

    def _place(self, size: QSizeF, area: QRectF) -> QRectF:
        """Where the whole picture lies, in widget pixels; larger than `area` when zoomed in."""
        whole = fitted(size, area)
        w, h = whole.width() * self._zoom, whole.height() * self._zoom
        corner = area.center() - QPointF(self._middle.x() * w, self._middle.y() * h)
        return QRectF(corner, QSizeF(w, h))

    def _share(self, at: QPointF) -> QPointF:
        """Where a point of the widget lies in its picture, as a share of width and height."""
        for tile, area in zip(self._tiles.values(), self._areas(), strict=True):
            if tile.shown and area.contains(at):
                place = self._place(QSizeF(*tile.shown.result.frame.size), area)
                off = at - place.topLeft()
                return QPointF(off.x() / place.width(), off.y() / place.height())
        return QPointF(self._middle)

    def _keep_inside(self) -> None:
        half = 0.5 / self._zoom
        x = min(max(self._middle.x(), half), 1 - half)
        y = min(max(self._middle.y(), half), 1 - half)
        self._middle = QPointF(x, y)
        self.update()

    def _paint_state(self, painter: QPainter, tile: _Tile, area: QRectF) -> None:
        status = tile.state.status if tile.state else "opening"
        if status in ("reconnecting", "failed", "opening") or not tile.shown:
            if tile.shown:
                painter.fillRect(area, QColor(0, 0, 0, 140))
            text = tile.state.text if tile.state else "Opening…"
            self._paint_message(painter, area, text, status)
        if len(self._tiles) > 1:
            self._paint_title(painter, area, tile.title)

    def _paint_message(self, painter: QPainter, area: QRectF, text: str, status: str) -> None:
        lost = status in ("reconnecting", "failed")
        colour = style.DARK["warning"] if lost else self._theme["muted"]
        if lost:
            mark = style.pixmap("warning", colour, 30, self.devicePixelRatioF())
            painter.drawPixmap(area.center() - QPointF(15, 44), mark)
        painter.setPen(QColor(style.DARK["text"] if lost else self._theme["muted"]))
        painter.setFont(style.font(10.5))
        box = QRectF(area.x() + 24, area.center().y() - 4, area.width() - 48, 80)
        where = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(box, int(where | Qt.TextFlag.TextWordWrap), text)

    def _paint_title(self, painter: QPainter, area: QRectF, title: str) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = style.font(9.5)
        painter.setFont(font)
        box = painter.boundingRect(area, Qt.AlignmentFlag.AlignLeft, title)
        box = QRectF(area.x() + 8, area.y() + 8, box.width() + 18, 22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(8, 10, 13, 180))
        painter.drawRoundedRect(box, 11, 11)
        painter.setPen(QColor("#e9edf3"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, title)
