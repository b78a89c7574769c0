"""One source on the canvas: its newest picture with its people, and what is known of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PyQt6.QtCore import QPointF, QRect, QRectF, QSizeF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPen, QRegion, QTextOption

from app.gui import style
from app.gui.notices import sentence
from app.gui.shown import Shown
from app.gui.view import View
from app.live.protocol import SourceState
from app.live.viewport import Viewport
from app.overlay.look import Look, ZoneKind
from engine.types import Poses

_DESIGN = 720  # rows of a picture whose lines are as thick as on the screen
_NEAR = 28.0  # logical pixels beside a person that still mean it
_SOURCE_ADVICE = "Right-click here to try again, or to edit or remove the source."
_ENGINE_ADVICE = "Press Start to try again, or choose another model or device under Model."
_TITLE = 34  # pixels at the lower edge where the source's name is
_FILLS = 0.85  # of the height: how large a person is when the view keeps to them


@dataclass(slots=True)
class Tile:
    """Painted by the canvas."""

    source: str
    title: str
    state: SourceState | None = None
    engine_failed: bool = False  # the state says why, and it is no fault of the source
    shown: Shown | None = None
    fresh: bool = False  # not painted yet
    view: View = field(default_factory=View)
    chases: bool = False  # the view follows a person, so pictures are shown as they were asked for

    @property
    def size(self) -> QSizeF:
        """Of the picture, in its own pixels; empty without one."""
        return QSizeF(*self.shown.frame.size) if self.shown else QSizeF()

    def rest(self, why: str = "") -> None:
        """Nothing runs any more, or the engine failed; a failure of the source says more."""
        if not self.state or self.state.status != "failed" or self.engine_failed:
            text, self.engine_failed = why or "Nothing is running.", bool(why)
            self.state = SourceState(self.source, "failed" if why else "ended", text)

    @property
    def poses(self) -> Poses:
        """The people on the picture; empty before the first result."""
        return self.shown.poses if self.shown else _no_people()

    def paint_picture(self, painter: QPainter, area: QRectF, look: Look) -> None:
        """Put down the picture and its people; the painter is clipped to the area."""
        if self.shown is None:
            return
        ratio = _ratio(painter)
        shown = self.shown = self._as_seen(self._viewport(area, ratio), look)
        painter.drawImage(self._place(shown.viewport, area).topLeft(), shown.image)

    def covered(self, area: QRectF, ratio: float) -> QRect:
        """The pixels of the widget that a picture covers entirely, as the view is now."""
        if self.shown is None:
            return QRect()
        place = self._place(self._viewport(area, ratio), area)
        x, y = math.ceil(place.x()), math.ceil(place.y())
        return QRect(x, y, math.floor(place.right()) - x, math.floor(place.bottom()) - y)

    def _place(self, viewport: Viewport, area: QRectF) -> QRectF:
        """Where what is seen lies in the widget: on whole pixels of the screen."""
        assert self.shown is not None, "there is a picture"
        ratio = viewport.ratio
        left, top, right, bottom = viewport.seen(self.shown.frame.size)
        corner = QPointF(round(area.x() * ratio) + left, round(area.y() * ratio) + top) / ratio
        return QRectF(corner, QSizeF(right - left, bottom - top) / ratio)

    def screenshot(self, look: Look) -> QImage:
        """The picture in its own resolution, with all that is drawn on it."""
        assert self.shown is not None, "there is a picture"
        size = self.shown.frame.size
        shown = self.shown.again(Viewport(size, ratio=max(1.0, size[1] / _DESIGN)), look)
        image = shown.image.copy()
        image.setDevicePixelRatio(1.0)
        return image

    def _viewport(self, area: QRectF, ratio: float) -> Viewport:
        """What is seen now; a view that chases is on its way to what comes next."""
        assert self.shown is not None, "there is a picture"
        viewport, made = self.view.viewport(area, ratio), self.shown.viewport
        chased = self.chases and replace(viewport, zoom=made.zoom, middle=made.middle) == made
        return made if chased else viewport

    def _as_seen(self, viewport: Viewport, look: Look) -> Shown:
        """What was made for this view; made here where the view has changed since."""
        assert self.shown is not None, "there is a picture"
        if viewport == self.shown.viewport and (look is self.shown.look or look == self.shown.look):
            return self.shown
        return self.shown.again(viewport, look)

    def person_at(self, at: QPointF, area: QRectF, look: Look) -> int | None:
        """The row of the visible person under a point of the widget, or next to it."""
        if self.shown is None or not len(self.poses):
            return None
        place = self.view.place(self.size, area)
        scale = place.width() / self.size.width()
        x, y = (at.x() - place.x()) / scale, (at.y() - place.y()) / scale
        if look.display.mirrored:
            x = self.size.width() - x
        with np.errstate(invalid="ignore"):
            away = np.hypot(self.poses.xy[..., 0] - x, self.poses.xy[..., 1] - y)
            away[~(self.poses.joint_score >= look.display.min_joint_score)] = np.inf
        away = np.where(np.isfinite(away), away, np.inf).min(axis=1)
        hidden = [(self.source, n) in look.hidden for n in self.poses.ids.tolist()]
        away[np.array(hidden, np.bool_)] = np.inf
        row = int(away.argmin())
        return row if away[row] * scale <= _NEAR * max(1.0, self.view.zoom / 2) else None

    def keep_in_view(self, number: int, *, mirrored: bool) -> None:
        """Move the view a step towards a person, if they are in the picture."""
        rows = np.flatnonzero(self.poses.ids == number)
        if not len(rows):
            return
        xy = self.poses.xy[rows[0]]
        seen = xy[np.isfinite(xy).all(axis=-1)]
        if not len(seen):
            return
        low, high = seen.min(0) / self.shown_size, seen.max(0) / self.shown_size
        x, y = ((low + high) / 2).tolist()
        tall = max(float(high[1] - low[1]), 0.05)
        self.view.aim(QPointF(1 - x if mirrored else x, y), _FILLS / tall)
        self.chases = True

    @property
    def shown_size(self) -> tuple[float, float]:
        """(width, height) of the picture in its own pixels."""
        return self.size.width(), self.size.height()

    def paint_state(self, painter: QPainter, area: QRectF, theme: style.Theme) -> None:
        """Say what keeps the picture from coming."""
        text = self.told
        if not text:
            return
        if self.shown:
            painter.fillRect(area, QColor(0, 0, 0, 140))
        lost = self.state is not None and self.state.status in ("reconnecting", "failed")
        _message(painter, area, text, style.DARK if self.shown else theme, lost=lost)

    @property
    def told(self) -> str:
        """What keeps the picture from coming, in words; empty while it comes."""
        status = self.state.status if self.state else "opening"
        if status not in ("reconnecting", "failed", "opening") and self.shown:
            return ""
        text = sentence(self.state.text, (self.source,)) if self.state else "Opening…"
        if status != "failed":
            return text
        advice = _ENGINE_ADVICE if self.engine_failed else _SOURCE_ADVICE
        return f"{text}{'' if text.endswith(('.', '?', '!')) else '.'}\n{advice}"

    def paint_title(self, painter: QPainter, area: QRectF) -> None:
        """Put the source's name into the lower corner: heads, numbers and counts are above."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(style.font(9.5))
        most = int(area.width() - 34)
        text = painter.fontMetrics().elidedText(self.title, Qt.TextElideMode.ElideMiddle, most)
        box = painter.boundingRect(area, Qt.AlignmentFlag.AlignLeft, text)
        box = QRectF(area.x() + 8, area.bottom() - 30, box.width() + 18, 22)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(8, 10, 13, 180))
        painter.drawRoundedRect(box, 11, 11)
        painter.setPen(QColor("#e9edf3"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, text)


def described(tiles: Sequence[Tile]) -> str:
    """What stands in each picture's place, or that it is shown with the people found."""
    told = (f"{tile.title}: {tile.told or 'the newest picture with its people'}" for tile in tiles)
    return ". ".join(text.rstrip(".") for text in told)


def fill(painter: QPainter, where: QRegion, colour: str) -> None:
    """Only where no picture will lie: filling takes longer than copying a picture over it."""
    if not where.isEmpty():
        painter.save()  # after setClipping(False) the next region would not clip
        painter.setClipRegion(where)
        painter.fillRect(where.boundingRect(), QColor(colour))
        painter.restore()


def paint_zone_drag(painter: QPainter, kind: ZoneKind, start: QPointF, end: QPointF) -> None:
    """The line or the region that is being drawn with the mouse."""
    painter.setPen(QPen(QColor(style.DARK["warning"]), 2))
    if kind == "line":
        painter.drawLine(start, end)
    else:
        painter.drawRect(QRectF(start, end).normalized())


def _no_people() -> Poses:
    from engine.types import no_people

    return no_people(1)


def _ratio(painter: QPainter) -> float:
    """Device pixels per pixel that is painted."""
    device = painter.device()
    return device.devicePixelRatioF() if device else 1.0


def _message(painter: QPainter, area: QRectF, text: str, theme: style.Theme, *, lost: bool) -> None:
    layout = QTextOption(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
    layout.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)  # an address is one word
    room = area.adjusted(24, 8, -24, -_TITLE)
    middle = QRectF(QPointF(room.x(), area.center().y() - 4), room.bottomRight())
    why = text.partition("\n")[0]  # in a small place without what to do
    for box, shown, points in ((middle, text, 10.5), (middle, why, 10.5), (room, why, 9.0)):
        painter.setFont(style.font(points))
        if painter.boundingRect(box, shown, layout).height() <= box.height():
            break
    if lost and box is middle:
        mark = style.pixmap("warning", theme["warning"], 30, _ratio(painter))
        painter.drawPixmap(area.center() - QPointF(15, 44), mark)
    painter.setPen(QColor(theme["text" if lost else "muted"]))
    painter.drawText(box, shown, layout)
