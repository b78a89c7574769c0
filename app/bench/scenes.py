"""Seeded maps of made-up people: decoding can be measured apart from any weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SPREAD = 8.0  # standard deviation of a joint's bump, cells
MISSING = 0.25  # share of joints without a peak, which refinement has to look for
NOISE = 0.01


def maps_of_people(
    people: int, size: tuple[int, int] = (512, 512), *, tags: int = 2, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Aggregated maps as a trained network would give them.

    Args:
        people: how many stand in the picture.
        size: (W, H) cells.
        tags: T, 2 for a mirrored pass, else 1.
        seed: of the generator.

    Returns:
        heat (17, H, W) and tag (17, H, W, T), float32.
    """
    random = np.random.default_rng(seed)
    w, h = size
    heat = random.normal(0, NOISE, (17, h, w)).astype(np.float32)
    tag = random.normal(0, NOISE, (17, h, w, tags)).astype(np.float32)
    for person in range(people):
        middle = random.uniform((w * 0.1, h * 0.1), (w * 0.9, h * 0.9))
        own_tag = person * 1.5 - people * 0.7 + random.normal(0, 0.05, tags)
        for joint in range(17):
            x, y = middle + random.normal(0, (w * 0.05, h * 0.08))
            if random.random() >= MISSING:
                height = random.uniform(0.4, 1.0)
                _add_bump(heat[joint], tag[joint], (x, y), height, own_tag)
    return heat, tag


def network_maps(
    people: int, size: tuple[int, int], *, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a network would put out for an input of (W, H) = size, of the same made-up people.

    Returns:
        low (34, H/4, W/4), heat and tags, and high (17, H/2, W/2), float32.
    """
    heat, tag = maps_of_people(people, size, tags=1, seed=seed)
    low = np.concatenate((heat[:, ::4, ::4], tag[:, ::4, ::4, 0]))
    return low, np.ascontiguousarray(heat[:, ::2, ::2])


def _add_bump(
    heat: NDArray[np.float32],
    tag: NDArray[np.float32],
    at: tuple[float, float],
    height: float,
    own_tag: NDArray[np.float64],
) -> None:
    h, w = heat.shape
    x, y = np.clip(at[0], 0, w - 1), np.clip(at[1], 0, h - 1)
    reach = int(3 * SPREAD)
    rows = slice(max(0, int(y) - reach), min(h, int(y) + reach + 1))
    columns = slice(max(0, int(x) - reach), min(w, int(x) + reach + 1))
    yy, xx = np.mgrid[rows, columns]
    bump = height * np.exp(-((xx - x) ** 2 + (yy - y) ** 2) / (2 * SPREAD**2))
    stronger = bump > heat[rows, columns]
    heat[rows, columns] = np.where(stronger, bump, heat[rows, columns])
    tag[rows, columns][stronger] = own_tag
