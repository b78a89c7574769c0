"""Peaks of made-up crowds, for whatever groups them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gpu_ops.device import Peaks


def peaks_of(score: NDArray[np.float32], tag: NDArray[np.float32]) -> Peaks:
    """Peaks (B, K, M) with cells that tell them apart."""
    b, k, m = score.shape
    cell = np.arange(b * k * m, dtype=np.int32).reshape(b, k, m)
    return Peaks(np.where(score > 0, cell, -1), score, tag)


def random_peaks(
    seed: int,
    *,
    images: int = 2,
    joints: int = 5,
    most: int = 8,
    tags: int = 2,
    people: int = 6,
    grain: float | None = None,
) -> Peaks:
    """Peaks of a crowd; with `grain`, tags are multiples of it, so that costs and keys tie."""
    rng = np.random.default_rng(seed)
    score = np.sort(rng.uniform(0.1, 1, (images, joints, most)).astype(np.float32))[..., ::-1]
    if grain:
        score = np.ceil(score * 4) / np.float32(4)
    score = score * (np.arange(most) < rng.integers(0, most + 1, (images, joints, 1)))
    tag = rng.integers(0, people, (images, joints, most, 1)) * 0.7
    tag = tag + rng.normal(0, 0.3, (images, joints, most, tags))
    if grain:
        tag = np.round(tag / grain) * grain
    return peaks_of(score.astype(np.float32), tag.astype(np.float32))
