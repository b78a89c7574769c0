"""Random and adversarial maps for the contract tests."""

from __future__ import annotations

import numpy as np
import torch

from gpu_ops.device import Groups, Maps

MIRROR = (0, 2, 1)  # of the three joints used here


def heat_map(rng, shape, levels=None):
    """float32 in [-0.2, 1]; with `levels`, only so many values, so that ties abound."""
    heat = rng.random(shape, np.float32) * np.float32(1.2) - np.float32(0.2)
    return heat if levels is None else np.round(heat * levels).astype(np.float32) / levels


def tag_map(rng, shape, people=4):
    """float32 tags of a few people in patches, with noise, and values halfway between integers."""
    whose = rng.integers(0, people, shape).astype(np.float32)
    noise = rng.normal(0, 0.05, shape).astype(np.float32)
    noise[rng.random(shape) < 0.3] = 0.5
    return whose + noise


def dense(heat, tag) -> Maps:
    """Maps on the CPU from heat (B, K, H, W) and tag (B, T, K, h, w)."""
    return Maps(torch.from_numpy(heat), torch.from_numpy(tag))


def on(device, maps: Maps) -> Maps:
    """The same maps on a device."""
    return Maps(maps.heat.to(device.torch_device), maps.tag.to(device.torch_device))


def groups(rng, people, images, joints, cells, tags, missing=0.5) -> Groups:
    """People with random cells and tags."""
    cell = rng.integers(0, cells, (people, joints)).astype(np.int32)
    cell[rng.random(cell.shape) < missing] = -1
    return Groups(
        np.sort(rng.integers(0, images, people)).astype(np.int32),
        cell,
        rng.integers(-1, 8, (people, tags)).astype(np.float32) / 2,
    )
