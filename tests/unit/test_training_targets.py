"""Target heatmaps and tag cells against values worked out by hand."""

import numpy as np
import pytest

from engine.training.targets import heatmaps, tag_cells


def joints(*people):
    return np.array(people, np.float32)


def test_a_joint_at_a_cell_centre_has_height_one_there_and_falls_as_a_gaussian():
    maps = heatmaps(joints([[4 * 5 + 2, 4 * 3 + 2, 1]]), 64, 64, stride=4)
    assert maps.shape == (1, 16, 16)
    assert maps[0, 3, 5] == 1
    assert maps[0, 3, 7] == pytest.approx(np.exp(-4 / 8))
    assert maps[0, 4, 6] == pytest.approx(np.exp(-2 / 8))


def test_the_gaussian_leans_to_the_side_of_its_cell_the_joint_is_on():
    maps = heatmaps(joints([[2 * 20 + 1.5, 2 * 20 + 1, 1]]), 128, 128, stride=2)
    assert np.unravel_index(maps[0].argmax(), (64, 64)) == (20, 20)
    assert maps[0, 20, 21] > maps[0, 20, 19]
    assert maps[0, 21, 20] == pytest.approx(maps[0, 19, 20])


def test_every_cell_equals_the_definition_up_to_three_deviations():
    rng = np.random.default_rng(3)
    people = np.concatenate((rng.uniform(-8, 72, (4, 3, 2)), np.ones((4, 3, 1))), 2)
    people = people.astype(np.float32)
    got = heatmaps(people, 64, 48, stride=4)
    rows, columns = np.mgrid[:16, :12]
    for k in range(3):
        expected = np.zeros((16, 12))
        for x, y, _ in people[:, k]:
            if 0 <= x < 48 and 0 <= y < 64:
                distance = (columns - x / 4 + 0.5) ** 2 + (rows - y / 4 + 0.5) ** 2
                expected = np.maximum(expected, np.exp(-distance / 8))
        assert np.abs(got[k] - expected).max() < np.exp(-(5.5**2) / 8)


def test_unlabelled_and_outside_joints_draw_nothing():
    people = joints([[20, 20, 0], [-1, 20, 1], [64, 20, 1]])
    assert not heatmaps(people, 64, 64, stride=4).any()
    assert (tag_cells(people, 64, 64, stride=4) == -1).all()


def test_where_two_people_meet_the_larger_value_counts_and_never_exceeds_one():
    maps = heatmaps(joints([[30, 30, 1]], [[33, 30, 1]]), 64, 64, stride=2)
    assert 0.9 < maps.max() <= 1


def test_no_people_give_empty_maps():
    assert not heatmaps(np.zeros((0, 5, 3), np.float32), 64, 64, stride=4).any()


def test_tag_cells_count_row_by_row():
    cells = tag_cells(joints([[0, 0, 1], [47.9, 5, 1], [47.9, 63.9, 1]]), 64, 48, stride=4)
    assert cells.tolist() == [[0, 12 + 11, 15 * 12 + 11]]
