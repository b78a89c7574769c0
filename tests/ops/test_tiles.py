"""What the search for missing joints relies on: the top of each tile and the range of its tags."""

import numpy as np
import pytest
import torch

from gpu_ops import cuda_ops as ops
from gpu_ops.cuda_maps import TILE, Heat, NetworkMaps, Tags, sources
from tests.support.emulated_device import emulated
from tests.support.emulation import need_compiler
from tests.support.map_scenes import MIRROR, dense, heat_map, tag_map

SIZE = (70, 45)  # W, H: the last tiles are cut


@pytest.fixture
def lane():
    need_compiler()
    with emulated() as device, device.lane() as lane:
        yield lane


def tiles_of(plane):
    """Each tile's cells as {flat cell: value}, in the kernels' order."""
    h, w = plane.shape
    for y0 in range(0, h, TILE):
        for x0 in range(0, w, TILE):
            rows, columns = range(y0, min(y0 + TILE, h)), range(x0, min(x0 + TILE, w))
            yield {y * w + x: plane[y, x] for y in rows for x in columns}


def test_the_top_of_a_tile_is_its_first_largest_cell(lane):
    heat = heat_map(np.random.default_rng(1), (1, 2, SIZE[1], SIZE[0]), levels=4)
    heat[0, 1] -= 3  # negative values order the other way round as bits
    heat[0, 1, 3, 3] = -0.0
    source, _ = sources(dense(heat, np.zeros((1, 1, 2, 4, 4), np.float32)))
    _, tops = ops.mark_peaks(lane._driver.launch, source, radius=2, lowest=np.float32(9))
    for joint in range(2):
        for rank, tile in zip(tops[joint].tolist(), tiles_of(heat[0, joint]), strict=True):
            cell = 0xFFFFFFFF - (rank & 0xFFFFFFFF)
            largest = max(tile.values())
            assert cell == next(c for c, value in tile.items() if value == largest)


@pytest.mark.parametrize("mirrored", [False, True], ids=["plain", "mirrored"])
@pytest.mark.parametrize("factor", [1, 4, 3])
def test_no_tag_leaves_the_range_of_its_tile_and_the_range_is_tight(lane, factor, mirrored):
    w, h = SIZE
    n = 2 if mirrored else 1
    low = tag_map(np.random.default_rng(2), (n, 6, h // factor, w // factor))
    mirror = torch.tensor(MIRROR, dtype=torch.int32) if mirrored else None
    source = Heat(None, torch.zeros((n, 3, 4, 4)), mirror, SIZE)
    tags = Tags.of_network(torch.from_numpy(low), mirror)
    ranges = ops.tag_ranges(lane._driver.launch, tags, source).numpy()
    written = NetworkMaps(source, torch.from_numpy(low), mirror, lambda _: torch.empty(0)).tag
    for joint in range(3):
        for t in range(n):
            everywhere = _everywhere(lane, written[:, t : t + 1, joint : joint + 1])
            coarse = written[0, t, joint].numpy()
            for span, tile in zip(ranges[joint, t], tiles_of(everywhere), strict=True):
                assert span[0] <= min(tile.values())
                assert max(tile.values()) <= span[1]
                assert span[0] >= coarse.min() - 1e-5
                assert span[1] <= coarse.max() + 1e-5
            assert np.ptp(ranges[joint, t], axis=1).min() < np.ptp(coarse) + 1e-4


def _everywhere(lane, tag):
    """(H, W) the tag at every cell, as the kernels read it."""
    w, h = SIZE
    source = Heat(None, torch.zeros((1, 1, 4, 4)), None, SIZE)
    cell = torch.arange(w * h, dtype=torch.int32).view(1, 1, -1)
    out = torch.empty((1, 1, w * h, 1))
    ops.peak_tags(lane._driver.launch, Tags.of_tensor(tag), source, cell, out)
    return out.view(h, w).numpy()
