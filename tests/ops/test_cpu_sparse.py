"""Heat computed where it is read gives the peaks and joints of heat written out, bit for bit."""

import cv2
import numpy as np
import pytest
import torch

from app.bench.scenes import network_maps
from gpu_ops import compiled_file, cpu_decode
from gpu_ops.cpu import CpuLane
from gpu_ops.cpu_compiled import CompiledBlocks
from gpu_ops.cpu_maps import NetworkMaps
from gpu_ops.device import Maps, Pass, Placing
from tests.support.compiled import compiled_from_source
from tests.support.map_scenes import groups, heat_map, tag_map


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    return CompiledBlocks(compiled_from_source(tmp_path_factory.mktemp("compiled")))


@pytest.fixture(params=[True, False], ids=["ipp", "no ipp"])
def resizing(request):
    """Both of OpenCV's ways to resize, which differ in last bits."""
    before = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(request.param)
    yield
    cv2.ipp.setUseIPP(before)


def random_maps(seed, images, size, levels=None):
    rng = np.random.default_rng(seed)
    w, h = size
    low = np.concatenate(
        (heat_map(rng, (images, 3, h, w), levels), tag_map(rng, (images, 3, h, w))), axis=1
    )
    return low, heat_map(rng, (images, 3, 2 * h, 2 * w), levels)


def people(count):
    low, high = network_maps(count, (256, 192), seed=count)
    return low[None], high[None]


def plateaus():
    low, high = random_maps(5, 1, (12, 10), levels=3)
    high[:] = np.repeat(np.repeat(high[..., ::4, ::4], 4, 2), 4, 3)[..., :20, :24]
    return low, high


def constant(value):
    return np.full((1, 6, 8, 8), value, np.float32), np.full((1, 3, 16, 16), value, np.float32)


SCENES = {
    "one person": lambda: people(1),
    "crowd": lambda: people(12),
    "noise": lambda: random_maps(0, 1, (16, 16)),
    "ties": lambda: random_maps(1, 1, (17, 13), levels=4),
    "two images": lambda: random_maps(2, 2, (9, 14)),
    "plateaus": plateaus,
    "narrow": lambda: random_maps(3, 1, (2, 30)),
    "one cell": lambda: random_maps(4, 1, (1, 1)),
    "zeros": lambda: constant(0.0),
    "ones": lambda: constant(1.0),
    "large": lambda: tuple(part * np.float32(1e4) for part in random_maps(6, 1, (12, 12))),
    "far below": lambda: tuple(part - np.float32(300) for part in random_maps(7, 1, (12, 12))),
}


def lanes(blocks, low, high):
    """A lane whose maps are not written out, and one with the same heat written out."""
    sparse, dense = CpuLane(), CpuLane()
    sparse._blocks, dense._blocks = blocks, None
    size = (4 * low.shape[3], 4 * low.shape[2])
    passed = Pass(1.0, torch.from_numpy(low), torch.from_numpy(high))
    maps = sparse.aggregate([passed], size, None, two_step=False)
    assert isinstance(maps, NetworkMaps)
    written = NetworkMaps(maps.low, maps.high).heat
    return sparse, maps, dense, Maps(written, maps.tag)


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("threshold", [0.1, 0.6])
def test_peaks_are_those_of_the_heat_written_out(blocks, resizing, scene, threshold):
    sparse, maps, dense, written = lanes(blocks, *SCENES[scene]())
    for lane, source in ((sparse, maps), (dense, written)):
        lane.find_peaks(source, radius=2, threshold=threshold, most=7)
    got, wanted = sparse.peaks(), dense.peaks()
    assert np.array_equal(got.cell, wanted.cell)
    assert np.array_equal(got.score, wanted.score)
    assert np.array_equal(got.tag, wanted.tag)
    assert maps.unread(), "the heat was written out, so nothing was tested"


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "placing",
    [
        Placing(),
        Placing(adjust=False),
        Placing(reach=1, tolerance=0.6),
        Placing(reach=2, tolerance=0.05),
    ],
    ids=str,
)
def test_joints_are_those_of_the_heat_written_out(blocks, resizing, scene, seed, placing):
    sparse, maps, dense, written = lanes(blocks, *SCENES[scene]())
    b, k, h, w = maps.shape
    wanted = groups(np.random.default_rng(seed), 6, b, k, h * w, 1)
    found = [
        lane.refine(source, wanted, placing) for lane, source in ((sparse, maps), (dense, written))
    ]
    assert np.array_equal(found[0].xy, found[1].xy)
    # A tag between two cells of the network may differ in its last bit, which a tolerance enlarges.
    rtol = 1e-5 if placing.tolerance else 0
    np.testing.assert_allclose(found[0].score, found[1].score, rtol=rtol, atol=0)
    assert maps.unread()


def test_bytes_become_the_same_numbers(blocks):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (h, w, 3), np.uint8) for h, w in ((70, 90), (64, 128))]
    affines = [np.array([[0.9, 0, 3.2], [0, 0.8, -4.1]])] * 2
    compiled, plain = CpuLane(), CpuLane()
    compiled._blocks, plain._blocks = blocks, None
    warped = [
        lane.warp(images, affines, (96, 64), mirror=True).numpy() for lane in (compiled, plain)
    ]
    assert np.array_equal(*warped)
    assert len(np.unique(warped[0])) > 300


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_heat_asked_for_is_that_of_the_definition(blocks, layout):
    low, high = people(4)
    passed = Pass(
        1.0, *(torch.from_numpy(part).contiguous(memory_format=layout) for part in (low, high))
    )
    lane = CpuLane()
    lane._blocks = blocks
    maps = lane.aggregate([passed], (256, 192), None, two_step=False)
    heat, tag = cpu_decode.aggregate([(1.0, low, high)], (256, 192), None, False)
    np.testing.assert_allclose(maps.heat.numpy(), heat, atol=1e-6)
    assert np.array_equal(maps.tag.numpy(), tag)


def test_heat_that_was_asked_for_and_changed_counts(blocks):
    sparse, maps, _, _ = lanes(blocks, *people(3))
    maps.heat.fill_(0)
    maps.heat[0, 2, 40, 50] = 1
    sparse.find_peaks(maps, radius=2, threshold=0.1, most=5)
    assert sparse.peaks().cell.max() == 40 * 256 + 50
    assert (sparse.peaks().cell >= 0).sum() == 1


def test_maps_are_written_out_where_they_are_averaged_with_others(blocks):
    low, high = random_maps(0, 2, (8, 8))
    lane = CpuLane()
    lane._blocks = blocks
    passed = Pass(1.0, torch.from_numpy(low), torch.from_numpy(high))
    for mirror, two_step, size in (
        ((0, 2, 1), False, (32, 32)),
        (None, True, (32, 32)),
        (None, False, (30, 30)),
    ):
        maps = lane.aggregate([passed], size, mirror, two_step=two_step)
        assert not isinstance(maps, NetworkMaps)


def test_without_a_compiled_file_heat_is_written_out(monkeypatch, tmp_path):
    for origin in (None, tmp_path / "not_a_library.so"):
        found = type("Found", (), {"origin": str(origin) if origin else None})()
        if origin:
            origin.write_text("no library")
        monkeypatch.setattr(compiled_file, "find_spec", lambda name, found=found: found)
        assert compiled_file.compiled_file.__wrapped__() is None


def test_a_file_of_another_version_is_not_used(monkeypatch, tmp_path):
    compiled_from_source(tmp_path)
    monkeypatch.setattr(compiled_file, "VERSION", compiled_file.VERSION + 1)
    with pytest.raises(OSError, match="another version"):
        compiled_file.CompiledFile(tmp_path / "blocks.so")
