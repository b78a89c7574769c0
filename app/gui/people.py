"""Paints people: limbs, joints, boxes and ids, crisp at the resolution of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QLineF, QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QFontMetricsF, QPainter, QPen

from app.gui import style
from engine.skeleton import COCO, Skeleton
from engine.types import JointState, Poses

_SHADE = QColor(0, 0, 0, 120)  # under lines, so that they stand out on any picture
_FLAT = Qt.PenCapStyle.FlatCap  # four times as fast as round ends; the joints cover them
_NO_PEN, _NO_BRUSH = Qt.PenStyle.NoPen, Qt.BrushStyle.NoBrush
_DETECTED = int(JointState.DETECTED)
_STRANGER = 0.4  # opacity
_STEPS = 4  # of certainty that are told apart


@dataclass(frozen=True, slots=True)
class Look:
    """What is painted of a person."""

    skeleton: Skeleton = COCO
    limbs: bool = True
    joints: bool = True
    boxes: bool = False
    ids: bool = True
    faint_strangers: bool = True  # people the tracker has not numbered yet
    colours: Literal["person", "side"] = "person"
    min_joint_score: float = 0.15
    thickness: float = 1.0


def paint_people(painter: QPainter, poses: Poses, look: Look, scale: float, left: QPointF) -> None:
    """Paint everyone.

    Args:
        painter: in logical screen pixels, clipped to the picture.
        poses: in image pixels.
        scale: logical screen pixels per image pixel.
        left: where the picture's top left corner is on the screen.
    """
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    seen = (poses.joint_score >= look.min_joint_score) & np.isfinite(poses.xy).all(axis=2)
    xy = np.nan_to_num(poses.xy.astype(np.float64)) * scale + (left.x(), left.y())
    for row in range(len(poses)):
        if seen[row].any():
            stranger = look.faint_strangers and poses.ids[row] < 0
            painter.setOpacity(_STRANGER if stranger else 1.0)
            _person(painter, poses, row, xy[row], seen[row], look)
    painter.setOpacity(1.0)


def _person(
    painter: QPainter,
    poses: Poses,
    row: int,
    xy: NDArray[np.float64],
    seen: NDArray[np.bool_],
    look: Look,
) -> None:
    """One person; xy (K, 2) screen pixels, seen (K,) which joints to paint."""
    colour = style.person_colour(int(poses.ids[row]))
    corner, far = xy[seen].min(axis=0), xy[seen].max(axis=0)
    height = float(far[1] - corner[1])
    width = look.thickness * min(max(height / 90, 1.6), 4.0)
    if look.boxes:
        _box(painter, _rect(corner, far, 3 * width), colour, width)
    if look.limbs:
        _limbs(painter, xy, seen, look, colour, width)
    if look.joints:
        _joints(painter, xy, seen, poses.joint_score[row], poses.state[row], colour, width)
    if look.ids and poses.ids[row] >= 0:
        _label(painter, f"{poses.ids[row]}", _rect(corner, far, 3 * width), colour)


def _rect(corner: NDArray[np.float64], far: NDArray[np.float64], margin: float) -> QRectF:
    whole = QRectF(QPointF(*corner.tolist()), QPointF(*far.tolist()))
    return whole.adjusted(-margin, -margin, margin, margin)


def _box(painter: QPainter, rect: QRectF, colour: QColor, width: float) -> None:
    for pen in (QPen(_SHADE, width + 1.5), QPen(colour, max(1.2, width * 0.6))):
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect, 6, 6)


def _limbs(
    painter: QPainter,
    xy: NDArray[np.float64],
    seen: NDArray[np.bool_],
    look: Look,
    colour: QColor,
    width: float,
) -> None:
    by_colour: dict[int, tuple[QColor, list[QLineF]]] = {}
    for a, b in look.skeleton.limbs:
        if seen[a] and seen[b]:
            painted = _side(look.skeleton, a, b) if look.colours == "side" else colour
            _, lines = by_colour.setdefault(painted.rgb(), (painted, []))
            lines.append(QLineF(xy[a, 0], xy[a, 1], xy[b, 0], xy[b, 1]))
    for painted, lines in by_colour.values():
        painter.setPen(QPen(_SHADE, width + 2, cap=_FLAT))
        painter.drawLines(*lines)
        painter.setPen(QPen(painted, width, cap=_FLAT))
        painter.drawLines(*lines)


def _side(skeleton: Skeleton, a: int, b: int) -> QColor:
    """Left limbs are warm, right ones are cold, those in the middle are white."""
    sides = {skeleton.names[joint].partition("_")[0] for joint in (a, b)}
    if sides == {"left"} or sides == {"left", "nose"}:
        return style.LEFT
    return style.RIGHT if sides <= {"right", "nose"} else style.MIDDLE


def _joints(
    painter: QPainter,
    xy: NDArray[np.float64],
    seen: NDArray[np.bool_],
    score: NDArray[np.float32],
    state: NDArray[np.uint8],
    colour: QColor,
    width: float,
) -> None:
    """A disc per joint: the surer, the larger and whiter; hollow where it was not a peak."""
    steps = np.rint(np.clip(score, 0, 1) * _STEPS).astype(int).tolist()
    fills = [_lighter(colour, 0.75 * step / _STEPS) for step in range(_STEPS + 1)]
    found, kinds = np.flatnonzero(seen).tolist(), state.tolist()
    spots = [QPointF(x, y) for x, y in xy.tolist()]
    radii = [width * (0.75 + 0.55 * step / _STEPS) for step in steps]
    painter.setPen(_NO_PEN)  # discs without an outline are twice as fast, even painted twice
    painter.setBrush(_SHADE)
    for joint in found:
        painter.drawEllipse(spots[joint], radii[joint] + 0.9, radii[joint] + 0.9)
    for joint in found:
        if kinds[joint] == _DETECTED:
            painter.setBrush(fills[steps[joint]])
            painter.drawEllipse(spots[joint], radii[joint], radii[joint])
    painter.setPen(QPen(colour, 1.2))
    painter.setBrush(_NO_BRUSH)
    for joint in found:
        if kinds[joint] != _DETECTED:
            painter.drawEllipse(spots[joint], radii[joint], radii[joint])


def _lighter(colour: QColor, share: float) -> QColor:
    """`colour` with this share of white."""
    parts = (colour.red(), colour.green(), colour.blue())
    return QColor(*(round(part + share * (255 - part)) for part in parts))


def _label(painter: QPainter, text: str, person: QRectF, colour: QColor) -> None:
    font = style.font(9.5, bold=True)
    width = max(QFontMetricsF(font).horizontalAdvance(text) + 12, 20)
    rect = QRectF(person.center().x() - width / 2, max(person.top() - 21, 2), width, 18)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawRoundedRect(rect, 9, 9)
    painter.setPen(QColor("#0b0e12"))
    painter.setFont(font)
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
