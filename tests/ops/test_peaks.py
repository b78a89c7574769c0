"""The best local maxima of every heatmap, with ties, plateaus, borders and thresholds."""

import numpy as np
import pytest

from tests.support.by_hand import bilinear_by_hand, peaks_by_hand
from tests.support.map_scenes import dense, heat_map, on, tag_map

JUST_ABOVE = np.float32(0.1)  # 0.10000000149
JUST_BELOW = np.nextafter(JUST_ABOVE, np.float32(0))


def find(device, heat, tag=None, *, radius=2, threshold=0.1, most=30):
    if tag is None:
        tag = np.zeros((len(heat), 1, heat.shape[1], 4, 4), np.float32)
    with device.lane() as lane:
        lane.find_peaks(on(device, dense(heat, tag)), radius=radius, threshold=threshold, most=most)
        return lane.peaks()


def listed(peaks, image=0, joint=0):
    """[(score, cell), …], and the rest must be filled up."""
    cell, score = peaks.cell[image, joint], peaks.score[image, joint]
    count = int((cell >= 0).sum())
    assert (cell[count:] == -1).all()
    assert (score[count:] == 0).all()
    assert (peaks.tag[image, joint, count:] == 0).all()
    return list(zip(score[:count], cell[:count], strict=True))


@pytest.mark.parametrize("levels", [None, 3], ids=["few-ties", "many-ties"])
@pytest.mark.parametrize("radius", [1, 2])
@pytest.mark.parametrize("size", [(64, 64), (70, 33), (31, 65), (7, 3)], ids=str)
def test_peaks_match_the_definition(device, size, radius, levels):
    rng = np.random.default_rng((*size, radius))
    heat = heat_map(rng, (2, 2, size[1], size[0]), levels)
    peaks = find(device, heat, radius=radius)
    for image in range(2):
        for joint in range(2):
            wanted = peaks_by_hand(heat[image, joint], radius, 0.1, 30)
            assert listed(peaks, image, joint) == wanted


@pytest.mark.parametrize("most", [1, 30, 100])
def test_only_the_best_are_kept_in_order(device, most):
    heat = heat_map(np.random.default_rng(3), (1, 1, 96, 96))
    wanted = peaks_by_hand(heat[0, 0], 2, 0.1, most)
    assert listed(find(device, heat, most=most)) == wanted
    assert len(wanted) == most


def test_a_value_must_exceed_the_threshold_as_a_double(device):
    heat = np.zeros((1, 1, 40, 40), np.float32)
    heat[0, 0, 5, 5], heat[0, 0, 20, 20] = JUST_ABOVE, JUST_BELOW
    assert listed(find(device, heat)) == [(JUST_ABOVE, 5 * 40 + 5)]
    assert listed(find(device, heat, threshold=float(JUST_ABOVE))) == []


def test_all_cells_of_a_plateau_are_peaks_in_raster_order(device):
    heat = np.zeros((1, 1, 40, 40), np.float32)
    heat[0, 0, 30:33, 31:34] = 0.5
    heat[0, 0, 31, 32] = 0.5
    cells = [y * 40 + x for y in (30, 31, 32) for x in (31, 32, 33)]
    assert listed(find(device, heat)) == [(np.float32(0.5), cell) for cell in cells]


def test_a_map_of_one_value_gives_its_first_cells(device):
    heat = np.full((1, 1, 96, 64), 0.25, np.float32)  # 6144 peaks, more than are held at once
    assert listed(find(device, heat)) == [(np.float32(0.25), cell) for cell in range(30)]


def test_rising_ties_displace_weaker_peaks_found_earlier(device):
    heat = np.zeros((1, 1, 128, 128), np.float32)
    heat[0, 0] = np.repeat(np.arange(1, 129, dtype=np.float32) / 200, 128).reshape(128, 128)
    last = 127 * 128
    wanted = [(np.float32(128) / np.float32(200), last + x) for x in range(30)]
    assert listed(find(device, heat)) == wanted


def test_corners_and_edges_can_be_peaks(device):
    heat = np.zeros((1, 1, 50, 45), np.float32)
    places = {(0, 0): 0.9, (0, 44): 0.8, (49, 0): 0.7, (49, 44): 0.6, (25, 44): 0.5, (49, 20): 0.4}
    for (y, x), value in places.items():
        heat[0, 0, y, x] = value
    assert [cell for _, cell in listed(find(device, heat))] == [y * 45 + x for y, x in places]


@pytest.mark.parametrize("across", [31, 32, 33])
def test_neighbours_on_both_sides_of_a_tile_border_compete(device, across):
    heat = np.zeros((1, 1, 64, 64), np.float32)
    heat[0, 0, 31, across] = 0.5
    heat[0, 0, 32, across + 1] = 0.6
    assert listed(find(device, heat)) == [(np.float32(0.6), 32 * 64 + across + 1)]


def test_no_heat_no_peaks(device):
    assert listed(find(device, np.full((1, 2, 33, 40), -1, np.float32))) == []


@pytest.mark.parametrize("count", [1, 2], ids=["T1", "T2"])
@pytest.mark.parametrize("factor", [1, 4])
def test_peaks_carry_their_interpolated_tags(device, factor, count):
    rng = np.random.default_rng(7)
    heat = heat_map(rng, (2, 3, 40, 48))
    tag = tag_map(rng, (2, count, 3, 40 // factor, 48 // factor))
    peaks = find(device, heat, tag)
    for image in range(2):
        for joint in range(3):
            cell = peaks.cell[image, joint]
            for t in range(count):
                full = bilinear_by_hand(tag[image, t, joint].astype(np.float64), (48, 40))
                got = peaks.tag[image, joint, cell >= 0, t]
                assert got == pytest.approx(full.reshape(-1)[cell[cell >= 0]], abs=1e-5)


def test_tags_at_their_own_size_are_the_very_values(device):
    rng = np.random.default_rng(8)
    heat = heat_map(rng, (1, 1, 40, 48))
    tag = tag_map(rng, (1, 2, 1, 40, 48))
    peaks = find(device, heat, tag)
    cell = peaks.cell[0, 0]
    assert np.array_equal(peaks.tag[0, 0], tag[0, :, 0].reshape(2, -1)[:, cell].T)
