"""What the network should answer for a picture: Gaussian heatmaps, and where to read the tags.

A joint at (x, y) pixels lies at x / stride - 0.5 in cell coordinates (cell centres are integers),
and its Gaussian is centred there, not at the nearest cell: the slope between the two best cells
tells the decoder on which side of the cell the joint is. Cheng et al. 2020: the same two cells of
deviation at both resolutions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SIGMA = 2.0  # cells, at every stride
_REACH = 6  # cells; beyond three deviations the Gaussian is taken as zero


def heatmaps(
    joints: NDArray[np.float32], height: int, width: int, *, stride: int
) -> NDArray[np.float32]:
    """Draw one Gaussian of height 1 per labelled joint; where two meet the larger counts.

    Args:
        joints: (P, K, 3) float32, x and y in pixels of the picture and a flag, 0 = not labelled.
        height: picture height, pixels.
        width: picture width, pixels.
        stride: pixels per cell.

    Returns:
        (K, height / stride, width / stride) float32. A joint outside the picture draws nothing.
    """
    h, w = height // stride, width // stride
    maps = np.zeros((joints.shape[1], h, w), np.float32)
    drawn = inside(joints, height, width)
    if not drawn.any():
        return maps
    _, joint = np.nonzero(drawn)
    centre = joints[drawn][:, :2] / stride - 0.5
    first = np.rint(centre).astype(np.int64) - _REACH
    offset = np.arange(2 * _REACH + 1)
    distance = first[:, :, None] + offset - centre[:, :, None]  # (N, 2, 13)
    bell = np.exp(-(distance**2) / (2 * SIGMA**2)).astype(np.float32)
    for k, (x, y), (bell_x, bell_y) in zip(joint, first, bell, strict=True):
        left, top = max(0, -x), max(0, -y)
        right, bottom = min(len(offset), w - x), min(len(offset), h - y)
        patch = maps[k, y + top : y + bottom, x + left : x + right]
        np.maximum(patch, np.outer(bell_y[top:bottom], bell_x[left:right]), out=patch)
    return maps


def tag_cells(
    joints: NDArray[np.float32], height: int, width: int, *, stride: int
) -> NDArray[np.int64]:
    """Find the cell of each joint in a flattened tag map.

    Args:
        joints: (P, K, 3) float32 as for `heatmaps`.
        height: picture height, pixels.
        width: picture width, pixels.
        stride: pixels per cell of the tag maps.

    Returns:
        (P, K) int64, row * (width / stride) + column; -1 where the joint is not in the picture.
    """
    cell = np.floor(joints[..., :2] / stride).astype(np.int64)
    flat = cell[..., 1] * (width // stride) + cell[..., 0]
    return np.where(inside(joints, height, width), flat, -1)


def inside(joints: NDArray[np.float32], height: int, width: int) -> NDArray[np.bool_]:
    """Tell which of the (P, K, 3) joints are labelled and in the picture, as (P, K) bool."""
    x, y = joints[..., 0], joints[..., 1]
    kept: NDArray[np.bool_] = (
        (joints[..., 2] > 0) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
    )
    return kept
