"""Peaks in their order, and the tags at them: what every search of the heat ends with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpu_ops.device import Peaks

Array = NDArray[np.float32]
Cells = NDArray[np.intp]


def ranked(
    plane: Cells,
    cell: Cells,
    score: Array,
    shape: tuple[int, int, int, int],
    tag: Array,
    most: int,
) -> Peaks:
    """The best of N maxima found in any order, with their tags.

    Args:
        plane: (N,) image * K + joint; cell: (N,) flat; score: (N,).
        shape: B, K, H, W of the heat.
        tag: (B, T, K, h, w).
        most: M, peaks kept per heatmap.
    """
    b, k, h, w = shape
    order = np.lexsort((cell, -score, plane))
    plane = plane[order]
    place = np.arange(len(plane)) - np.searchsorted(plane, plane)
    kept = place < most
    order, at = order[kept], (plane[kept], place[kept])
    cells, scores = np.full((b * k, most), -1, np.int32), np.zeros((b * k, most), np.float32)
    cells[at], scores[at] = cell[order], score[order]
    tags = np.zeros((b, k, most, tag.shape[1]), np.float32)
    peaks = Peaks(cells.reshape(b, k, most), scores.reshape(b, k, most), tags)
    sample_tags(peaks, tag, (w, h))
    return peaks


def sample_tags(peaks: Peaks, tag: Array, size: tuple[int, int]) -> None:
    """Fill in the tags of peaks on a grid of (W, H) cells, from (B, T, K, h, w) maps."""
    image, joint, place = np.nonzero(peaks.cell >= 0)
    cells = peaks.cell[image, joint, place]
    peaks.tag[image, joint, place] = _sampled(tag, (image, joint), cells, size).T


def sample(maps: Array, cell: NDArray[np.integer], size: tuple[int, int]) -> Array:
    """Values of maps at cells of a finer grid, bilinear with half-pixel centres.

    Args:
        maps: (T, h, w); cell: (N,) flat indices into a grid of (W, H) = size.

    Returns:
        (T, N); of maps that have the grid's own size, the very values.
    """
    return _sampled(maps[None, :, None], (0, 0), cell, size)


def _sampled(
    maps: Array,
    which: tuple[Cells | int, Cells | int],
    cell: NDArray[np.integer],
    size: tuple[int, int],
) -> Array:
    """`sample` of (B, T, K, h, w) maps, each cell in the `which` image and joint, (N,) both."""
    h, w = maps.shape[3:]
    image, joint = which
    maps = np.moveaxis(maps, 1, 0)
    y, x = np.divmod(cell, size[0])
    if (w, h) == size:
        return np.asarray(maps[:, image, joint, y, x])
    x0, x1, right = _between(x, w, size[0])
    y0, y1, down = _between(y, h, size[1])
    left, up = 1 - right, 1 - down
    upper = left * maps[:, image, joint, y0, x0] + right * maps[:, image, joint, y0, x1]
    lower = left * maps[:, image, joint, y1, x0] + right * maps[:, image, joint, y1, x1]
    return np.asarray(up * upper + down * lower, np.float32)


def _between(at: Cells, cells: int, finer: int) -> tuple[Cells, Cells, Array]:
    """The two coarse cells around a fine one, and the weight of the second."""
    place = (at + np.float32(0.5)) * np.float32(cells / finer) - np.float32(0.5)
    place = np.maximum(place, 0).astype(np.float32)
    first = place.astype(np.intp)
    return first, np.minimum(first + 1, cells - 1), place - first.astype(np.float32)
