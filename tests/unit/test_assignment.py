"""The assignment takes the same pairs as the reference, also among equal costs."""

import itertools

import numpy as np
import pytest

from engine.decoding.assignment import assign
from tests.support.golden import golden_json


def test_every_reference_matrix_gets_the_reference_pairs():
    cases = golden_json("dev/munkres.json")
    assert len(cases) >= 48
    for number, case in enumerate(cases):
        got = assign(np.array(case["cost"], float))
        assert [[row, int(column)] for row, column in enumerate(got)] == case["pairs"], number


@pytest.mark.parametrize("seed", range(30))
def test_the_sum_is_the_smallest_of_all_permutations(seed):
    random = np.random.default_rng(seed)
    rows, columns = sorted(random.integers(1, 6, 2))
    cost = random.integers(0, 6, (rows, columns)).astype(float)
    got = assign(cost)
    assert len(set(got.tolist())) == rows
    best = min(
        sum(cost[row, column] for row, column in enumerate(choice))
        for choice in itertools.permutations(range(columns), int(rows))
    )
    assert cost[np.arange(rows), got].sum() == best


def test_the_cost_matrix_is_left_alone():
    cost = np.array([[1.0, 2.0], [1.0, 3.0]])
    assign(cost)
    assert cost.tolist() == [[1.0, 2.0], [1.0, 3.0]]
