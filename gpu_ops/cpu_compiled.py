"""Which blocks of a frame's maps are worth computing, by the compiled loops of native/blocks.c.

They decide nothing: every block that could matter is named, and `cpu_sparse` looks into those with
the values that count. Without the compiled file, decoding writes all heat out and finds the same.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpu_ops.cpu_maps import BLOCK, SLACK, Array, Cells, NetworkMaps

VERSION = 3  # of what the functions take, also in native/blocks.c
_ADDRESS, _LONG = ctypes.c_void_p, ctypes.c_longlong


class _Maps(ctypes.Structure):
    """Maps of native/blocks.c."""

    _fields_ = (
        *((name, _ADDRESS) for name in ("low", "high", "tops")),
        *((name, _LONG) for name in ("planes", "joints", "h", "w")),
    )


class CompiledBlocks:
    """The loops of one compiled file."""

    def __init__(self, path: Path) -> None:
        """Load it.

        Raises:
            OSError: this is not a file for this machine, or one of another version.
        """
        library = ctypes.CDLL(str(path))
        if not hasattr(library, "posestream_version") or library.posestream_version() != VERSION:
            raise OSError(f"{path} was compiled from another version of native/blocks.c")
        maps, number = ctypes.POINTER(_Maps), ctypes.c_float
        self._tops = library.posestream_tops
        self._maxima, self._best = library.posestream_maxima, library.posestream_best
        self._tops.argtypes, self._tops.restype = [maps, _ADDRESS, _ADDRESS], number
        self._maxima.argtypes = [maps, number, number, ctypes.c_int, *(_ADDRESS,) * 3]
        self._best.argtypes = [maps, _LONG, number, number, *(_ADDRESS,) * 5]
        self._tags = library.posestream_tags
        self._tags.argtypes, self._tags.restype = [maps, *(_ADDRESS,) * 3], None
        self._maxima.restype = self._best.restype = _LONG

    def look_at(self, maps: NetworkMaps) -> Bounds:
        """Bound the heat of every block."""
        (b, k, h, w) = maps.shape
        tops = np.empty((b * k, h // BLOCK, w // BLOCK), np.float32)
        described = _Maps(*_addresses(maps.low, maps.high, tops), b * k, k, *tops.shape[1:])
        row, sizes = np.empty(w + 2, np.float32), np.empty(w, np.float32)
        largest = self._tops(described, *_addresses(row, sizes))
        return Bounds(self, maps, tops, described, SLACK * largest)

    def with_maxima(self, bounds: Bounds, lowest: np.float32, radius: int) -> Cells:
        """Flat indices of the blocks of all planes that may hold a maximum of at least `lowest`.

        Args:
            bounds: of the maps.
            lowest: of the heat.
            radius: half-width of the square in which a maximum must not be exceeded, at least 1.
        """
        h, w = bounds.tops.shape[1:]
        ring = 2 * radius
        heat = np.full((BLOCK * h + ring, BLOCK * w + ring), -np.inf, np.float32)
        active, found = np.empty(h * w, np.int64), np.empty(bounds.tops.size, np.int64)
        memory = _addresses(heat, active, found)
        count = self._maxima(bounds.described, lowest, bounds.slack, radius, *memory)
        return found[:count].astype(np.intp)

    def with_best(
        self, bounds: Bounds, plane: Cells, wanted: Array, sharpness: np.float32
    ) -> tuple[Cells, Cells]:
        """The blocks that may hold the best cell of a map for a tag, for N pairs of these.

        Args:
            bounds: of the maps.
            plane: (N,) image * K + joint; wanted: (N,) tags.
            sharpness: see `cpu_search.worth`.

        Returns:
            (M,) pairs, ascending, and (M,) flat blocks.
        """
        low, high = np.empty_like(bounds.tops), np.empty_like(bounds.tops)
        row = np.empty(bounds.maps.shape[3], np.float32)
        self._tags(bounds.described, *_addresses(row, low, high))
        margins = np.array((bounds.slack, bounds.maps.tag_slack()), np.float32)
        most = np.empty(bounds.tops[0].size, np.float32)
        found = np.empty(bounds.tops[0].size, np.int64)
        memory = _addresses(low, high, margins, most, found)
        blocks = [np.zeros(0, np.int64)]
        for of, tag in zip(plane.tolist(), wanted.tolist(), strict=True):
            count = self._best(bounds.described, of, tag, sharpness, *memory)
            blocks.append(found[:count].copy())
        pairs = np.repeat(np.arange(len(plane)), [len(some) for some in blocks[1:]])
        return pairs, np.concatenate(blocks).astype(np.intp)


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
    found = find_spec("gpu_ops._blocks")
    if found is None or found.origin is None:
        return None
    try:
        return CompiledBlocks(Path(found.origin))
    except OSError:
        return None


def _addresses(*arrays: NDArray[np.generic]) -> list[int]:
    """Where arrays lie, which must live as long as this is used."""
    return [array.ctypes.data for array in arrays]
