"""Peaks and people on maps whose heat is computed where it is read.

They are those that `cpu_decode` finds in the heat written out, to the last bit: compiled loops name
the blocks that could matter, and OpenCV computes those as it computes whole maps.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from gpu_ops import cpu_search
from gpu_ops.cpu_compiled import Bounds
from gpu_ops.cpu_decode import float32_above, nothing_looked_for
from gpu_ops.cpu_maps import Array, Cells, heat_of, tags_of
from gpu_ops.device import Groups, Joints, Peaks, Placing

MANY = 512  # blocks worth looking into: the whole map takes less time, for example a constant one
AT_ONCE = 1024  # blocks: what is computed of them stays in the cache


def find_peaks(bounds: Bounds, radius: int, threshold: float, most: int) -> Peaks:
    """As `cpu_decode.find_peaks`; the radius is at most USABLE."""
    b, k = bounds.maps.shape[:2]
    loops, lowest = bounds.blocks, float32_above(threshold)
    peaks = Peaks(
        np.full((b, k, most), -1, np.int32),
        np.zeros((b, k, most), np.float32),
        np.zeros((b, k, most, 1), np.float32),
    )
    found = loops.with_maxima(bounds, lowest, radius)
    for rows in _parts(len(found)):
        part = found.part(rows)
        heat = heat_of(*loops.gather(bounds, part))
        loops.add_peaks(bounds, part, heat, lowest, radius, peaks)
    loops.add_tags(bounds, peaks)
    return peaks


def refine(bounds: Bounds, groups: Groups, placing: Placing) -> Joints:
    """As `cpu_decode.refine`."""
    loops, joints = bounds.blocks, bounds.maps.shape[1]
    cell, score = nothing_looked_for(groups)
    if placing.fill and len(cell):
        person, joint = np.nonzero(cell < 0)
        plane = groups.image[person].astype(np.intp) * joints + joint
        cell[person, joint], score[person, joint] = best_cells(
            bounds, plane, groups.tag[person, 0], cpu_search.sharpness_of(placing.tolerance)
        )

    found = Joints(np.zeros((*cell.shape, 2), np.float32), np.zeros(cell.shape, np.float32))
    where, blocks = loops.present(bounds, cell, groups.image)
    for rows in _parts(len(blocks)):
        heat = heat_of(*loops.gather(bounds, blocks.part(rows)))
        loops.place(bounds, where[rows], cell, heat, score, placing, found)
    return found


def best_cells(
    bounds: Bounds, plane: Cells, wanted: Array, sharpness: np.float32
) -> tuple[NDArray[np.int64], Array]:
    """The first cell that is worth most, for N maps and tags.

    Args:
        bounds: of the maps.
        plane: (N,) image * K + joint; wanted: (N,) tags.
        sharpness: see `cpu_search.worth`.

    Returns:
        (N,) flat cells and what counts there: the heat, or with a tolerance the worth; -1 and 0
        where that is not above 0.
    """
    loops, best = bounds.blocks, cpu_search.Best(wanted, sharpness)
    counts, pair, blocks = loops.with_best(bounds, plane, wanted, sharpness, MANY)
    for rows in _parts(len(blocks)):
        part = blocks.part(rows)
        heat = heat_of(*loops.gather(bounds, part))
        tags = tags_of(loops.gather(bounds, part, tags=True)[0])
        loops.choose(bounds, pair[rows], part, heat, tags, best)
    cells, score = best.found()
    many = counts > MANY
    for one in set(plane[many].tolist()):
        pairs = np.flatnonzero(many & (plane == one))
        heat, tags = bounds.maps.heat_plane(one), bounds.maps.tag_plane(one)
        memory = np.empty_like(tags)
        found = cpu_search.best_cells(heat, tags[None], wanted[pairs, None], sharpness, memory)
        cells[pairs], score[pairs] = zip(*found, strict=True)
    return cells, score


def _parts(count: int) -> Iterator[slice]:
    return (slice(start, start + AT_ONCE) for start in range(0, count, AT_ONCE))
