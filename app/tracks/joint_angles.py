"""Angles of joints and segments in the plane of the picture, from keypoints in pixels.

They are angles of the projection: right where the movement is parallel to the picture and the
camera looks at it squarely. docs/formats.md has the figure of their definitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Point = tuple[str, ...]  # one keypoint, or several whose middle is meant
_SHOULDERS, _HIPS = ("left_shoulder", "right_shoulder"), ("left_hip", "right_hip")


@dataclass(frozen=True, slots=True)
class Angle:
    """An angle by the keypoints it is made of, in degrees."""

    name: str
    points: tuple[Point, ...]  # three of a joint, middle one the joint; two of a segment: from, to
    flexion: bool = False  # 180 minus the angle between: 0 where the joint is straight

    def of(self, xy: NDArray[np.float32], names: Sequence[str]) -> NDArray[np.float64]:
        """(P,) degrees of the people in `xy` (P, K, 2); NaN where a keypoint is absent."""
        places = [_place(xy, point, names) for point in self.points]
        if len(places) == 2:
            x, y = (places[1] - places[0]).T
            lean: NDArray[np.float64] = np.degrees(
                np.arctan2(x, -y)
            )  # y is down; right is positive
            return lean
        first, joint, last = places
        between = _between(first - joint, last - joint)
        return 180.0 - between if self.flexion else between


def angles_for(names: Sequence[str]) -> list[Angle]:
    """The angles that these keypoints allow."""
    known = set(names)
    return [angle for angle in ANGLES if all(known.issuperset(point) for point in angle.points)]


def _joint(side: str, name: str, *parts: str, flexion: bool) -> Angle:
    return Angle(f"{side}_{name}", tuple((f"{side}_{part}",) for part in parts), flexion)


ANGLES = (
    *(_joint(s, "knee", "hip", "knee", "ankle", flexion=True) for s in ("left", "right")),
    *(_joint(s, "hip", "shoulder", "hip", "knee", flexion=True) for s in ("left", "right")),
    *(_joint(s, "elbow", "shoulder", "elbow", "wrist", flexion=True) for s in ("left", "right")),
    *(_joint(s, "shoulder", "hip", "shoulder", "elbow", flexion=False) for s in ("left", "right")),
    *(_joint(s, "thigh", "knee", "hip", flexion=False) for s in ("left", "right")),
    *(_joint(s, "shank", "ankle", "knee", flexion=False) for s in ("left", "right")),
    Angle("trunk", (_HIPS, _SHOULDERS)),
)


def _place(xy: NDArray[np.float32], point: Point, names: Sequence[str]) -> NDArray[np.float64]:
    places = [xy[:, names.index(name)].astype(np.float64) for name in point]
    return np.asarray(np.mean(places, axis=0), np.float64)


def _between(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) degrees from 0 to 180 between the vectors (P, 2)."""
    cross = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return np.asarray(np.degrees(np.arctan2(np.abs(cross), (a * b).sum(axis=1))), np.float64)
