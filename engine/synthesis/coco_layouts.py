"""Layouts of the labelled people of COCO images as text, one file per image.

A line is `0 cx cy w h` and 17 × `x y v`, relative to the image's width and height. The image's
size is not written, but every coordinate is a whole number of pixels, which gives it away.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

JOINTS = 17
COMMON_SIDES = (640, 480, 427, 426, 428, 425, 424, 500, 375, 333, 612, 360, 512, 429, 423)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """The people of one image."""

    image_id: int
    width: int
    height: int
    keypoints: NDArray[np.float32]  # (P, 17, 3) x, y in pixels, COCO visibility


def layouts(archive: Path) -> Iterator[Layout]:
    """Read the archive of labels image by image, in its order."""
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member)
            if stream is None or not member.name.endswith(".txt"):
                continue
            rows = np.array([line.split() for line in stream.read().splitlines()], np.float64)
            if not rows.size:
                continue
            points = rows[:, 5:].reshape(-1, JOINTS, 3)
            known = points[..., 2] > 0
            width, height = _side(points[..., 0][known]), _side(points[..., 1][known])
            points[..., :2] *= (width, height)
            yield Layout(int(Path(member.name).stem), width, height, points.astype(np.float32))


def _side(share: NDArray[np.float64]) -> int:
    """The number of pixels of which all `share` are whole multiples; common ones first."""
    for side in (*COMMON_SIDES, *range(640, 99, -1)):
        pixels = share * float(side)
        if float(np.abs(pixels - pixels.round()).max(initial=0.0)) < 1.5e-6 * side:
            return int(side)
    return COMMON_SIDES[0]
