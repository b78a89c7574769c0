"""What is done with the network's maps, on NumPy arrays: aggregate, peaks, refine.

The definitions that the CUDA kernels are tested against. Names of dimensions as in `device.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_ops.cpu_peaks import sample_tags
from gpu_ops.cpu_search import best_cells, sharpness_of
from gpu_ops.device import Groups, Joints, Peaks, Placing

Array = NDArray[np.float32]
Cells = NDArray[np.intp]


def aggregate(
    passes: Sequence[tuple[float, Array, Array]],
    size: tuple[int, int],
    mirror: Sequence[int] | None,
    two_step: bool,
) -> tuple[Array, Array]:
    """Average two stages, the mirrored pass and all scales.

    Args:
        passes: (scale, low (n, 2K, h, w), high (n, K, 2h, 2w)); n = B, or 2B when mirrored.
        size: (W, H) of the result.
        mirror: keypoint permutation of the mirrored half of the batch, or None.
        two_step: average at stride 2 first, then upsample once (mmpose 0.6).

    Returns:
        heat (B, K, H, W), the mean; tag (B, T, K, h, w) of the pass at scale 1, not upsampled.
    """
    total: Array | None = None
    tag = np.zeros(0, np.float32)
    for scale, low, high in passes:
        low, high = planar(low), planar(high)
        joints = high.shape[1]
        images = len(low) // (2 if mirror else 1)
        tags = low[:, joints:]
        heat = _stages(low[:images, :joints], high[:images], size, two_step)
        if mirror:
            mirrored = _stages(
                low[images:, list(mirror)][..., ::-1],
                high[images:, list(mirror)][..., ::-1],
                size,
                two_step,
            )
            heat += mirrored
            heat /= 2
        if scale == 1 or len(passes) == 1:
            pairs = [tags[:images]]
            if mirror:
                pairs.append(tags[images:, list(mirror)][..., ::-1])
            tag = np.stack(pairs, axis=1)
        total = heat if total is None else total + heat
    assert total is not None
    if len(passes) > 1:
        total /= len(passes)
    return total, tag


def _stages(low: Array, high: Array, size: tuple[int, int], two_step: bool) -> Array:
    """(B, K, H, W) mean of both stages' heatmaps at the full size."""
    if two_step:
        finer = (high.shape[3], high.shape[2])
        return resize((resize(low, finer) + high) / np.float32(2), size)
    heat = resize(low, size)
    other = np.empty((size[1], size[0]), np.float32)
    for plane, source in zip(heat.reshape(-1, *other.shape), _planes(high), strict=True):
        cv2.resize(source, size, dst=other, interpolation=cv2.INTER_LINEAR)
        # Plane by plane, while it is in the cache; halves of floats are exact.
        cv2.addWeighted(plane, 0.5, other, 0.5, 0, dst=plane)
    return heat


def resize(maps: Array, size: tuple[int, int]) -> Array:
    """(B, K, h, w) -> (B, K, H, W), bilinear with half-pixel centres; always a new array."""
    w, h = size
    out = np.empty((*maps.shape[:2], h, w), np.float32)
    for target, source in zip(out.reshape(-1, h, w), _planes(maps), strict=True):
        cv2.resize(source, size, dst=target, interpolation=cv2.INTER_LINEAR)
    return out


def planar(maps: Array) -> Array:
    """(B, C, h, w) with each map in one piece; what the network gives has channels last."""
    last = maps.transpose(0, 2, 3, 1)
    if not last.flags.c_contiguous:
        return maps
    out = np.empty(maps.shape, np.float32)
    for planes, pixels in zip(out, last, strict=True):
        cells = pixels.reshape(-1, len(planes))
        cv2.transpose(cells, dst=planes.reshape(len(planes), -1))  # three times as fast as NumPy
    return out


def _planes(maps: Array) -> list[Array]:
    return [np.ascontiguousarray(plane) for image in maps for plane in image]


def find_peaks(heat: Array, tag: Array, radius: int, threshold: float, most: int) -> Peaks:
    """The best local maxima of every heatmap with their tags.

    Args:
        heat: (B, K, H, W); tag: (B, T, K, h, w).
        radius: half-width of the square in which a peak must not be exceeded, cells.
        threshold: a peak must be above it, compared in float64.
        most: M, peaks kept per heatmap.
    """
    b, k, h, w = heat.shape
    t = tag.shape[1]
    peaks = Peaks(
        np.full((b, k, most), -1, np.int32),
        np.zeros((b, k, most), np.float32),
        np.zeros((b, k, most, t), np.float32),
    )
    maxima = _Maxima((h, w), radius, float32_above(threshold))
    for image in range(b):
        for joint in range(k):
            cell, score = maxima.best(heat[image, joint], most)
            peaks.cell[image, joint, : len(cell)] = cell
            peaks.score[image, joint, : len(cell)] = score
    sample_tags(peaks, tag, (w, h))
    return peaks


def float32_above(threshold: float) -> np.float32:
    """The smallest float32 that is greater than a float64: lets float32 maps compare exactly."""
    rounded = np.float32(threshold)
    if float(rounded) > threshold:
        return rounded
    return np.float32(np.nextafter(rounded, np.float32(np.inf)))


class _Maxima:
    """Local maxima of one map after another, in the same memory.

    Memory of the size of a map is taken from the system and given back each time, which takes
    longer than the arithmetic on it.
    """

    def __init__(self, shape: tuple[int, int], radius: int, lowest: np.float32) -> None:
        self._reach, self._lowest = radius, lowest
        self._window = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
        self._high = np.empty(shape, np.bool_)
        self._largest = np.empty(shape[0] * shape[1], np.float32)
        self._found = np.empty(shape[0] * shape[1], np.bool_)

    def best(self, heat: Array, most: int) -> tuple[Cells, Array]:
        """Flat cells and values of the best maxima, best first, equal ones in raster order."""
        np.greater_equal(heat, self._lowest, out=self._high)
        x, y, w, h = cv2.boundingRect(self._high.view(np.uint8))
        if not w:
            return np.zeros(0, np.intp), np.zeros(0, np.float32)
        # Only the part around the high cells; what could exceed them there is in it.
        top, left = max(y - self._reach, 0), max(x - self._reach, 0)
        part = slice(top, y + h + self._reach), slice(left, x + w + self._reach)
        near = heat[part]  # outside of it everything counts as smaller
        largest = self._largest[: near.size].reshape(near.shape)
        found = self._found[: near.size].reshape(near.shape)
        cv2.dilate(near, self._window, dst=largest)
        np.equal(near, largest, out=found)
        found &= self._high[part]
        # In a line of cells, NumPy finds them thirty times as fast as in a plane.
        rows, columns = np.divmod(np.flatnonzero(found), near.shape[1])
        cell = (rows + top) * heat.shape[1] + columns + left
        score = heat.reshape(-1)[cell]
        best = np.argsort(-score, kind="stable")[:most]
        return cell[best], score[best]


def refine(heat: Array, tag: Array, groups: Groups, placing: Placing) -> Joints:
    """Coordinates for the grouped joints, and the best cell for each joint that was not.

    Args:
        heat: (B, K, H, W); tag: (B, T, K, h, w).
        groups: people, all images one after another.
        placing: see `device.Lane.refine`.
    """
    cell, score = nothing_looked_for(groups)
    if placing.fill and len(cell):
        _fill(heat, tag, groups, sharpness_of(placing.tolerance), cell, score)

    def around(image: Cells, joint: Cells, y: Cells, x: Cells) -> Array:
        rows, columns = cross(y, x, max(placing.reach, 1), heat.shape[2:])
        return heat[image, joint, rows, columns]

    return placed(cell, score, groups.image, heat.shape[3], placing, around)


def nothing_looked_for(groups: Groups) -> tuple[Cells, Array]:
    """(P, K) flat cells, -1 where a joint is missing, and scores: NaN for the heat there."""
    cell = groups.cell.astype(np.intp)
    return cell, np.where(cell < 0, np.float32(0), np.float32(np.nan))


def cross(y: Cells, x: Cells, reach: int, shape: tuple[int, ...]) -> tuple[Cells, Cells]:
    """(5, N) rows and columns of N cells, and `reach` to the right, left, below and above of them.

    Beyond an edge of the (H, W) map, of the cells at the edge.
    """
    h, w = shape
    right, down = reach * np.array(((0, 1, -1, 0, 0), (0, 0, 0, 1, -1)))[..., None]
    rows = np.minimum(np.maximum(y + down, 0), h - 1)
    columns = np.minimum(np.maximum(x + right, 0), w - 1)
    return rows, columns


def placed(
    cell: Cells,
    score: Array,
    image: NDArray[np.int32],
    width: int,
    placing: Placing,
    around: Callable[[Cells, Cells, Cells, Cells], Array],
) -> Joints:
    """Coordinates and scores of joints at cells.

    Args:
        cell: (P, K) flat, -1 where there is no joint; image: (P,).
        score: (P, K) what counts there; NaN: the heat.
        width: W of the heat.
        placing: as of `refine`.
        around: image, joint, row and column (N,) to the (5, N) heat of a `cross` there.
    """
    person, joint = np.nonzero(cell >= 0)
    y, x = np.divmod(cell[person, joint], width)
    here, right, left, below, above = around(image[person].astype(np.intp), joint, y, x)
    joints = Joints(np.zeros((*cell.shape, 2), np.float32), np.zeros(cell.shape, np.float32))
    counts = score[person, joint]
    joints.score[person, joint] = np.where(np.isnan(counts), here, counts)
    at = np.stack((x, y), axis=1) + np.float32(0.5)
    if placing.adjust:
        shift = (_shift(left, here, right, placing), _shift(above, here, below, placing))
        at = at + np.stack(shift, axis=1)
    joints.xy[person, joint] = at
    return joints


def _shift(before: Array, here: Array, after: Array, placing: Placing) -> Array:
    """How far to move along one axis, cells."""
    if not placing.reach:
        return np.where(after > before, np.float32(0.25), np.float32(-0.25))
    bend = 2 * here - before - after
    half = np.float32(placing.reach / 2)
    top = (after - before) * half / np.where(bend > 0, bend, np.float32(1))
    return np.where(bend > 0, top.clip(-half, half), np.float32(0))


def _fill(
    heat: Array, tag: Array, groups: Groups, sharpness: np.float32, cell: Cells, score: Array
) -> None:
    """Place and score the missing ones of (P, K) cells, where there is a cell that counts."""
    shape = heat.shape[2:]
    tags, value = np.empty((tag.shape[1], *shape), np.float32), np.empty(shape, np.float32)
    for image in np.unique(groups.image):
        here = groups.image == image
        for joint in range(cell.shape[1]):
            people = np.flatnonzero(here & (cell[:, joint] < 0))
            if len(people):
                for coarse, fine in zip(tag[image, :, joint], tags, strict=True):
                    _resize_into(coarse, fine)
                wanted = groups.tag[people]
                found = best_cells(heat[image, joint], tags, wanted, sharpness, value)
                cell[people, joint], score[people, joint] = zip(*found, strict=True)


def _resize_into(coarse: Array, fine: Array) -> None:
    if coarse.shape == fine.shape:
        fine[:] = coarse
    else:
        size = (fine.shape[1], fine.shape[0])
        cv2.resize(np.ascontiguousarray(coarse), size, dst=fine, interpolation=cv2.INTER_LINEAR)
