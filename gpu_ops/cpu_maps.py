"""Maps of one pass whose heat is computed where it is read.

Heat is 16 times larger than the coarse maps it comes from, and decoding looks at little of it:
around peaks, and where a missing joint could be; `cpu_compiled` tells where that is. What is
computed in parts equals what `heat` holds, bit for bit: both interpolate maps repeated beyond
their edges, and no cell depends on others than its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_ops.device import Maps

Array = NDArray[np.float32]
Cells = NDArray[np.intp]

BLOCK = 4  # cells of heat on a side per cell of the low maps
RING = 4  # cells around a patch that are computed with it
SIDE = BLOCK + 2 * RING
USABLE = 2  # of the ring: those farther out lack neighbours
SLACK = 4e-6  # of the largest value: how far rounding may lead beyond the values interpolated


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """N blocks of 4 x 4 cells, one for each cell of a low map."""

    plane: NDArray[np.int64]  # (N,) image * K + joint
    block: NDArray[np.int64]  # (N,) flat index within the plane

    def __len__(self) -> int:
        return len(self.block)

    def part(self, rows: slice) -> Blocks:
        """Some of them."""
        return Blocks(self.plane[rows], self.block[rows])


class NetworkMaps(Maps):
    """The mean of two stages of one pass; asking for `heat` writes it out, once."""

    __slots__ = ("_heat", "high", "low")
    low: Array
    high: Array
    _heat: Tensor | None

    def __init__(self, low: Array, high: Array) -> None:
        """Read low (B, 2K, h, w) and high (B, K, 2h, 2w), both C-contiguous or channels last."""
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "_heat", None)

    @classmethod
    def fitting(cls, low: Array, high: Array, size: tuple[int, int]) -> Self | None:
        """Maps of (W, H) = size, if the stages are a fourth and a half of it."""
        h, w = low.shape[2:]
        if size != (BLOCK * w, BLOCK * h) or high.shape[2:] != (2 * h, 2 * w):
            return None
        if all(part.transpose(0, 2, 3, 1).flags.c_contiguous for part in (low, high)):
            return cls(low, high)
        return cls(np.ascontiguousarray(low), np.ascontiguousarray(high))

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """B, K, H, W of the heat."""
        b, k, h, w = self.high.shape
        return b, k, 2 * h, 2 * w

    def unread(self, radius: int = 1) -> bool:
        """Whether heat may be computed where it is read, with `radius` cells around.

        Not after `heat` was asked for: it may have been changed, and is what counts.
        """
        return self._heat is None and 1 <= radius <= USABLE

    @property
    def heat(self) -> Tensor:
        """(B, K, H, W) float32."""
        if self._heat is None:
            b, k, h, w = self.shape
            heat = np.empty((b * k, h, w), np.float32)
            for plane in range(b * k):
                heat[plane] = self.heat_plane(plane)
            object.__setattr__(self, "_heat", torch.from_numpy(heat.reshape(b, k, h, w)))
        assert self._heat is not None
        return self._heat

    @property
    def tag(self) -> Tensor:
        """(B, 1, K, h, w) float32."""
        return torch.from_numpy(self.low[:, None, self.high.shape[1] :])

    def heat_plane(self, plane: int) -> Array:
        """(H, W) heat of one image and joint."""
        image, joint = divmod(plane, self.high.shape[1])
        fine = _finer(_padded(self.low[image, joint], 1))
        other = _finer(_padded(self.high[image, joint], 2), 2)
        cv2.addWeighted(fine, 0.5, other, 0.5, 0, dst=fine)
        return np.ascontiguousarray(fine[RING:-RING, RING:-RING])

    def tag_plane(self, plane: int) -> Array:
        """(H, W) tags of one image and joint."""
        image, joint = divmod(plane, self.high.shape[1])
        tags = self.low[image, self.high.shape[1] + joint]
        return np.ascontiguousarray(_finer(_padded(tags, 1))[RING:-RING, RING:-RING])


def heat_of(low: Array, high: Array) -> Array:
    """(SIDE, N * SIDE) heat of N blocks with a ring of RING cells around, side by side.

    Cells outside the map repeat those at its edge.

    Args:
        low: (3, N * 3) cells of the low map; high: (6, N * 6) of the high one.
    """
    fine = _finer(low)
    cv2.addWeighted(fine, 0.5, _finer(high, 2), 0.5, 0, dst=fine)
    return fine


def tags_of(low: Array) -> Array:
    """Likewise tags."""
    return _finer(low)


def _padded(plane: Array, cells: int) -> Array:
    border = cv2.copyMakeBorder(plane, cells, cells, cells, cells, cv2.BORDER_REPLICATE)
    return np.asarray(border, np.float32)


def _finer(values: Array, times: int = BLOCK) -> Array:
    h, w = values.shape
    size = (times * w, times * h)
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)
