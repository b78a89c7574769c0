"""The baseline of the benchmark: each step as its definition reads, without our shortcuts.

It gives the same people, so the ratio beside it is the worth of the shortcuts alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from gpu_ops.cpu import IMAGENET_DEVIATION, IMAGENET_MEAN, CpuLane
from gpu_ops.cpu_decode import resize
from gpu_ops.cpu_peaks import sample
from gpu_ops.device import Groups, Joints, Maps, Peaks, Placing


def plain_warp(
    image: NDArray[np.uint8], affine: NDArray[np.float64], size: tuple[int, int]
) -> Tensor:
    """(H, W, 3) uint8 RGB -> (1, 3, h, w) normalised, pixel by pixel in float32."""
    warped = cv2.warpAffine(image, affine, size).astype(np.float32) / 255
    mean, deviation = np.array((IMAGENET_MEAN, IMAGENET_DEVIATION), np.float32)
    return torch.from_numpy(((warped - mean) / deviation).transpose(2, 0, 1)[None].copy())


class PlainLane(CpuLane):
    """Heat written out, max pooling and sorting, a search of the whole map per missing joint."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks = None  # as where nothing is compiled: heat is written out

    def warp(
        self,
        pixels: Sequence[NDArray[np.uint8]],
        affines: Sequence[NDArray[np.float64]],
        size: tuple[int, int],
        *,
        mirror: bool,
    ) -> Tensor:
        """See `device.Lane.warp`."""
        pairs = zip(pixels, affines, strict=True)
        x = torch.cat([plain_warp(image, affine, size) for image, affine in pairs])
        return torch.cat((x, x.flip(3))) if mirror else x

    def find_peaks(self, maps: Maps, *, radius: int, threshold: float, most: int) -> None:
        """See `device.Lane.find_peaks`."""
        heat, tag = maps.heat, maps.tag.numpy()
        size = (heat.shape[3], heat.shape[2])
        peak = F.max_pool2d(heat, 2 * radius + 1, 1, radius) == heat
        # Stable, so that equal peaks come in raster order; every cell takes part, as in a top-k.
        score, cell = torch.sort((heat * peak).flatten(2), dim=2, descending=True, stable=True)
        best, at = score[..., :most].numpy(), cell[..., :most].numpy()
        high = best.astype(np.float64) > threshold
        tags = np.stack([_tags_at(maps, cells, size) for maps, cells in zip(tag, at, strict=True)])
        self._peaks = Peaks(
            np.where(high, at, -1).astype(np.int32),
            np.where(high, best, np.float32(0)),
            np.where(high[..., None], tags, np.float32(0)),
        )

    def refine(self, maps: Maps, groups: Groups, placing: Placing) -> Joints:
        """See `device.Lane.refine`; only as in the paper."""
        assert (placing.reach, placing.tolerance) == (0, 0), "the baseline is the paper's"
        heat = maps.heat.numpy()
        size = (heat.shape[3], heat.shape[2])
        tags = [resize(maps.tag[:, index].numpy(), size) for index in range(maps.tag.shape[1])]
        shape = groups.cell.shape
        joints = Joints(np.zeros((*shape, 2), np.float32), np.zeros(shape, np.float32))
        for person, (image, row, own) in enumerate(
            zip(groups.image, groups.cell, groups.tag, strict=True)
        ):
            squares = [(tag[image] - goal) ** 2 for tag, goal in zip(tags, own, strict=True)]
            value = heat[image] - np.rint(np.sqrt(sum(squares)))
            for joint, found in enumerate(row):
                cell = int(found) if found >= 0 or not placing.fill else int(value[joint].argmax())
                y, x = divmod(cell, size[0])
                if found >= 0 or (placing.fill and heat[image, joint, y, x] > 0):
                    shift = _quarter(heat[image, joint], x, y) if placing.adjust else (0.0, 0.0)
                    joints.xy[person, joint] = (x + 0.5 + shift[0], y + 0.5 + shift[1])
                    joints.score[person, joint] = heat[image, joint, y, x]
        return joints


def _tags_at(
    tag: NDArray[np.float32], cells: NDArray[np.int64], size: tuple[int, int]
) -> NDArray[np.float32]:
    """(K, M, T) values of (T, K, h, w) maps at (K, M) cells of a grid of (W, H)."""
    return np.stack([sample(tag[:, k], at, size).T for k, at in enumerate(cells)])


def _quarter(heat: NDArray[np.float32], x: int, y: int) -> tuple[float, float]:
    h, w = heat.shape
    right = heat[y, min(x + 1, w - 1)] > heat[y, max(x - 1, 0)]
    down = heat[min(y + 1, h - 1), x] > heat[max(y - 1, 0), x]
    return 0.25 if right else -0.25, 0.25 if down else -0.25
