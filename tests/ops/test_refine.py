"""Joints of people: adjusted where they were found, looked for where they are missing."""

from dataclasses import asdict

import numpy as np
import pytest

from gpu_ops.cpu_decode import resize
from gpu_ops.device import Groups, Placing
from tests.support.by_hand import joints_by_hand
from tests.support.map_scenes import dense, groups, heat_map, on, tag_map


def place(device, heat, tag, people, **placing):
    with device.lane() as lane:
        maps = on(device, dense(heat, tag))
        lane.find_peaks(maps, radius=2, threshold=0.1, most=30)
        lane.peaks()
        return lane.refine(maps, people, Placing(**placing))


def one_person(joints=1, tags=1, tag=0.0, cell=-1):
    return Groups(
        np.zeros(1, np.int32),
        np.full((1, joints), cell, np.int32),
        np.full((1, tags), tag, np.float32),
    )


@pytest.mark.parametrize(
    ("adjust", "reach"),
    [(True, 0), (True, 1), (True, 2), (False, 2)],
    ids=["quarter", "reach1", "reach2", "no-adjust"],
)
@pytest.mark.parametrize("fill", [True, False], ids=["fill", "no-fill"])
@pytest.mark.parametrize("levels", [None, 3], ids=["few-ties", "many-ties"])
@pytest.mark.parametrize("count", [1, 2], ids=["T1", "T2"])
@pytest.mark.parametrize("tolerance", [0, 0.6], ids=["rounded", "tolerant"])
def test_joints_match_the_definition(device, tolerance, count, levels, fill, adjust, reach):
    rng = np.random.default_rng(11)
    heat = heat_map(rng, (2, 3, 37, 45), levels)
    tag = tag_map(rng, (2, count, 3, 37, 45))
    people = groups(rng, 9, 2, 3, 37 * 45, count)
    placing = Placing(adjust=adjust, reach=reach, fill=fill, tolerance=tolerance)
    got = place(device, heat, tag, people, **asdict(placing))
    xy, score = joints_by_hand(heat, tag, people, placing)
    assert np.array_equal(got.xy, xy)
    assert np.array_equal(got.score, score)


@pytest.mark.parametrize("count", [1, 2], ids=["T1", "T2"])
@pytest.mark.parametrize("tolerance", [0, 0.6], ids=["rounded", "tolerant"])
def test_thirty_people_of_one_image_are_served(device, tolerance, count):
    rng = np.random.default_rng(12)
    heat = heat_map(rng, (1, 2, 40, 70))
    tag = tag_map(rng, (1, count, 2, 40, 70), people=30)
    people = groups(rng, 30, 1, 2, 40 * 70, count, missing=0.3)
    got = place(device, heat, tag, people, tolerance=tolerance)
    xy, score = joints_by_hand(heat, tag, people, Placing(tolerance=tolerance))
    assert np.array_equal(got.xy, xy)
    assert np.array_equal(got.score, score)


def test_nobody_costs_nothing(device):
    nobody = Groups(np.zeros(0, np.int32), np.zeros((0, 3), np.int32), np.zeros((0, 1), np.float32))
    rng = np.random.default_rng(13)
    maps = heat_map(rng, (1, 3, 20, 20)), tag_map(rng, (1, 1, 3, 20, 20))
    got = place(device, *maps, nobody)
    assert got.xy.shape == (0, 3, 2)
    assert got.score.shape == (0, 3)


def test_of_equal_cells_the_first_in_raster_order_wins(device):
    heat = np.full((1, 1, 70, 70), 0.25, np.float32)
    tag = np.full((1, 1, 1, 70, 70), 3, np.float32)
    tag[0, 0, 0, 40, 5] = tag[0, 0, 0, 40, 50] = tag[0, 0, 0, 66, 0] = 0.5  # rounds to 0
    got = place(device, heat, tag, one_person(), adjust=False)
    assert got.xy[0, 0].tolist() == [5.5, 40.5]


def test_minus_zero_and_zero_are_equal_values(device):
    heat = np.full((1, 1, 40, 40), -5, np.float32)
    heat[0, 0, 3, 30] = heat[0, 0, 20, 2] = 1  # value 1 - 1 = 0
    tag = np.full((1, 1, 1, 40, 40), 1, np.float32)
    heat[0, 0, 2, 2], tag[0, 0, 0, 2, 2] = -0.0, 0  # value -0 comes first, and is not above 0
    got = place(device, heat, tag, one_person())
    assert got.score[0, 0] == 0


def test_a_joint_is_absent_where_the_best_cell_has_no_heat(device):
    heat = np.full((1, 1, 40, 40), -0.01, np.float32)
    heat[0, 0, 9, 9] = 0.9
    tag = np.zeros((1, 1, 1, 40, 40), np.float32)
    tag[0, 0, 0, 9, 9] = 2  # 0.9 - 2 < -0.01
    got = place(device, heat, tag, one_person())
    assert got.score[0, 0] == 0
    assert got.xy[0, 0].tolist() == [0, 0]


def test_with_a_tolerance_heat_counts_less_the_farther_the_tag(device):
    heat = np.zeros((1, 1, 40, 40), np.float32)
    heat[0, 0, 8, 8], heat[0, 0, 30, 30] = 0.8, 0.46
    tag = np.zeros((1, 1, 1, 40, 40), np.float32)
    tag[0, 0, 0, 8, 8] = 0.5  # rounds to 0, but is worth 0.8 * (1 - 0.5 ** 2) ** 2 = 0.45
    got = place(device, heat, tag, one_person(), adjust=False, tolerance=1)
    assert got.xy[0, 0].tolist() == [30.5, 30.5]
    assert got.score[0, 0] == heat[0, 0, 30, 30]


def test_with_a_tolerance_the_score_says_how_surely_a_joint_is_theirs(device):
    heat = np.zeros((1, 1, 40, 40), np.float32)
    heat[0, 0, 8, 8] = 0.8
    tag = np.full((1, 1, 1, 40, 40), 0.5, np.float32)
    for tolerance, score in ((0, 0.8), (1, 0.45), (0.6, 0.8 * (1 - (0.5 / 0.6) ** 2) ** 2)):
        got = place(device, heat, tag, one_person(), adjust=False, tolerance=tolerance)
        assert got.score[0, 0] == pytest.approx(score, rel=1e-5)


def test_a_tolerance_next_to_nothing_takes_only_the_same_tag(device):
    heat = np.full((1, 1, 40, 40), 0.9, np.float32)
    tag = np.full((1, 1, 1, 40, 40), 0.01, np.float32)
    tag[0, 0, 0, 20, 20] = 0
    got = place(device, heat, tag, one_person(), adjust=False, tolerance=1e-300)
    assert got.xy[0, 0].tolist() == [20.5, 20.5]


@pytest.mark.parametrize("people", [1, 9], ids=["one", "many"])
def test_what_is_farther_than_the_tolerance_belongs_to_others(device, people):
    heat = np.full((1, 1, 40, 40), -0.01, np.float32)
    heat[0, 0, 9, 9], heat[0, 0, 20, 20] = 0.9, 0.001
    tag = np.full((1, 1, 1, 40, 40), 2, np.float32)
    tag[0, 0, 0, 20, 20] = 0.3
    who = Groups(
        np.zeros(people, np.int32),
        np.full((people, 1), -1, np.int32),
        np.linspace(0, 8, people, dtype=np.float32)[:, None],
    )
    got = place(device, heat, tag, who, adjust=False, tolerance=1.5)
    assert got.xy[0, 0].tolist() == [20.5, 20.5]
    assert (got.score[4:] == 0).all(), "tags of 4 and more have no cell within 1.5"


@pytest.mark.parametrize("distance", [0.5, 1.5, 2.5])
def test_distances_round_half_to_even(device, distance):
    heat = np.zeros((1, 1, 40, 40), np.float32)
    heat[0, 0, 8, 8], heat[0, 0, 30, 30] = 3.0, 3.0 - np.rint(distance) + 0.25
    tag = np.zeros((1, 1, 1, 40, 40), np.float32)
    tag[0, 0, 0, 8, 8] = distance
    got = place(device, heat, tag, one_person(), adjust=False)
    assert got.xy[0, 0].tolist() == [30.5, 30.5]


def test_a_person_far_from_every_tag_still_gets_the_exact_cell(device):
    rng = np.random.default_rng(14)
    heat = heat_map(rng, (1, 1, 64, 64), 20)
    tag = tag_map(rng, (1, 2, 1, 16, 16))
    people = one_person(tags=2, tag=25.0)
    got = place(device, heat, tag, people)
    xy, score = joints_by_hand(heat, _upsampled(tag, (64, 64)), people, Placing())
    assert np.array_equal(got.xy, xy)
    assert np.array_equal(got.score, score)


def _upsampled(tag, size):
    b, t, k, h, w = tag.shape
    return resize(tag.reshape(b, t * k, h, w), size).reshape(b, t, k, size[1], size[0])


@pytest.mark.parametrize("place_of", [(0, 0), (0, 44), (36, 0), (36, 44), (18, 44)], ids=str)
@pytest.mark.parametrize("reach", [0, 1, 2])
def test_adjusting_at_a_border_compares_with_the_cell_at_the_border(device, reach, place_of):
    y, x = place_of
    heat = heat_map(np.random.default_rng(15), (1, 1, 37, 45))
    tag = np.zeros((1, 1, 1, 37, 45), np.float32)
    people = one_person(cell=y * 45 + x)
    got = place(device, heat, tag, people, reach=reach)
    xy, _ = joints_by_hand(heat, tag, people, Placing(reach=reach))
    assert np.array_equal(got.xy, xy)


def test_ties_of_neighbours_go_to_the_negative_side(device):
    heat = np.zeros((1, 1, 37, 45), np.float32)
    tag = np.zeros((1, 1, 1, 37, 45), np.float32)
    got = place(device, heat, tag, one_person(cell=10 * 45 + 10))
    assert got.xy[0, 0].tolist() == [10.25, 10.25]


def test_the_top_of_a_parabola_is_nearer_to_the_joint_than_a_quarter_cell(device):
    """A joint between cells, as both stages show it: bumps at strides 4 and 2, made finer."""
    away = {reach: [] for reach in (0, 2)}
    for x in np.linspace(30, 34, 17):
        heat = (_bump(x, 4) + _bump(x, 2))[None, None] / 2
        tag = np.zeros((1, 1, 1, 64, 64), np.float32)
        for reach, found in away.items():
            got = place(device, heat, tag, one_person(cell=int(heat.argmax())), reach=reach)
            found.append(np.abs(got.xy[0, 0] - (x, 31.3)).max())
    assert np.mean(away[2]) < 0.5 * np.mean(away[0])
    assert max(away[2]) < 0.12
    assert max(away[0]) > 0.2


def _bump(x, stride):
    across, down = ((np.arange(64 // stride) + 0.5) * stride - at for at in (x, 31.3))
    bump = np.exp(-(down[:, None] ** 2 + across**2) / (2 * (2 * stride) ** 2)).astype(np.float32)
    return resize(bump[None, None], (64, 64))[0, 0]
