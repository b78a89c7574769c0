"""Where CUDA kernels find heat and tags: the network's own maps, read through the aggregation.

The aggregated heat is 30 times larger than what it is computed from, and little of it is read more
than once. So it is not written out: kernels compute the cells they need (kernels/maps.cuh).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from gpu_ops.device import Maps, Pass

MOST_TAGS = 2  # MOST_TAGS of kernels/maps.cuh
TILE = 32  # TILE of kernels/maps.cuh

Arguments = tuple[np.generic, ...]


def pointer(tensor: Tensor | None) -> np.uint64:
    """The address of a tensor's first element, as a kernel takes it; 0 for None."""
    return np.uint64(0 if tensor is None else tensor.data_ptr())


def plain(tensor: Tensor) -> Tensor:
    """The tensor as kernels read it: float32 and contiguous."""
    return tensor.to(torch.float32).contiguous()


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """Heat of B images on a grid of (W, H) cells, computed from one or two stages."""

    low: Tensor | None  # (n, 2K, h, w) float32; None: `high` is all there is
    high: Tensor  # (n, K, 2h, 2w) float32; n = B, or 2B with the mirrored images last
    mirror: Tensor | None  # (K,) int32 joint permutation of the mirrored pass
    size: tuple[int, int]  # (W, H)

    @property
    def images(self) -> int:
        """B."""
        return len(self.high) // (1 if self.mirror is None else 2)

    @property
    def joints(self) -> int:
        """K."""
        return self.high.shape[1]

    @property
    def tiles(self) -> int:
        """Squares of TILE cells that cover the grid."""
        w, h = self.size
        return -(-w // TILE) * -(-h // TILE)

    def arguments(self) -> Arguments:
        """HEAT_ARGUMENTS of kernels/maps.cuh."""
        low = (0, 0) if self.low is None else self.low.shape[2:]
        h, w = self.high.shape[2:]
        return (
            pointer(self.low),
            *np.array(low, np.int32),
            pointer(self.high),
            *np.array((h, w), np.int32),
            pointer(self.mirror),
            *np.array((self.images, self.joints, self.size[1], self.size[0]), np.int32),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Tags:
    """T tag maps per joint of B images, at their own resolution."""

    first: Tensor  # starts at the map of image 0, joint 0, tag 0; float32
    shape: tuple[int, int]  # (h, w) of a map
    per_image: int  # floats from an image to the next
    per_tag: int  # floats from the first tag's maps to the second's
    count: int  # T
    mirror: Tensor | None  # (K,) int32: the second tag's maps are mirrored and permuted

    @classmethod
    def of_network(cls, low: Tensor, mirror: Tensor | None) -> Self:
        """The tags in low (n, 2K, h, w), n as in `Heat`."""
        n, channels, h, w = low.shape
        images = n if mirror is None else n // 2
        per_image = channels * h * w
        count = 1 if mirror is None else 2
        first = low[:, channels // 2 :]
        return cls(first, (h, w), per_image, images * per_image, count, mirror)

    @classmethod
    def of_tensor(cls, tag: Tensor) -> Self:
        """The tags in (B, T, K, h, w)."""
        tag = plain(tag)
        _, t, k, h, w = tag.shape
        return cls(tag, (h, w), t * k * h * w, k * h * w, t, None)

    def arguments(self) -> Arguments:
        """TAG_ARGUMENTS of kernels/maps.cuh."""
        return (
            pointer(self.first),
            *np.array(self.shape, np.int32),
            *np.array((self.per_image, self.per_tag), np.int64),
            np.int32(self.count),
            pointer(self.mirror),
        )


class NetworkMaps(Maps):
    """Maps that are computed where they are read; asking for a tensor writes it out."""

    __slots__ = ("_fill", "_low", "source", "tags")
    source: Heat
    tags: Tags
    _low: Tensor
    _fill: Callable[[Heat], Tensor]

    def __init__(
        self, source: Heat, low: Tensor, mirror: Tensor | None, fill: Callable[[Heat], Tensor]
    ) -> None:
        """Read heat from `source` and tags from `low` (n, 2K, h, w); `fill` writes heat out."""
        object.__setattr__(self, "source", source)
        object.__setattr__(self, "tags", Tags.of_network(low, mirror))
        object.__setattr__(self, "_low", low)
        object.__setattr__(self, "_fill", fill)

    @property
    def heat(self) -> Tensor:
        """(B, K, H, W) float32."""
        return self._fill(self.source)

    @property
    def tag(self) -> Tensor:
        """(B, T, K, h, w) float32."""
        images, joints = self.source.images, self.source.joints
        tags = self._low[:, joints:]
        if self.tags.mirror is None:
            return tags[:, None]
        mirrored = tags[images:].flip(3)[:, self.tags.mirror.long()]
        return torch.stack((tags[:images], mirrored), dim=1)


def sources(maps: Maps) -> tuple[Heat, Tags]:
    """What kernels read for any maps, those of other origin too."""
    if isinstance(maps, NetworkMaps):
        return maps.source, maps.tags
    heat = plain(maps.heat)
    h, w = heat.shape[2:]
    return Heat(None, heat, None, (w, h)), Tags.of_tensor(maps.tag)


def two_step(passed: Pass, fill: Callable[[Heat], Tensor]) -> Tensor:
    """(n, K, 2h, 2w) both stages averaged at stride 2, mirrored images still mirrored."""
    h, w = passed.high.shape[2:]
    return fill(Heat(passed.low, passed.high, None, (w, h)))


def with_numbers(*values: Any) -> Arguments:
    """Python ints as int32, floats as float32, tensors and None as addresses."""
    return tuple(_scalar(value) for value in values)


def _scalar(value: Any) -> np.generic:
    if value is None or isinstance(value, Tensor):
        return pointer(value)
    if isinstance(value, np.generic):
        return value
    return np.float32(value) if isinstance(value, float) else np.int32(value)
