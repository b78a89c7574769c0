"""Peaks and people on maps whose heat is computed where it is read.

They are those that `cpu_decode` finds in the heat written out, to the last bit: compiled loops name
the blocks that could matter, and OpenCV computes those as it computes whole maps.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_ops import cpu_search
from gpu_ops.cpu_compiled import Bounds
from gpu_ops.cpu_decode import cross, float32_above, placed
from gpu_ops.cpu_maps import BLOCK, RING, SIDE, USABLE, Array, Cells, NetworkMaps, Spots
from gpu_ops.cpu_peaks import ranked
from gpu_ops.device import Groups, Joints, Peaks, Placing

MANY = 512  # blocks worth looking into: the whole map takes less time, for example a constant one
AT_ONCE = 1024  # blocks: what is computed of them stays in the cache
_INSIDE = slice(RING, RING + BLOCK)


def find_peaks(bounds: Bounds, radius: int, threshold: float, most: int) -> Peaks:
    """As `cpu_decode.find_peaks`; the radius is at most USABLE."""
    maps, lowest = bounds.maps, float32_above(threshold)
    spots = _spots(bounds.blocks.with_maxima(bounds, lowest, radius), maps)
    window = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    nothing = np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0, np.float32)
    found = [_maxima(maps, spots.part(rows), window, lowest) for rows in _parts(len(spots.y))]
    plane, cell, score = (np.concatenate(c) for c in zip(nothing, *found, strict=True))
    return ranked(plane, cell, score, maps.shape, maps.tag.numpy(), most)


def refine(bounds: Bounds, groups: Groups, placing: Placing) -> Joints:
    """As `cpu_decode.refine`."""
    maps = bounds.maps
    joints = maps.shape[1]
    cell = groups.cell.astype(np.intp)
    if placing.fill and len(cell):
        person, joint = np.nonzero(cell < 0)
        plane = groups.image[person].astype(np.intp) * joints + joint
        cell[person, joint] = best_cells(
            bounds, plane, groups.tag[person, 0], cpu_search.sharpness_of(placing.tolerance)
        )

    def around(image: Cells, joint: Cells, y: Cells, x: Cells) -> Array:
        return _around(maps, image * joints + joint, y, x, max(placing.reach, 1))

    return placed(cell, groups.image, maps.shape[3], placing, around)


def best_cells(bounds: Bounds, plane: Cells, wanted: Array, sharpness: np.float32) -> Cells:
    """The first cell that is worth most, for N maps and tags.

    Args:
        bounds: of the maps.
        plane: (N,) image * K + joint; wanted: (N,) tags.
        sharpness: see `cpu_search.worth`.

    Returns:
        (N,) flat cells; -1 where the heat there, or with a tolerance the worth, is not above 0.
    """
    maps = bounds.maps
    pair, block = bounds.blocks.with_best(bounds, plane, wanted, sharpness)
    found = np.full(len(plane), -1, np.intp)
    many = np.bincount(pair, minlength=len(plane)) > MANY
    for one in np.unique(plane[many]):
        pairs = np.flatnonzero(many & (plane == one))
        heat, tags = maps.heat_plane(int(one)), maps.tag_plane(int(one))
        found[pairs] = cpu_search.best_cells(
            heat, tags[None], wanted[pairs, None], sharpness, np.empty_like(tags)
        )
    pair, block = pair[~many[pair]], block[~many[pair]]
    best = np.full(len(plane), -np.inf, np.float32)
    candidates = []
    for rows in _parts(len(pair)):
        of = pair[rows]
        spots = _spots(block[rows], maps, plane[of])
        value, cell, heat = _values(maps, spots, wanted[of], sharpness)
        np.maximum.at(best, of, value.max(axis=(0, 2)))
        row, at, column = np.nonzero(value == best[of][:, None])
        candidates.append((of[at], *(part[row, at, column] for part in (value, cell, heat))))
    if not candidates:
        return found
    of, values, cells, heats = (np.concatenate(c) for c in zip(*candidates, strict=True))
    tied = np.flatnonzero(values == best[of])
    tied = tied[np.lexsort((cells[tied], of[tied]))]
    owners, first = np.unique(of[tied], return_index=True)
    first = tied[first]
    counts = values if sharpness else heats
    found[owners] = np.where(counts[first] > 0, cells[first], -1)
    return found


def _maxima(
    maps: NetworkMaps, spots: Spots, window: NDArray[np.uint8], lowest: np.float32
) -> tuple[Cells, Cells, Array]:
    """Plane, flat cell and heat of the maxima in some blocks."""
    height, width = maps.shape[2:]
    heat = maps.heat_patches(spots)
    top, left = spots.y * BLOCK, spots.x * BLOCK
    # Cells outside of the map exceed nothing.
    ring = np.arange(SIDE) - RING
    rows, columns = top + ring[:, None], left[:, None] + ring
    heat[(rows < 0) | (rows >= height)] = -np.inf
    heat[:, (columns < 0) | (columns >= width)] = -np.inf
    near = heat[USABLE:-USABLE].reshape(-1, len(top) * SIDE)
    largest = cv2.dilate(near, window).reshape(-1, len(top), SIDE)
    inner = slice(RING - USABLE, RING - USABLE + BLOCK)
    here = heat[_INSIDE, :, _INSIDE]
    row, at, column = np.nonzero((here == largest[inner, :, _INSIDE]) & (here >= lowest))
    cell = (top[at] + row) * width + left[at] + column
    return spots.plane[at], cell, here[row, at, column]


def _around(maps: NetworkMaps, plane: Cells, y: Cells, x: Cells, reach: int) -> Array:
    """(5, N) heat at N cells, and `reach` <= USABLE to the right, left, below and above of them."""
    rows, columns = cross(y, x, reach, maps.shape[2:])
    spots = Spots(plane, y // BLOCK, x // BLOCK)
    rows += RING - BLOCK * spots.y
    columns += RING - BLOCK * spots.x
    parts = [
        maps.heat_patches(spots.part(some))[
            rows[:, some], np.arange(len(plane[some])), columns[:, some]
        ]
        for some in _parts(len(plane))
    ]
    return np.concatenate([np.zeros((5, 0), np.float32), *parts], axis=1)


def _values(
    maps: NetworkMaps, spots: Spots, wanted: Array, sharpness: np.float32
) -> tuple[Array, Cells, Array]:
    """(BLOCK, M, BLOCK) worth, flat cell and heat in M blocks."""
    heat = maps.heat_patches(spots)[_INSIDE, :, _INSIDE]
    value = maps.tag_patches(spots)[_INSIDE, :, _INSIDE] - wanted[:, None]
    value = cpu_search.worth(heat, np.square(value, out=value), sharpness)
    step = np.arange(BLOCK)
    rows = (spots.y * BLOCK + step[:, None]) * maps.shape[3]
    return value, rows[..., None] + (spots.x[:, None] * BLOCK + step), heat


def _spots(flat: Cells, maps: NetworkMaps, plane: Cells | None = None) -> Spots:
    """Blocks by their flat index, in all planes or in a given one each."""
    h, w = maps.low.shape[2:]
    row, x = np.divmod(flat, w)
    return Spots(row // h, row % h, x) if plane is None else Spots(plane, row, x)


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE))
