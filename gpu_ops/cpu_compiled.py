"""Loops compiled of native/*.c: which blocks of maps are worth computing, and what is in them.

The blocks they name are estimated to within a margin; OpenCV computes those (`cpu_sparse`), and its
values alone decide. What the loops decide by them, and how they group people, is what NumPy would:
the same single roundings in the same order. Without the compiled file, decoding writes all heat out
and finds the same people.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gpu_ops.compiled_file import ARRAY, DOUBLE, FLOAT, INT, LONG, CompiledFile, compiled_file
from gpu_ops.cpu_maps import BLOCK, SIDE, SLACK, Array, Blocks, Cells, NetworkMaps
from gpu_ops.cpu_search import Best
from gpu_ops.device import Joints, Peaks, Placing


class _Maps(ctypes.Structure):
    """Maps of native/maps.h."""

    _fields_ = (
        *((name, ARRAY) for name in ("low", "high", "tops")),
        *((name, LONG) for name in ("planes", "joints", "h", "w")),
        *((name, LONG) for name in ("low_joint", "low_cell", "high_joint", "high_cell")),
    )


_MAPS = ctypes.POINTER(_Maps)
_TWO, _THREE = (ARRAY,) * 2, (ARRAY,) * 3
_ARGUMENTS: dict[str, tuple[object, ...]] = {  # of native/*.c, by the function's name
    "tops": (_MAPS, ARRAY),
    "maxima": (_MAPS, FLOAT, FLOAT, INT, *_THREE),
    "best": (_MAPS, LONG, *_TWO, FLOAT, FLOAT, FLOAT, *_TWO, LONG, *_TWO),
    "gather": (_MAPS, LONG, *_TWO, INT, *_TWO),
    "peaks": (_MAPS, LONG, *_THREE, FLOAT, INT, INT, *_TWO),
    "tags": (_MAPS, INT, *_TWO),
    "choose": (_MAPS, LONG, *_THREE, *_TWO, FLOAT, *_THREE),
    "normalise": (ARRAY, LONG, ARRAY, ARRAY),
    "present": (_MAPS, LONG, *_THREE),
    "place": (_MAPS, LONG, *_TWO, *_TWO, INT, INT, *_TWO),
    "group": (INT, INT, INT, *_THREE, DOUBLE, INT, *_TWO, *_TWO),
}
_RESULTS = {"tops": FLOAT, "maxima": LONG, "best": LONG, "present": LONG, "group": INT}
_SLOW = {"tops", "maxima", "best", "normalise"}


class CompiledBlocks:
    """The loops of one compiled file."""

    def __init__(self, file: CompiledFile) -> None:
        self._do = file.functions(_ARGUMENTS, _RESULTS, slow=_SLOW)
        self._sketches: dict[tuple[int, int], Array] = {}  # a thread takes one out while it works

    def normalise(
        self, image: NDArray[np.uint8], table: NDArray[np.float32], out: NDArray[np.float32]
    ) -> None:
        """Look every byte of an image up, as cv2.LUT does in twice the time.

        Args:
            image: (H, W, 3), C-contiguous.
            table: (3, 256) of every channel.
            out: (H, W, 3), filled in.
        """
        pixels = image.shape[0] * image.shape[1]
        self._do.normalise(image, pixels, table, out)

    def look_at(self, maps: NetworkMaps) -> Bounds:
        """Bound the heat of every block."""
        (b, k, h, w) = maps.shape
        tops = np.empty((b * k, h // BLOCK, w // BLOCK), np.float32)
        steps = [part.strides[axis] // 4 for part in (maps.low, maps.high) for axis in (1, 3)]
        lie = [part.ctypes.data for part in (maps.low, maps.high, tops)]
        described = _Maps(*lie, b * k, k, *tops.shape[1:], *steps)
        cells, coarse, fine = tops.shape[2], steps[1], steps[3]
        rows = np.empty((3 * cells + 2) * coarse + (4 * cells + 3) * fine, np.float32)
        largest = self._do.tops(described, rows)
        return Bounds(self, maps, tops, described, SLACK * largest)

    def with_maxima(self, bounds: Bounds, lowest: np.float32, radius: int) -> Blocks:
        """The blocks that may hold a maximum of at least `lowest`.

        Args:
            bounds: of the maps.
            lowest: of the heat.
            radius: half-width of the square in which a maximum must not be exceeded, at least 1.
        """
        h, w = bounds.tops.shape[1:]
        ring = 2 * radius
        size = BLOCK * h + ring, BLOCK * w + ring
        heat = self._sketches.pop(size, None)  # as it is left, so it is not filled each time
        if heat is None:
            heat = np.full(size, -np.inf, np.float32)
        active, found = np.empty(2 * h * w, np.int64), np.empty(bounds.tops.size, np.int64)
        memory = heat, active, found
        count = self._do.maxima(bounds.described, lowest, bounds.slack, radius, *memory)
        self._sketches[size] = heat
        return Blocks(*np.divmod(found[:count], h * w))

    def with_best(
        self, bounds: Bounds, plane: Cells, wanted: Array, sharpness: np.float32, most: int
    ) -> tuple[Cells, Cells, Blocks]:
        """The blocks that may hold the best cell of a map for a tag, for N pairs of these.

        Args:
            bounds: of the maps.
            plane: (N,) image * K + joint; wanted: (N,) tags.
            sharpness: see `cpu_search.worth`.
            most: blocks of a pair that are worth naming.

        Returns:
            how many of each pair, (N,); the blocks of those with no more than `most`, and before
            them the pair of each.
        """
        h, w = bounds.tops.shape[1:]
        plane, wanted = np.ascontiguousarray(plane, np.int64), np.ascontiguousarray(wanted)
        planes = len(bounds.tops)
        memory = np.empty((planes + 3, h + 1, w), np.float32)
        blocks = np.empty(h * w + planes, np.int64)
        counts, found = np.empty(len(plane), np.int64), np.empty((3, len(plane) * most), np.int64)
        margins = sharpness, bounds.slack, SLACK
        arrays = memory, blocks, most, counts, found
        count = self._do.best(bounds.described, len(plane), plane, wanted, *margins, *arrays)
        pair, of, block = found[:, :count]
        return counts, pair, Blocks(of, block)

    def gather(self, bounds: Bounds, blocks: Blocks, *, tags: bool = False) -> tuple[Array, Array]:
        """What N blocks with a ring of cells around are interpolated from; see `cpu_maps`.

        Args:
            bounds: of the maps.
            blocks: any of them.
            tags: tags in place of heat.

        Returns:
            (3, N * 3) of the low maps, (6, N * 6) of the high ones; these not filled in for tags.
        """
        n = len(blocks)
        low, high = np.empty((3, 3 * n), np.float32), np.empty((6, 6 * n), np.float32)
        self._do.gather(
            bounds.described,
            n,
            blocks.plane,
            blocks.block,
            tags,
            low,
            high,
        )
        return low, high

    def add_peaks(
        self,
        bounds: Bounds,
        blocks: Blocks,
        heat: Array,
        lowest: np.float32,
        radius: int,
        peaks: Peaks,
    ) -> None:
        """Enter the maxima in N blocks into `peaks`, without their tags.

        Args:
            bounds: of the maps.
            blocks: none of which was looked into before.
            heat: (SIDE, N * SIDE) of them.
            lowest: of a maximum.
            radius: half-width of the square in which it must not be exceeded.
            peaks: the best so far.
        """
        assert heat.shape == (SIDE, len(blocks) * SIDE)
        self._do.peaks(
            bounds.described,
            len(blocks),
            blocks.plane,
            blocks.block,
            heat,
            *(lowest, radius, peaks.cell.shape[2]),
            peaks.cell,
            peaks.score,
        )

    def add_tags(self, bounds: Bounds, peaks: Peaks) -> None:
        """Enter the tags of the peaks, as `cpu_peaks.sample_tags`."""
        most = peaks.cell.shape[2]
        self._do.tags(bounds.described, most, peaks.cell, peaks.tag)

    def choose(
        self,
        bounds: Bounds,
        pair: NDArray[np.int64],
        blocks: Blocks,
        heat: Array,
        tags: Array,
        best: Best,
    ) -> None:
        """Let the cells of N blocks compete.

        Args:
            bounds: of the maps.
            pair: (N,) for which pair each block is looked into.
            blocks: the blocks.
            heat, tags: (SIDE, N * SIDE) of them.
            best: of the pairs so far.
        """
        assert heat.shape == tags.shape == (SIDE, len(blocks) * SIDE)
        self._do.choose(
            bounds.described,
            len(blocks),
            pair,
            blocks.block,
            heat,
            tags,
            best.wanted,
            best.sharpness,
            best.value,
            best.cell,
            best.heat,
        )

    def present(
        self, bounds: Bounds, cell: Cells, image: NDArray[np.int32]
    ) -> tuple[Cells, Blocks]:
        """Which of (P, K) cells are not -1, as flat indices, and the blocks these are in."""
        found = np.empty((3, cell.size), np.int64)
        count = self._do.present(bounds.described, len(cell), cell, image, found)
        where, plane, block = found[:, :count]
        return where, Blocks(plane, block)

    def place(
        self,
        bounds: Bounds,
        where: Cells,
        cell: Cells,
        heat: Array,
        score: Array,
        placing: Placing,
        joints: Joints,
    ) -> None:
        """Enter coordinates and scores of N joints, as `cpu_decode.placed`.

        Args:
            bounds: of the maps.
            where: (N,) as of `present`; heat: (SIDE, N * SIDE) of the blocks there.
            cell, score, placing: as of `cpu_decode.placed`.
            joints: filled in.
        """
        assert heat.shape == (SIDE, len(where) * SIDE)
        how = placing.adjust, placing.reach
        arrays = where, cell, heat, score, *how, joints.xy, joints.score
        self._do.place(bounds.described, len(where), *arrays)

    def group(
        self, score: Array, tag: Array, order: Sequence[int], reach: float, most_known: int | None
    ) -> NDArray[np.intp]:
        """As `engine.decoding.grouping.group`; only the first `most_known` groups are matched."""
        joints, most, tags_each = tag.shape
        room = joints * most
        members = np.empty((room, joints), np.int32)
        memory = (
            np.empty(room * room),
            np.empty(6 * room, np.int32),
            np.empty(room * (1 + tags_each * (joints + 1)), np.float32),
        )
        arrays = np.ascontiguousarray(score), np.ascontiguousarray(tag), np.array(order, np.int32)
        count = self._do.group(
            *(joints, most, tags_each),
            *arrays,
            *(reach, room if most_known is None else most_known),
            members,
            *memory,
        )
        return members[:count].astype(np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """What is known of maps before any heat is computed."""

    blocks: CompiledBlocks
    maps: NetworkMaps
    tops: Array  # (B * K, h, w) what no heat in a block exceeds by more than `slack`
    described: _Maps  # where all these lie
    slack: float


@cache
def compiled_blocks() -> CompiledBlocks | None:
    """The loops that were built with the package; None where there was no compiler."""
    file = compiled_file()
    return CompiledBlocks(file) if file else None
