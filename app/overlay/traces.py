"""What a picture shows beside its people: trails, heads to blur, counts at a zone, a heatmap."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from app.overlay.look import Look, Zone
from engine.skeleton import Skeleton
from engine.types import UNTRACKED, Frame, Poses

if TYPE_CHECKING:
    from app.overlay.heat import Heat  # OpenCV, which the window does without

Points = NDArray[np.float64]
Head = tuple[float, float, float]  # x, y, radius in pixels of the frame

TRAIL = 1.5  # seconds
_STAYS = 1.0  # s a head is blurred on after its person was seen for the last time
_MOST = 120  # positions of a trail
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


@dataclass(frozen=True, slots=True, eq=False)
class Traces:
    """Of one source, up to one frame."""

    trails: Mapping[int, Points] = field(default_factory=dict)  # id -> (T, J, 3): x, y, id
    heads: tuple[Head, ...] = ()
    came: int = 0  # people who crossed the zone forwards, or entered it
    left: int = 0
    inside: int = 0
    heat: Heat | None = None  # of this frame, while one is watched


NO_TRACES = Traces()


class Tracer:
    """Follows the results of one source in order; every result, also those not shown."""

    def __init__(self) -> None:
        self._trails: dict[int, deque[tuple[float, Points]]] = {}
        self._joints: tuple[int, ...] = ()
        self._heads: dict[int, tuple[float, Head]] = {}
        self._middles: dict[int, tuple[float, float]] = {}
        self._zone: Zone | None = None
        self._came = self._left = self._inside = 0
        self._segment, self._time = 0, 0.0

    def __call__(self, frame: Frame, poses: Poses, look: Look, heat: Heat | None = None) -> Traces:
        """Take in one frame, and the heatmap that is to be seen on it."""
        again = frame.time < self._time  # the source was opened anew
        if again or frame.segment != self._segment:  # a seek or an interruption
            for known in (self._trails, self._heads, self._middles):
                known.clear()
        self._segment, self._time = frame.segment, frame.time
        heads = self._blurred(frame.time, poses, look.skeleton) if look.display.blur_heads else ()
        trails = self._trail(frame.time, poses, look)
        self._count(frame, poses, look.zones.get(frame.source))
        return Traces(trails, heads, self._came, self._left, self._inside, heat)

    def _trail(self, time: float, poses: Poses, look: Look) -> dict[int, Points]:
        names = look.skeleton.names
        joints = tuple(names.index(name) for name in look.display.trails if name in names)
        if joints != self._joints:
            self._joints = joints
            self._trails.clear()
        if not joints:
            return {}
        for row, number in enumerate(poses.ids.tolist()):
            if number != UNTRACKED:
                marked = np.full((len(joints), 3), float(number))
                marked[:, :2] = poses.xy[row, list(joints)]
                trail = self._trails.setdefault(number, deque(maxlen=_MOST))
                trail.append((time, marked))
        for number, trail in list(self._trails.items()):
            while trail and time - trail[0][0] > TRAIL:
                trail.popleft()
            if not trail:
                del self._trails[number]
        return {n: np.stack([xy for _, xy in trail]) for n, trail in self._trails.items()}

    def _blurred(self, time: float, poses: Poses, skeleton: Skeleton) -> tuple[Head, ...]:
        """The heads of everyone in sight, and of those lost a moment ago."""
        strangers = []
        for row, number in enumerate(poses.ids.tolist()):
            head = head_of(poses.xy[row], skeleton)
            if head and number == UNTRACKED:
                strangers.append(head)
            elif head:
                self._heads[number] = time, head
        self._heads = {n: h for n, h in self._heads.items() if abs(time - h[0]) <= _STAYS}
        return (*strangers, *(head for _, head in self._heads.values()))

    def _count(self, frame: Frame, poses: Poses, zone: Zone | None) -> None:
        if zone != self._zone:
            self._zone, self._came, self._left, self._inside = zone, 0, 0, 0
            self._middles.clear()
        if zone is None:
            return
        now = {}
        for row, number in enumerate(poses.ids.tolist()):
            there = poses.xy[row][np.isfinite(poses.xy[row]).all(-1)]
            if len(there):
                x, y = np.median(there, 0) / frame.size
                now[number if number != UNTRACKED else -1 - row] = (float(x), float(y))
        self._inside = sum(_is_in(zone, spot) for spot in now.values())
        for number, spot in now.items():
            if number >= 0 and (before := self._middles.get(number)):
                crossed = _crossed(zone, before, spot)
                self._came += crossed > 0
                self._left += crossed < 0
        self._middles.update({number: spot for number, spot in now.items() if number >= 0})


def heads_of(poses: Poses, skeleton: Skeleton) -> list[Head]:
    """The heads of everyone in a frame."""
    heads = (head_of(xy, skeleton) for xy in poses.xy)
    return [head for head in heads if head is not None]


def head_of(xy: NDArray[np.float32], skeleton: Skeleton) -> Head | None:
    """Where a head is and how large, from whatever joints are there.

    Args:
        xy: (K, 2) pixels; NaN where absent.
    """
    face, shoulders = _head_joints(skeleton)
    there = np.asarray(np.isfinite(xy).all(axis=-1), np.bool_)
    seen = xy[there].astype(np.float64)
    if not len(seen):
        return None
    body = float(np.hypot(*(seen.max(0) - seen.min(0))))
    found = [j for j in face if there[j]]
    across = [j for j in shoulders if there[j]]
    wide = float(np.hypot(*(xy[across[0]] - xy[across[1]]))) if len(across) == 2 else 0.0
    radius = max(0.11 * body, 0.5 * wide, 4.0)
    if found:
        middle = xy[found].mean(0)
        spread = float(np.hypot(*(xy[found] - middle).T).max())
        return float(middle[0]), float(middle[1]), max(radius, 1.7 * spread)
    if across:
        x, y = xy[across].mean(0).tolist()
        return x, y - 1.2 * radius, 1.4 * radius
    return float(seen[:, 0].mean()), float(seen[:, 1].min()) - 1.5 * radius, 1.8 * radius


@lru_cache(maxsize=8)
def _head_joints(skeleton: Skeleton) -> tuple[list[int], list[int]]:
    names = skeleton.names
    shoulders = ("left_shoulder", "right_shoulder")
    face = [names.index(name) for name in _FACE if name in names]
    return face, [names.index(name) for name in shoulders if name in names]


def _is_in(zone: Zone, spot: tuple[float, float]) -> bool:
    if zone.kind == "line":
        return False
    inside = [
        min(a, b) <= at <= max(a, b) for a, b, at in zip(zone.start, zone.end, spot, strict=True)
    ]
    return all(inside)


def _crossed(zone: Zone, before: tuple[float, float], now: tuple[float, float]) -> int:
    """1: in, or to the right of a line as seen along it; -1: the other way; 0: neither."""
    if zone.kind == "region":
        return int(_is_in(zone, now)) - int(_is_in(zone, before))
    was, is_ = _side(zone.start, zone.end, before), _side(zone.start, zone.end, now)
    apart = _side(before, now, zone.start) * _side(before, now, zone.end) <= 0
    return (1 if is_ > 0 else -1) if (was > 0) != (is_ > 0) and apart else 0


def _side(a: tuple[float, float], b: tuple[float, float], p: tuple[float, float]) -> float:
    """Positive to the right of the way from a to b, y down."""
    return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
