"""Duplicates and fragments are left out, people who merely stand close are not."""

import numpy as np

from engine.decoding.selection import select
from engine.settings import PAPER_GROUPING, GroupingSettings
from engine.skeleton import COCO
from engine.types import JointState, untracked

BODY = np.random.default_rng(0).uniform((0, 0), (80, 200), (17, 2)).astype(np.float32)


def people(*rows):
    """rows: (offset xy, score, joints detected)."""
    xy = np.stack([BODY + np.float32(offset) for offset, _, _ in rows])
    state = np.full((len(rows), 17), JointState.REFINED, np.uint8)
    for row, (_, _, detected) in zip(state, rows, strict=True):
        row[:detected] = JointState.DETECTED
    scores = np.array([score for _, score, _ in rows], np.float32)
    return untracked(xy, np.ones((len(rows), 17), np.float32), scores, state)


def kept(poses, settings=None):
    return select(poses, COCO, settings or GroupingSettings()).score.round(2).tolist()


def test_of_two_alike_the_better_one_stays_wherever_it_stands():
    assert kept(people(((0, 0), 0.3, 17), ((1, 1), 0.6, 17))) == [np.float32(0.6)]
    assert kept(people(((0, 0), 0.6, 17), ((1, 1), 0.3, 17))) == [np.float32(0.6)]


def test_people_side_by_side_both_stay():
    assert len(kept(people(((0, 0), 0.6, 17), ((60, 0), 0.5, 17)))) == 2


def test_weak_people_and_fragments_are_left_out():
    assert kept(people(((0, 0), 0.05, 17), ((300, 0), 0.5, 2))) == []


def test_evaluation_keeps_everybody():
    poses = people(((0, 0), 0.6, 17), ((0, 0), 0.6, 17), ((0, 0), 0.01, 1))
    assert len(kept(poses, PAPER_GROUPING)) == 3


def test_nobody_is_fine():
    assert kept(people(((0, 0), 0.6, 17)).take(np.zeros(0, np.intp))) == []


def test_a_double_with_sides_exchanged_is_a_duplicate():
    poses = people(((0, 0), 0.6, 17), ((2, 2), 0.3, 17))
    poses.xy[1] = poses.xy[1, list(COCO.mirror)]
    assert kept(poses) == [np.float32(0.6)]
