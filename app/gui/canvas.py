"""Paints the newest picture of every source with its people. Nothing here works ahead or waits.

Pictures arrive as they are seen, made on the engine thread for the view that the canvas asked
for, so that painting one is a plain copy. One is made here only when the view or the look has
changed and no other has come yet, as while paused.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from PyQt6.QtCore import QPoint, QPointF, QRectF, Qt, pyqtSignal
from PyQt6.QtGui import (
    QContextMenuEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QRegion,
    QResizeEvent,
    QWheelEvent,
)
from PyQt6.QtWidgets import QSizePolicy, QWidget

from app.gui import style
from app.gui.shown import Shown
from app.gui.tile import Tile, fill, paint_zone_drag
from app.gui.tiling import tiles
from app.gui.view import View
from app.live.protocol import SourceState
from app.overlay.look import Look, Zone, ZoneKind
from engine.types import Result

_CLICK = 4  # pixels a press may move and still be a click


class Canvas(QWidget):
    """The pictures, side by side."""

    painted = pyqtSignal(object, float)  # Shown, its age in seconds when it was on the canvas
    viewed = pyqtSignal(object)  # {source: Viewport}: what pictures are to show from now on
    picked = pyqtSignal(object)  # (source, id) of a person that was clicked, or None
    asked = pyqtSignal(object, QPoint)  # (source, id) or (source, None), and where on the screen
    zone_drawn = pyqtSignal(str, object)  # source, Zone

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.look = Look()
        self.keeps_in_view = False  # the followed person stays in the middle of the view
        self._theme = style.DARK
        self._tiles: dict[str, Tile] = {}
        self._pressed: QPointF | None = None
        self._dragged: QPointF | None = None
        self._zone: ZoneKind | None = None  # the next drag draws one
        self.setMinimumSize(320, 180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Picture")
        self.setAccessibleDescription("The newest picture of every source with the people found")

    @property
    def zoom(self) -> float:
        """How much larger than fitting the pictures are shown, the largest of them."""
        return max((tile.view.zoom for tile in self._tiles.values()), default=1.0)

    @property
    def is_drawing_zone(self) -> bool:
        """Whether the next drag draws a line or a region."""
        return self._zone is not None

    @property
    def tiles(self) -> list[Tile]:
        """In their order on the canvas."""
        return list(self._tiles.values())

    @property
    def results(self) -> list[Result]:
        """The results on the canvas, in the order of the tiles."""
        shown = [tile.shown for tile in self._tiles.values() if tile.shown]
        return [s.result for s in shown if s.result is not None]

    def set_theme(self, theme: style.Theme) -> None:
        """Paint margins and labels in these colours."""
        self._theme = theme
        self.update()

    def set_sources(self, sources: Sequence[str], titles: Sequence[str]) -> None:
        """Have one tile per source; those that stay keep their pictures."""
        before = self._tiles
        self._tiles = {source: before.get(source) or Tile(source, "") for source in sources}
        for tile, title in zip(self._tiles.values(), titles, strict=True):
            tile.title = title
        if len(before) != len(self._tiles):
            self.zoom_to_fit()
        self._tell_views()
        self.update()

    def clear(self) -> None:
        """Start over: nothing of the pictures is kept."""
        self._tiles = {s: Tile(s, tile.title) for s, tile in self._tiles.items()}
        self.update()

    def set_state(self, state: SourceState) -> None:
        """Show how a source is doing."""
        if tile := self._tiles.get(state.source):
            tile.state, tile.engine_failed = state, False
            self.update()

    def has_failed(self, source: str) -> bool:
        """Whether nothing comes from this source at present."""
        tile = self._tiles.get(source)
        state = tile.state if tile else None
        return state is not None and state.status in ("failed", "ended", "reconnecting")

    def rest(self) -> None:
        """Nothing runs any more: the last pictures stay, and nothing promises new ones."""
        for tile in self._tiles.values():
            tile.rest()
        self.update()

    def show_failure(self, text: str) -> None:
        """Say on the tiles why everything ended; of sources that failed before, why they did."""
        for tile in self._tiles.values():
            tile.rest(text)
        self.update()

    def show_newest(self, newest: dict[str, Shown]) -> None:
        """Take new pictures; they are painted when Qt next paints."""
        for source, shown in newest.items():
            if tile := self._tiles.get(source):
                tile.shown, tile.fresh = shown, True
        self._keep_in_view()
        self.update()

    def set_look(self, look: Look) -> None:
        """Draw people this way from now on."""
        self.look = look
        self.update()

    def draw_zone(self, kind: ZoneKind | None) -> None:
        """Let the next drag draw a line or a region; None: drag the view again."""
        self._zone = kind
        if kind:
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            self.unsetCursor()

    def zoom_to_fit(self) -> None:
        """Show whole pictures."""
        for tile in self._tiles.values():
            tile.view, tile.chases = View(), False
        self._tell_views()
        self.update()

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Zoom in or out, keeping the spot at `at` (widget pixels) where it is."""
        spot = None if at is None else self._share(at)
        for tile in self._tiles.values():
            tile.view.zoom_by(factor, spot)
            tile.chases = False
        self._tell_views()
        self.update()

    def screenshot(self) -> QImage:
        """Everything on the canvas; a single source in its own resolution, not the window's."""
        shown = [tile for tile in self._tiles.values() if tile.shown]
        return shown[0].screenshot(self.look) if len(shown) == 1 else self.grab().toImage()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802  Qt's name
        """Paint every tile, then say which results became visible."""
        painter = QPainter(self)
        laid_out, free = self._laid_out(), QRegion(self.rect())
        for tile, area in laid_out:
            around = QRegion(area.toAlignedRect())
            free -= around
            around -= QRegion(tile.covered(area, self.devicePixelRatioF()))
            fill(painter, around, self._theme["tile" if len(laid_out) > 1 else "canvas"])
        fill(painter, free, self._theme["canvas"])
        for tile, area in laid_out:
            painter.save()
            painter.setClipRect(area)
            tile.paint_picture(painter, area, self.look)
            tile.paint_state(painter, area, self._theme)
            if len(laid_out) > 1:
                tile.paint_title(painter, area)
            painter.restore()
        if self._zone and self._pressed is not None and self._dragged is not None:
            paint_zone_drag(painter, self._zone, self._pressed, self._dragged)
        painter.end()
        now = time.perf_counter()
        for tile in self._tiles.values():
            if tile.fresh and tile.shown:
                tile.fresh = False
                self.painted.emit(tile.shown, now - tile.shown.frame.arrived)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Ask for pictures of the new size."""
        super().resizeEvent(event)
        self._tell_views()

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Zoom around the pointer."""
        if event:
            self.zoom_by(1.0015 ** event.angleDelta().y(), event.position())

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Begin a click, or to drag the view or a zone."""
        if event and event.button() == Qt.MouseButton.LeftButton:
            self._pressed = self._dragged = event.position()

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Drag the view, or the end of a zone."""
        if not event or self._dragged is None:
            return
        if self._zone:
            self._dragged = event.position()
            self.update()
        elif self.zoom > 1:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
            moved = self._share(self._dragged) - self._share(event.position())
            self._dragged = event.position()
            for tile in self._tiles.values():
                tile.view.move(moved)
                tile.chases = False
            self._tell_views()
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """End dragging; a press that did not move picks a person."""
        start, self._pressed, self._dragged = self._pressed, None, None
        if event is None or start is None:
            return
        if self._zone:
            self._end_zone(start, event.position())
            return
        self.unsetCursor()
        if (event.position() - start).manhattanLength() <= _CLICK:
            self.picked.emit(self._person_at(event.position()))

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:  # noqa: N802
        """Offer what can be done with the person or the source under the pointer."""
        if event:
            at = event.pos().toPointF()
            tile = self._tile_at(at)
            if tile:
                who = self._person_at(at) or (tile[0].source, None)
                self.asked.emit(who, event.globalPos())

    def _laid_out(self) -> list[tuple[Tile, QRectF]]:
        margin = 6.0 if len(self._tiles) > 1 else 0.0
        area = QRectF(self.rect()).adjusted(margin, margin, -margin, -margin)
        return list(zip(self._tiles.values(), tiles(len(self._tiles), area), strict=True))

    def _tile_at(self, at: QPointF) -> tuple[Tile, QRectF] | None:
        return next((pair for pair in self._laid_out() if pair[1].contains(at)), None)

    def _person_at(self, at: QPointF) -> tuple[str, int] | None:
        found = self._tile_at(at)
        row = found[0].person_at(at, found[1], self.look) if found else None
        if not found or row is None or found[0].poses.ids[row] < 0:
            return None
        return found[0].source, int(found[0].poses.ids[row])

    def _share(self, at: QPointF) -> QPointF:
        """Where a point of the widget lies in its picture, as a share of width and height."""
        found = self._tile_at(at)
        if not found or not found[0].shown:
            return QPointF(0.5, 0.5)
        return found[0].view.share(at, found[0].size, found[1])

    def _keep_in_view(self) -> None:
        tile = self._tiles.get(self.look.followed[0]) if self.look.followed else None
        if self.keeps_in_view and tile and self.look.followed:
            tile.keep_in_view(self.look.followed[1], mirrored=self.look.display.mirrored)
            self._tell_views()

    def _tell_views(self) -> None:
        ratio = self.devicePixelRatioF()
        areas = self._laid_out()
        self.viewed.emit({tile.source: tile.view.viewport(area, ratio) for tile, area in areas})

    def _end_zone(self, start: QPointF, end: QPointF) -> None:
        found, kind = self._tile_at(start), self._zone
        self.draw_zone(None)
        if not found or not kind or not found[0].shown or (end - start).manhattanLength() < 12:
            self.update()
            return
        corners = [found[0].view.share(at, found[0].size, found[1]) for at in (start, end)]
        flip = self.look.display.mirrored
        a, b = ((1 - c.x() if flip else c.x(), c.y()) for c in corners)
        self.zone_drawn.emit(found[0].source, Zone(kind, a, b))
        self.update()
