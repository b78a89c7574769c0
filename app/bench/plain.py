"""The baselines of the benchmark: each step as its definition reads, without our shortcuts.

They give the same people, so the ratio beside them is the worth of the shortcuts alone.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.decoding.grouping import group, mean_tag
from engine.settings import PAPER_GROUPING
from engine.skeleton import COCO
from gpu_ops.cpu import IMAGENET_DEVIATION, IMAGENET_MEAN

MOST = PAPER_GROUPING.most_people


def plain_warp(
    image: NDArray[np.uint8], affine: NDArray[np.float64], size: tuple[int, int]
) -> Tensor:
    """(H, W, 3) uint8 RGB -> (1, 3, h, w) normalised, pixel by pixel in float32."""
    warped = cv2.warpAffine(image, affine, size).astype(np.float32) / 255
    mean, deviation = np.array((IMAGENET_MEAN, IMAGENET_DEVIATION), np.float32)
    return torch.from_numpy(((warped - mean) / deviation).transpose(2, 0, 1)[None].copy())


def plain_decode(
    heat: NDArray[np.float32], tag: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What `engine.decoding.decode.decode` returns, by max pooling, top-k and whole-map searches.

    Args:
        heat: (17, H, W); tag: (17, H, W, T).
    """
    w = heat.shape[2]
    maps = torch.from_numpy(heat)
    peak = F.max_pool2d(maps[None], 5, 1, 2)[0] == maps
    # Stable, so that equal peaks come in raster order; every cell takes part, as in a top-k.
    score, cell = torch.sort((maps * peak).flatten(1), dim=1, descending=True, stable=True)
    best, at = score[:, :MOST].numpy(), cell[:, :MOST].numpy()
    best = np.where(best.astype(np.float64) > PAPER_GROUPING.peak_threshold, best, 0)
    tags = np.take_along_axis(tag.reshape(len(tag), -1, tag.shape[3]), at[..., None], axis=1)
    people = group(best, tags, COCO.order, PAPER_GROUPING)
    joints = np.zeros((*people.shape, 3), np.float32)
    scores = np.zeros(len(people), np.float32)
    for person, rows in enumerate(people):
        found = np.flatnonzero(rows >= 0)
        own = mean_tag(tags[found, rows[found]])
        scores[person] = np.where(rows >= 0, best[np.arange(len(rows)), rows], 0).mean()
        distance = np.sqrt(((tag - own) ** 2).sum(axis=3))
        value = heat - np.rint(distance)
        for joint, row in enumerate(rows):
            where = at[joint, row] if row >= 0 else value[joint].argmax()
            y, x = divmod(int(where), w)
            if row >= 0 or heat[joint, y, x] > 0:
                joints[person, joint] = (*_quarter(heat[joint], x, y), heat[joint, y, x])
    return joints, scores


def _quarter(heat: NDArray[np.float32], x: int, y: int) -> tuple[float, float]:
    h, w = heat.shape
    right = heat[y, min(x + 1, w - 1)] > heat[y, max(x - 1, 0)]
    down = heat[min(y + 1, h - 1), x] > heat[max(y - 1, 0), x]
    return x + (0.75 if right else 0.25), y + (0.75 if down else 0.25)
