"""Loops compiled of native/grouping.c: peaks to people, as `engine.decoding` does it with NumPy."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gpu_ops.compiled_file import ARRAY, DOUBLE, INT, LONG, CompiledFile, compiled_file
from gpu_ops.device import Peaks

Array = NDArray[np.float32]

_ARGUMENTS: dict[str, tuple[object, ...]] = {  # of native/grouping.c, by the function's name
    "group": (INT, INT, INT, *(ARRAY,) * 3, DOUBLE, INT, *(ARRAY,) * 4),
    "gathered": (LONG, INT, INT, INT, *(ARRAY,) * 9),
}


class CompiledGrouping:
    """The loops of one compiled file."""

    def __init__(self, file: CompiledFile) -> None:
        self._do = file.functions(_ARGUMENTS, {"group": INT})

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

    def gathered(
        self, peaks: Peaks, image: NDArray[np.int32], peak: NDArray[np.intp]
    ) -> tuple[NDArray[np.int32], Array, Array]:
        """Cells and scores (P, K) and mean tags (P, T), as `engine.decoding.decode.gathered`."""
        people, joints = peak.shape
        most, tags_each = peaks.tag.shape[2:]
        cell, score = np.empty(peak.shape, np.int32), np.empty(peak.shape, np.float32)
        tag, memory = (np.empty((n, tags_each), np.float32) for n in (people, joints))
        sizes = people, joints, most, tags_each
        found = [np.ascontiguousarray(array) for array in (peaks.cell, peaks.score, peaks.tag)]
        self._do.gathered(*sizes, image, peak, *found, cell, score, tag, memory)
        return cell, score, tag


@cache
def compiled_grouping() -> CompiledGrouping | None:
    """The loops that were built with the package; None where there was no compiler."""
    file = compiled_file()
    return CompiledGrouping(file) if file else None
