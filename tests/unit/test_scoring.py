"""Size and hidden joints change scores where a checkpoint says so; published ones keep theirs."""

import numpy as np
import pytest

from engine.decoding.scoring import PAPER_SCORING, Scoring

SCORE = np.array([0.8, 0.8, 0.8], np.float32)


def people(*sides):
    """Squares of so many pixels, and one joint that is absent."""
    xy = np.full((len(sides), 3, 2), np.nan, np.float32)
    for person, side in zip(xy, sides, strict=True):
        person[:2] = (10, 20), (10 + side, 20 + side)
    return xy


def test_the_papers_scores_are_the_same_bits():
    assert PAPER_SCORING.by_size(SCORE, people(1, 2, 3), (640, 480)) is SCORE
    assert PAPER_SCORING.by_joints(SCORE, np.array([0.1, 0.5, 1.0])) is SCORE
    assert PAPER_SCORING.header == {}
    assert str(PAPER_SCORING) == ""


def test_hidden_joints_reduce_a_score_as_far_as_the_checkpoint_says():
    paper = np.array([0.8, 0.4, 0.2], np.float32)  # peaks of 0.8 for all, half and a quarter of K
    share = np.array([1.0, 0.5, 0.25])
    scores = Scoring(joints=0.5).by_joints(paper, share)
    assert scores.tolist() == pytest.approx([0.8, 0.8 * 0.5**0.5, 0.8 * 0.25**0.5])
    assert scores.dtype == np.float32
    assert Scoring(joints=0).by_joints(paper, share).tolist() == pytest.approx([0.8, 0.8, 0.8])


def test_half_the_short_side_is_large_and_smaller_people_lose():
    scores = Scoring(size=0.5).by_size(SCORE, people(24, 240, 480), (640, 480))
    assert scores.tolist() == pytest.approx([0.8 * 0.1**0.5, 0.8, 0.8])
    assert scores.dtype == np.float32


def test_size_is_relative_to_the_picture():
    small = Scoring(size=0.3).by_size(SCORE[:1], people(24), (640, 480))
    assert small == Scoring(size=0.3).by_size(SCORE[:1], people(12), (240, 320))


def test_people_of_a_single_joint_and_no_people_have_a_score():
    one = people(24)
    one[0, 1] = np.nan
    assert Scoring(size=0.3).by_size(SCORE[:1], one, (640, 480)).tolist() == [0]
    assert Scoring(size=0.3).by_size(SCORE[:0], people(), (640, 480)).shape == (0,)
