"""Small people get lower scores where a checkpoint says so, and published ones keep theirs."""

import numpy as np
import pytest

from engine.decoding.scoring import scored_by_size

SCORE = np.array([0.8, 0.8, 0.8], np.float32)


def people(*sides):
    """Squares of so many pixels, and one joint that is absent."""
    xy = np.full((len(sides), 3, 2), np.nan, np.float32)
    for person, side in zip(xy, sides, strict=True):
        person[:2] = (10, 20), (10 + side, 20 + side)
    return xy


def test_without_an_exponent_scores_are_the_same_bits():
    assert scored_by_size(SCORE, people(1, 2, 3), (640, 480), 0.0) is SCORE


def test_half_the_short_side_is_large_and_smaller_people_lose():
    scores = scored_by_size(SCORE, people(24, 240, 480), (640, 480), 0.5)
    assert scores.tolist() == pytest.approx([0.8 * 0.1**0.5, 0.8, 0.8])
    assert scores.dtype == np.float32


def test_size_is_relative_to_the_picture():
    small = scored_by_size(SCORE[:1], people(24), (640, 480), 0.3)
    assert small == scored_by_size(SCORE[:1], people(12), (240, 320), 0.3)


def test_people_of_a_single_joint_and_no_people_have_a_score():
    one = people(24)
    one[0, 1] = np.nan
    assert scored_by_size(SCORE[:1], one, (640, 480), 0.3).tolist() == [0]
    assert scored_by_size(SCORE[:0], people(), (640, 480), 0.3).shape == (0,)
