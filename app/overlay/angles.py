"""Angles between limbs, as a coach reads them: a straight knee has 180°, an upright trunk 0°."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from engine.skeleton import Skeleton

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
    found = []
    for a, b, c in _corners(skeleton, tuple(chosen)):
        if seen[a] and seen[b] and seen[c]:
            found.append((_between(xy[a] - xy[b], xy[c] - xy[b]), *_pair(xy[b])))
    if "trunk" in chosen:
        found.extend(_trunk(xy, seen, skeleton))
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
    xy: NDArray[np.float64], seen: Sequence[bool], skeleton: Skeleton
) -> list[tuple[float, float, float]]:
    """How far the line from the hips to the shoulders leans from the vertical."""
    index = {name: i for i, name in enumerate(skeleton.names)}
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
    if not all(name in index and seen[index[name]] for name in names):
        return []
    corners = xy[[index[name] for name in names]]
    shoulders, hips = corners[:2].mean(0), corners[2:].mean(0)
    leaning = _between(shoulders - hips, np.array([0.0, -1.0]))
    return [(leaning, *_pair((shoulders + hips) / 2))]


def _between(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    cross = a[0] * b[1] - a[1] * b[0]
    return float(np.degrees(np.arctan2(abs(cross), a @ b)))


def _pair(xy: NDArray[np.float64]) -> tuple[float, float]:
    return float(xy[0]), float(xy[1])
