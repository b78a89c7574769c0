"""Where in a heatmap a person's missing joint is: an exact search that looks at few cells.

A cell's worth falls with the distance of its tag from the person's: by the rounded distance, as in
the paper's code, or, with a tolerance, to heat * (1 - (distance / tolerance)^2)^2, and to nothing
from there on (Tukey's biweight): what is that far away belongs to another person.

The definition is a search over the whole map for each joint and person, and in the reference that
is nearly all the time decoding takes. Here the map is cut into blocks whose best possible value is
known, and only the blocks that could hold the winner are looked into.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Cells = NDArray[np.intp]

BLOCK = 16  # cells on a side
FIRST = 6  # blocks looked into before the others' bounds are compared with the best of them
LEAST = 1e-3  # tolerance: the square of a much smaller one is 0
LOWEST = float(np.finfo(np.float32).min)  # minus infinity times 0 is no number
NOWHERE = -1, 0.0  # cell, what counts there
FEW = 4  # people for whom bounding all blocks costs more than looking into every cell


def best_cells(
    heat: Array, tags: Array, wanted: Array, sharpness: np.float32, value: Array
) -> list[tuple[int, float]]:
    """The first cell that is worth most, for each of P people.

    Args:
        heat: (H, W); tags: (T, H, W); wanted: (P, T).
        sharpness: see `worth`.
        value: (H, W) memory to work in; asking the system for it takes longer than the search.

    Returns:
        P flat cells and what counts there: the heat, or with a tolerance the worth; (-1, 0) where
        that is not above 0.
    """
    if len(wanted) <= FEW:
        return [_best_anywhere(heat, tags, tag, sharpness, value) for tag in wanted]
    search = BestCellSearch(heat, tags, sharpness)
    return [search.best(tag) for tag in wanted]


def sharpness_of(tolerance: float) -> np.float32:
    """How steeply worth falls: 1 / tolerance^2; 0 for a tolerance of 0, the paper's rounding."""
    return np.float32(1 / max(tolerance, LEAST) ** 2 if tolerance else 0)


def worth(heat: Array, square: Array, sharpness: np.float32) -> Array:
    """What cells are worth to a person; in the memory of `square`.

    Args:
        heat: float32; square: squared distances of tags, of the same shape.
        sharpness: as `sharpness_of` gives it.
    """
    if sharpness:
        square *= sharpness
        np.subtract(np.float32(1), square, out=square)
        np.maximum(square, np.float32(0), out=square)
        square *= square
        return np.multiply(heat, square, out=square)
    np.rint(np.sqrt(square, out=square), out=square)
    return np.subtract(heat, square, out=square)


def _best_anywhere(
    heat: Array, tags: Array, wanted: Array, sharpness: np.float32, value: Array
) -> tuple[int, float]:
    np.subtract(tags[0], wanted[0], out=value)
    np.square(value, out=value)
    for tag, goal in zip(tags[1:], wanted[1:], strict=True):
        value += np.square(tag - goal)
    value = worth(heat, value, sharpness)
    cell = int(value.argmax())
    counts = float((value if sharpness else heat).reshape(-1)[cell])
    return (cell, counts) if counts > 0 else NOWHERE


class BestCellSearch:
    """Finds, for any tag, the first cell that is worth most."""

    def __init__(self, heat: Array, tags: Array, sharpness: np.float32) -> None:
        """Bound every block.

        Args:
            heat: (H, W); tags: (T, H, W).
            sharpness: see `worth`.
        """
        self._sharpness = sharpness
        self._cell = _cells(heat.shape)
        self._heat = _in_blocks(heat, LOWEST)
        self._tags = [_in_blocks(tag, 0) for tag in tags]
        self._top = self._heat.max(axis=1)
        self._low = np.stack([tag.min(axis=1) for tag in self._tags])
        self._high = np.stack([tag.max(axis=1) for tag in self._tags])

    def best(self, wanted: Array) -> tuple[int, float]:
        """The best flat cell for a (T,) tag and what counts there, see `best_cells`."""
        reach = np.maximum(self._low - wanted[:, None], wanted[:, None] - self._high)
        bound = worth(self._top, _square(np.maximum(reach, 0)), self._sharpness)
        first = np.argpartition(-bound, min(FIRST, len(bound) - 1))[:FIRST]
        best = self._best_in(first, wanted)
        bound[first] = -np.inf
        hopeful = bound >= best[0]  # an equal cell may come first in raster order
        if self._sharpness:
            hopeful &= bound > 0
        rest = np.flatnonzero(hopeful)
        if len(rest):
            best = max(best, self._best_in(rest, wanted))
        value, minus_cell, heat = best
        counts = value if self._sharpness else heat
        return (-minus_cell, counts) if counts > 0 else NOWHERE

    def _best_in(self, blocks: Cells, wanted: Array) -> tuple[float, int, float]:
        """Value, negated flat cell and heat of the winner among some blocks."""
        heat = self._heat[blocks]
        difference = [tag[blocks] - goal for tag, goal in zip(self._tags, wanted, strict=True)]
        value = worth(heat, _square(difference), self._sharpness)
        largest = value.max()
        ties = np.flatnonzero(value == largest)
        cells = self._cell[blocks].reshape(-1)[ties]
        first = int(cells.argmin())
        return float(largest), -int(cells[first]), float(heat.reshape(-1)[ties[first]])


def _square(difference: Array | list[Array]) -> Array:
    """Squared length over the first axis, summed in float32 in its order."""
    total = np.square(difference[0])
    for other in difference[1:]:
        total += np.square(other)
    return np.asarray(total)


def _in_blocks(values: Array, filler: float) -> Array:
    """(H, W) -> (blocks, BLOCK * BLOCK), filled up where the map ends inside a block."""
    h, w = values.shape
    rows, columns = -(-h // BLOCK), -(-w // BLOCK)
    if (rows * BLOCK, columns * BLOCK) != (h, w):
        padding = ((0, rows * BLOCK - h), (0, columns * BLOCK - w))
        values = np.pad(values, padding, constant_values=filler)
    blocks = values.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2)
    return np.ascontiguousarray(blocks).reshape(rows * columns, BLOCK * BLOCK)


@lru_cache(maxsize=8)
def _cells(shape: tuple[int, int]) -> NDArray[np.int32]:
    """Flat index of every cell, in blocks."""
    flat = np.arange(shape[0] * shape[1], dtype=np.int32).reshape(shape)
    return _in_blocks(flat, 0)  # type: ignore[arg-type, return-value]


class Best:
    """The best cell found so far for each of N pairs of a map and a tag."""

    def __init__(self, wanted: Array, sharpness: np.float32) -> None:
        self.wanted, self.sharpness = np.ascontiguousarray(wanted), sharpness
        self.value = np.full(len(wanted), -np.inf, np.float32)
        self.cell = np.full(len(wanted), -1, np.int64)
        self.heat = np.zeros(len(wanted), np.float32)

    def found(self) -> tuple[NDArray[np.int64], Array]:
        """(N,) flat cells, and what counts there; -1 and 0 where that is not above 0."""
        counts = self.value if self.sharpness else self.heat
        return np.where(counts > 0, self.cell, -1), np.maximum(counts, np.float32(0))
