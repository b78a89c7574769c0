"""One source on the canvas: its newest picture with its people, and what is known of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PyQt6.QtCore import QPointF, QRectF, QSizeF, Qt
from PyQt6.QtGui import QColor, QImage, QPainter, QPen, QTextOption

from app.gui import style
from app.gui.bridge import Shown
from app.gui.images import frame_image, screen_image
from app.gui.notices import sentence
from app.gui.people import paint_mosaics, paint_scene
from app.gui.view import View
from app.live.protocol import SourceState
from app.overlay.look import Look, ZoneKind
from app.overlay.marks import Scene, Target, scene_of
from engine.types import Poses

_DESIGN = 720  # rows of a picture whose lines are as thick as on the screen
_NEAR = 28.0  # logical pixels beside a person that still mean it
_SOURCE_ADVICE = "Right-click here to try again, or to edit or remove the source."
_ENGINE_ADVICE = "Press Start to try again, or choose another model or device under Model."
_WHOLE = QImage.Format.Format_RGB32
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

    @property
    def size(self) -> QSizeF:
        """Of the picture, in its own pixels; empty without one."""
        return QSizeF(*self.shown.frame.size) if self.shown else QSizeF()

    def rest(self, why: str = "") -> None:
        """Nothing runs any more, or the engine failed; a failure of the source says more."""
        if not self.state or self.state.status != "failed" or self.engine_failed:
            text, self.engine_failed = why or "Nothing is running.", bool(why)
            self.state = SourceState(self.source, "failed" if why else "ended", text)

    def scene(self, look: Look, place: QRectF, unit: float = 1.0) -> Scene:
        """All that is drawn on a picture that lies at `place`."""
        assert self.shown is not None, "there is a picture"
        w, h = self.shown.frame.size
        target = Target((w, h), place.width() / w, (place.x(), place.y()), unit)
        return scene_of(self.poses, look, self.source, target, self.shown.traces)

    @property
    def poses(self) -> Poses:
        """The people on the picture; empty before the first result."""
        return self.shown.poses if self.shown else _no_people()

    def paint_picture(self, painter: QPainter, area: QRectF, look: Look, *, ready: bool) -> None:
        """Put down the picture and its people.

        Args:
            painter: clipped to the area.
            ready: the picture was made in the size it is shown in.
        """
        shown = self.shown
        if shown is None:
            return
        place = self.view.place(self.size, area)
        image = screen_image(shown) if ready else frame_image(shown.frame)
        if ready:
            place, exact = _on_whole_pixels(place, image, painter)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, not exact)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, self.view.zoom < 3)
        scene = self.scene(look, place)
        if scene.black:
            painter.fillRect(place, QColor(0, 0, 0))
        else:
            if ready:
                painter.drawImage(place, image.mirrored(True, False) if scene.mirrored else image)
            else:
                _paint_seen(painter, image, place, area, mirrored=scene.mirrored)
            paint_mosaics(painter, scene, image, place)
        paint_scene(painter, scene)

    def screenshot(self, look: Look) -> QImage:
        """The picture in its own resolution, with all that is drawn on it."""
        assert self.shown is not None, "there is a picture"
        image = self._whole_picture()
        drawn = image.convertToFormat(QImage.Format.Format_RGB32)
        place = QRectF(QPointF(0, 0), self.size)
        scene = self.scene(look, place, max(1.0, drawn.height() / _DESIGN))
        if scene.mirrored:
            drawn = drawn.mirrored(True, False)
        if scene.black:
            drawn.fill(QColor(0, 0, 0))
        painter = QPainter(drawn)
        painter.setClipRect(place)
        paint_mosaics(painter, scene, image, place)
        paint_scene(painter, scene)
        painter.end()
        return drawn

    def _whole_picture(self) -> QImage:
        """In the frame's own size; a heatmap is there in the size of the screen only."""
        assert self.shown is not None, "there is a picture"
        image = frame_image(self.shown.frame)
        if not self.shown.traces.heat:
            return image
        smooth = Qt.TransformationMode.SmoothTransformation
        return screen_image(self.shown).scaled(image.size(), transformMode=smooth)

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


def _paint_seen(
    painter: QPainter, image: QImage, place: QRectF, area: QRectF, *, mirrored: bool
) -> None:
    """Put down the part of an enlarged picture at `place` that lies in the area: the rest costs."""
    across = image.width() / place.width()
    seen = area.intersected(place).translated(-place.topLeft())
    part = QRectF(seen.topLeft() * across, seen.size() * across).toAlignedRect()
    part = part.intersected(image.rect())
    target = QRectF(QPointF(part.topLeft()), QSizeF(part.size()))
    target = QRectF(place.topLeft() + target.topLeft() / across, target.size() / across)
    if mirrored:
        part.moveLeft(image.width() - part.x() - part.width())
    # Qt scales 32 bits per pixel twice as fast as 24.
    cut = image.copy(part).convertToFormat(_WHOLE)
    painter.drawImage(target, cut.mirrored(True, False) if mirrored else cut)


def _on_whole_pixels(place: QRectF, image: QImage, painter: QPainter) -> tuple[QRectF, bool]:
    """Where a ready picture goes, and whether it is a plain copy there: nothing is scaled."""
    device = painter.device()
    ratio = device.devicePixelRatioF() if device else 1.0
    size = QSizeF(image.width(), image.height()) / ratio
    if abs(size.width() - place.width()) >= 1.5:
        return place, False
    corner = QPointF(round(place.x() * ratio), round(place.y() * ratio)) / ratio
    return QRectF(corner, size), True


def _message(painter: QPainter, area: QRectF, text: str, theme: style.Theme, *, lost: bool) -> None:
    colour = theme["warning" if lost else "muted"]
    if lost:
        device = painter.device()
        ratio = device.devicePixelRatioF() if device else 1.0
        mark = style.pixmap("warning", colour, 30, ratio)
        painter.drawPixmap(area.center() - QPointF(15, 44), mark)
    painter.setPen(QColor(theme["text" if lost else "muted"]))
    painter.setFont(style.font(10.5))
    top = area.center().y() - 4
    box = QRectF(area.x() + 24, top, area.width() - 48, area.bottom() - top - 8)
    layout = QTextOption(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
    layout.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)  # an address is one word
    painter.drawText(box, text, layout)
