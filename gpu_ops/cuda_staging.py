"""Memory that one lane copies through: pinned on the host, with its twin on the device.

Pinned memory never leaves its lane, and the lane is used again only after its batch has been
collected, so a copy in flight is never overwritten.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ALIGNMENT = 256  # bytes; every part starts where any type may start
SMALLEST = 1 << 16  # bytes allocated at least

Part = tuple[Sequence[int], torch.dtype]  # shape and type of an array


@dataclass(frozen=True, slots=True, eq=False)
class Twin:
    """Bytes on the host and the same bytes on the device."""

    host: Tensor  # (n,) uint8, pinned
    device: Tensor  # (n,) uint8

    def up(self) -> None:
        """Start copying to the device."""
        self.device.copy_(self.host, non_blocking=True)

    def down(self) -> None:
        """Start copying to the host."""
        self.host.copy_(self.device, non_blocking=True)

    def bytes(self) -> NDArray[np.uint8]:
        """The host's bytes, to be filled."""
        return self.host.numpy()

    def split(self, parts: Sequence[Part]) -> tuple[list[NDArray[Any]], list[Tensor]]:
        """Arrays of the host and tensors of the device, one after another in the bytes."""
        start = 0
        arrays, tensors = [], []
        for shape, dtype in parts:
            end = start + _size(shape, dtype)
            arrays.append(self.host[start:end].view(dtype).view(tuple(shape)).numpy())
            tensors.append(self.device[start:end].view(dtype).view(tuple(shape)))
            start += _padded(end - start)
        return arrays, tensors


class Staging:
    """Gives out twins until it is reset; grows when it must, so its size settles."""

    def __init__(self, pinned: Callable[[int], Tensor], device: torch.device) -> None:
        self._pinned = pinned
        self._device = device
        self._all = Twin(torch.empty(0, dtype=torch.uint8), torch.empty(0, dtype=torch.uint8))
        self._used = 0

    @property
    def size(self) -> int:
        """Bytes held on the host, and as many on the device."""
        return len(self._all.host)

    def reset(self) -> None:
        """Everything given out is free again."""
        self._used = 0

    def take(self, size: int) -> Twin:
        """So many bytes. What was taken before stays valid."""
        if self._used + size > self.size:
            self._grow(size)
        start = self._used
        self._used += _padded(size)
        return Twin(self._all.host[start : start + size], self._all.device[start : start + size])

    def take_for(self, parts: Sequence[Part]) -> Twin:
        """Bytes for `Twin.split`."""
        return self.take(sum(_padded(_size(shape, dtype)) for shape, dtype in parts))

    def _grow(self, size: int) -> None:
        # Those who hold parts of the old block keep it alive; torch keeps pinned memory until
        # the copies recorded on it are done.
        total = 1 << max(SMALLEST, self._used + size - 1).bit_length()
        device = torch.empty(total, dtype=torch.uint8, device=self._device)
        self._all = Twin(self._pinned(total), device)
        self._used = 0


def _size(shape: Sequence[int], dtype: torch.dtype) -> int:
    return math.prod(shape) * dtype.itemsize


def _padded(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
