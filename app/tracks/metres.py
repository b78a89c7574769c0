"""Pixels to metres, for a camera that looks squarely at people moving in one plane.

Two ways to know the scale: a person's standing height, or a line in the picture of known length.
With a height, the shank, thigh and trunk are measured; they are straight in any posture and
together 0.779 of the standing height (0.246, 0.245 and 0.288; Drillis and Contini 1966, after
Winter, Biomechanics and Motor Control of Human Movement, chapter 4).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError, SettingsError
from engine.offline.recording import Recording
from engine.types import Result

_LEG_AND_TRUNK = 0.246 + 0.245 + 0.288  # of the standing height
_SIDES = ("left", "right")
_PARTS = ("ankle", "knee", "hip", "shoulder")
_FEWEST = 10  # frames in which all of a side must be seen


@dataclass(frozen=True, slots=True)
class Scale:
    """The size of a pixel in the plane of movement."""

    metres: float  # per pixel


def by_height(recording: Recording, metres: float) -> Scale:
    """From the standing height of the people in a recording, taken as equal for all.

    The chain from ankle to shoulder is measured on the side that shows longer, since turning away
    only shortens it; the middle of all frames counts.

    Raises:
        DataError: too few frames show a whole leg and trunk.
    """
    names = recording.skeleton.names
    if not all(f"{side}_{part}" in names for side in _SIDES for part in _PARTS):
        raise DataError("a person's height needs the keypoints ankle, knee, hip and shoulder")
    lengths = np.stack([_chain(recording.people.xy, names, side) for side in _SIDES])
    lengths = lengths[:, np.isfinite(lengths).any(axis=0)]
    if lengths.shape[1] < _FEWEST:
        raise DataError(
            f"only {lengths.shape[1]} times a whole leg and trunk was seen, {_FEWEST} are needed: "
            "give the length of a line instead, --scale-line X1,Y1,X2,Y2,METRES"
        )
    return Scale(metres * _LEG_AND_TRUNK / float(np.median(np.nanmax(lengths, axis=0))))


def by_line(text: str) -> Scale:
    """From a line in the picture: "x1,y1,x2,y2,metres", pixels and metres.

    Raises:
        SettingsError: it is not five numbers, or a line without length.
    """
    try:
        x1, y1, x2, y2, metres = (float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"--scale-line takes X1,Y1,X2,Y2,METRES, got {text!r}") from error
    pixels = float(np.hypot(x2 - x1, y2 - y1))
    if not (pixels > 0 and 0 < metres < np.inf):
        raise SettingsError(f"--scale-line needs a line longer than 0, got {text!r}")
    return Scale(metres / pixels)


def in_metres(results: Iterator[Result], scale: Scale) -> Iterator[Result]:
    """The same people in metres: x to the right, y up, from the picture's lower left corner."""
    for result in results:
        height = result.frame.size[1]
        poses = result.poses
        yield replace(
            result,
            poses=replace(
                poses,
                xy=_metres(poses.xy, height, scale),
                raw_xy=_metres(poses.raw_xy, height, scale),
            ),
        )


def _metres(xy: NDArray[np.float32], height: int, scale: Scale) -> NDArray[np.float32]:
    flipped = np.stack([xy[..., 0], height - xy[..., 1]], axis=-1)
    return (flipped * scale.metres).astype(np.float32)


def _chain(xy: NDArray[np.float32], names: tuple[str, ...], side: str) -> NDArray[np.float64]:
    """(R,) pixels from ankle over knee and hip to shoulder; NaN where one is absent."""
    points = [xy[:, names.index(f"{side}_{part}")].astype(np.float64) for part in _PARTS]
    segments = [np.linalg.norm(b - a, axis=1) for a, b in pairwise(points)]
    return np.asarray(np.sum(segments, axis=0), np.float64)
