"""Stages, the mirrored pass and scales are averaged as written down by hand."""

import numpy as np
import pytest
import torch

from gpu_ops.cpu import CpuDevice
from gpu_ops.device import Maps, Pass
from tests.support.by_hand import heat_by_hand
from tests.support.map_scenes import MIRROR

SIZE = (48, 40)
TOLERANCE = 1e-5  # interpolated values, the contract of gpu_ops.device


def network_maps(seed, images, factors, joints=3):
    """Low and high maps of one scale each: the base size times a factor."""
    rng = np.random.default_rng(seed)
    w, h = SIZE
    return [
        (
            rng.normal(size=(images, 2 * joints, int(h * f) // 4, int(w * f) // 4)),
            rng.normal(size=(images, joints, int(h * f) // 2, int(w * f) // 2)),
        )
        for f in factors
    ]


def passes_on(device, maps, scales):
    return [
        Pass(scale, *(torch.from_numpy(m.astype(np.float32)).to(device.torch_device) for m in both))
        for scale, both in zip(scales, maps, strict=True)
    ]


@pytest.mark.parametrize("two_step", [False, True], ids=["one-step", "two-step"])
@pytest.mark.parametrize("mirror", [None, MIRROR], ids=["plain", "mirrored"])
@pytest.mark.parametrize("scales", [(1.0,), (2.0, 1.0, 0.5)], ids=["one-scale", "three-scales"])
def test_heat_matches_the_definition(device, scales, mirror, two_step):
    maps = network_maps(1, 4 if mirror else 2, scales)
    with device.lane() as lane:
        got = lane.aggregate(passes_on(device, maps, scales), SIZE, mirror, two_step=two_step).heat
    assert got.dtype == torch.float32
    wanted = heat_by_hand(maps, SIZE, mirror, two_step)
    assert np.abs(got.cpu().numpy() - wanted).max() < TOLERANCE


@pytest.mark.parametrize("mirror", [None, MIRROR], ids=["plain", "mirrored"])
def test_tags_are_those_of_scale_one(device, mirror):
    maps = network_maps(2, 4 if mirror else 2, (2.0, 1.0, 0.5))
    with device.lane() as lane:
        passes = passes_on(device, maps, (2.0, 1.0, 0.5))
        tag = lane.aggregate(passes, SIZE, mirror, two_step=False).tag.cpu().numpy()
    low = maps[1][0].astype(np.float32)[:, 3:]
    assert np.array_equal(tag[:, 0], low[:2])
    if mirror:
        assert np.array_equal(tag[:, 1], low[2:, list(mirror)][..., ::-1])


@pytest.mark.parametrize("size", [(37, 29), (96, 80), (12, 10)], ids=str)
def test_any_ratio_of_sizes_is_interpolated_alike(device, size):
    maps = network_maps(3, 2, (1.0,))
    with device.lane() as lane:
        got = lane.aggregate(passes_on(device, maps, (1.0,)), size, None, two_step=False).heat
    assert np.abs(got.cpu().numpy() - heat_by_hand(maps, size, None, False)).max() < TOLERANCE


@pytest.mark.parametrize("mirror", [None, MIRROR], ids=["plain", "mirrored"])
def test_peaks_of_maps_that_are_not_written_out_are_those_of_the_written_maps(device, mirror):
    maps = network_maps(4, 4 if mirror else 2, (1.0,))
    with device.lane() as lane:
        lazy = lane.aggregate(passes_on(device, maps, (1.0,)), SIZE, mirror, two_step=False)
        lane.find_peaks(lazy, radius=2, threshold=0.1, most=30)
        got = lane.peaks()
        heat, tag = lazy.heat.cpu(), lazy.tag.cpu()
    with CpuDevice().lane() as reference:
        reference.find_peaks(Maps(heat, tag), radius=2, threshold=0.1, most=30)
        wanted = reference.peaks()
    assert np.array_equal(got.cell, wanted.cell)
    assert np.array_equal(got.score, wanted.score)
    assert np.abs(got.tag - wanted.tag).max() < TOLERANCE
    assert (got.cell >= 0).sum() > 50
