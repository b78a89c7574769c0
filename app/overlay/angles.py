"""Angles between limbs, as a coach reads them: a straight knee has 180°, an upright trunk 0°."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.skeleton import Skeleton

Point = Sequence[float]  # x, y

# the angle's name -> the joints before, at and behind it, on each side of the body
_AT: Final = {
    "knee": ("hip", "knee", "ankle"),
    "elbow": ("shoulder", "elbow", "wrist"),
    "hip": ("shoulder", "hip", "knee"),
    "shoulder": ("hip", "shoulder", "elbow"),
}
ANGLES: Final = (*_AT, "trunk")


def angles_of(
    xy: NDArray[np.float64], seen: Sequence[bool], skeleton: Skeleton, chosen: Sequence[str]
) -> list[tuple[float, float, float]]:
    """The chosen angles of one person whose joints are all seen.

    Args:
        xy: (K, 2) positions, y down.
        seen: K flags.
        chosen: names of `ANGLES`.

    Returns:
        (degrees 0..180, x, y) for each, at the joint where it is measured.
    """
    at: list[Point] = xy.tolist()  # NumPy takes a hundred times as long for two numbers
    found = []
    for a, b, c in _corners(skeleton, tuple(chosen)):
        if seen[a] and seen[b] and seen[c]:
            (x, y), before, behind = at[b], at[a], at[c]
            angle = _between((before[0] - x, before[1] - y), (behind[0] - x, behind[1] - y))
            found.append((angle, x, y))
    if "trunk" in chosen:
        found.extend(_trunk(at, seen, skeleton))
    return found


@lru_cache(maxsize=32)
def _corners(skeleton: Skeleton, chosen: tuple[str, ...]) -> list[tuple[int, int, int]]:
    index = {name: i for i, name in enumerate(skeleton.names)}
    corners = [
        tuple(f"{side}_{joint}" for joint in _AT[name])
        for name in chosen
        if name in _AT
        for side in ("left", "right")
    ]
    return [(index[a], index[b], index[c]) for a, b, c in corners if {a, b, c} <= set(index)]


def _trunk(
    at: Sequence[Point], seen: Sequence[bool], skeleton: Skeleton
) -> list[tuple[float, float, float]]:
    """How far the line from the hips to the shoulders leans from the vertical."""
    ends = _trunk_ends(skeleton)
    if not ends or not all(seen[joint] for joint in ends):
        return []
    left_shoulder, right_shoulder, left_hip, right_hip = (at[joint] for joint in ends)
    top, low = _middle(left_shoulder, right_shoulder), _middle(left_hip, right_hip)
    leaning = _between((top[0] - low[0], top[1] - low[1]), (0.0, -1.0))
    return [(leaning, *_middle(top, low))]


@lru_cache(maxsize=32)
def _trunk_ends(skeleton: Skeleton) -> list[int]:
    index = {name: i for i, name in enumerate(skeleton.names)}
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    return [index[name] for name in names] if set(names) <= set(index) else []


def _between(a: Point, b: Point) -> float:
    cross, dot = a[0] * b[1] - a[1] * b[0], a[0] * b[0] + a[1] * b[1]
    return math.degrees(math.atan2(abs(cross), dot))


def _middle(a: Point, b: Point) -> tuple[float, float]:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
