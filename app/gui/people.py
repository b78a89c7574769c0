"""Paints people: limbs, joints, boxes and ids, crisp at the resolution of the screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtCore import QLineF, QPointF, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPen

from app.gui import style
from app.gui.sprites import PLACES, SHADE, disc, disc_side, plate
from engine.skeleton import COCO, Skeleton
from engine.types import JointState, Poses

_FLAT = Qt.PenCapStyle.FlatCap  # four times as fast as round ends; the joints cover them
_NO_BRUSH = Qt.BrushStyle.NoBrush
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
    width = look.thickness * round(min(max(height / 90, 1.6), 4.0) * 4) / 4
    spots, there = list(map(tuple, xy.tolist())), seen.tolist()
    if look.boxes:
        _box(painter, _rect(corner, far, 3 * width), colour, width)
    if look.limbs:
        _limbs(painter, spots, there, look, colour, width)
    if look.joints:
        _joints(painter, spots, there, poses.joint_score[row], poses.state[row], colour, width)
    if look.ids and poses.ids[row] >= 0:
        _label(painter, f"{poses.ids[row]}", _rect(corner, far, 3 * width), colour)


def _rect(corner: NDArray[np.float64], far: NDArray[np.float64], margin: float) -> QRectF:
    whole = QRectF(QPointF(*corner.tolist()), QPointF(*far.tolist()))
    return whole.adjusted(-margin, -margin, margin, margin)


def _box(painter: QPainter, rect: QRectF, colour: QColor, width: float) -> None:
    for pen in (_pen(SHADE.rgba(), width + 1.5), _pen(colour.rgba(), max(1.2, width * 0.6))):
        painter.setPen(pen)
        painter.setBrush(_NO_BRUSH)
        painter.drawRoundedRect(rect, 6, 6)


def _limbs(
    painter: QPainter,
    spots: list[tuple[float, float]],
    seen: list[bool],
    look: Look,
    colour: QColor,
    width: float,
) -> None:
    by_colour: dict[int, list[QLineF]] = {}
    for (a, b), side in zip(look.skeleton.limbs, _sides(look.skeleton), strict=True):
        if seen[a] and seen[b]:
            painted = side if look.colours == "side" else colour.rgba()
            by_colour.setdefault(painted, []).append(QLineF(*spots[a], *spots[b]))
    for painted, lines in by_colour.items():
        painter.setPen(_pen(SHADE.rgba(), width + 2))
        painter.drawLines(*lines)
        painter.setPen(_pen(painted, width))
        painter.drawLines(*lines)


@lru_cache(maxsize=256)
def _pen(rgba: int, width: float) -> QPen:
    return QPen(QColor.fromRgba(rgba), width, cap=_FLAT)


@lru_cache(maxsize=8)
def _sides(skeleton: Skeleton) -> list[int]:
    """The colour of each limb: left ones are warm, right ones are cold, others are white."""
    return [_side(skeleton, a, b).rgba() for a, b in skeleton.limbs]


def _side(skeleton: Skeleton, a: int, b: int) -> QColor:
    sides = {skeleton.names[joint].partition("_")[0] for joint in (a, b)}
    if sides == {"left"} or sides == {"left", "nose"}:
        return style.LEFT
    return style.RIGHT if sides <= {"right", "nose"} else style.MIDDLE


def _joints(
    painter: QPainter,
    spots: list[tuple[float, float]],
    seen: list[bool],
    score: NDArray[np.float32],
    state: NDArray[np.uint8],
    colour: QColor,
    width: float,
) -> None:
    """A disc per joint: the surer, the larger and whiter; hollow where it was not a peak."""
    steps = np.rint(np.clip(score, 0, 1) * _STEPS).astype(int).tolist()
    rings = (state != _DETECTED).tolist()
    device = painter.device()
    rgb, ratio = colour.rgb(), device.devicePixelRatioF() if device else 1.0
    for (x, y), there, step, ring in zip(spots, seen, steps, rings, strict=True):
        if there:
            radius = width * (0.75 + 0.55 * step / _STEPS)
            half = disc_side(radius, ratio) // 2
            column, right = divmod(round(x * ratio * PLACES), PLACES)
            row, down = divmod(round(y * ratio * PLACES), PLACES)
            ready = disc(rgb, radius, 0.75 * step / _STEPS, ring, right, down, ratio)
            painter.drawPixmap(QPointF((column - half) / ratio, (row - half) / ratio), ready)


def _label(painter: QPainter, text: str, person: QRectF, colour: QColor) -> None:
    device = painter.device()
    ready = plate(text, colour.rgb(), device.devicePixelRatioF() if device else 1.0)
    width = ready.deviceIndependentSize().width()
    x, y = person.center().x() - width / 2, max(person.top() - 21, 2)
    painter.drawPixmap(QPointF(round(x), round(y)), ready)
