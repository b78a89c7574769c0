"""Ids from frame to frame."""

import json

import numpy as np
import pytest

from engine.settings import TrackingSettings
from engine.skeleton import COCO
from engine.tracking import Tracker
from engine.types import Frame, JointState, Poses, untracked

PIXELS = np.zeros((4, 4, 3), np.uint8)


def frame(time: float, index: int = 0) -> Frame:
    return Frame(PIXELS, index, time, 0.0, "test")


def people(*corners: tuple[float, float], size: float = 100.0, score: float = 0.8) -> Poses:
    """People of the same pose with their top left corners here."""
    body = np.random.default_rng(3).random((17, 2)) * size
    xy = np.array([body + corner for corner in corners], np.float32).reshape(-1, 17, 2)
    scores = np.full((len(corners), 17), score, np.float32)
    state = np.full((len(corners), 17), JointState.DETECTED, np.uint8)
    return untracked(xy, scores, scores.mean(axis=1), state)


def tracker(**settings: float) -> Tracker:
    return Tracker(TrackingSettings(**settings), COCO)


def test_people_keep_their_ids_in_any_order():
    track = tracker()
    first = track(frame(0.0), people((0, 0), (300, 0), (600, 0))).ids
    second = track(frame(0.04), people((604, 1), (3, 0), (298, 2))).ids
    assert len(set(first.tolist())) == 3
    assert second.tolist() == first[[2, 0, 1]].tolist()


def test_a_person_out_of_sight_keeps_the_id_as_long_as_the_memory():
    for pause, same in ((0.9, True), (1.2, False)):
        track = tracker(memory=1.0)
        before = track(frame(0.0), people((0, 0))).ids[0]
        track(frame(0.04), people((400, 0)))
        after = track(frame(0.0 + pause), people((0, 0))).ids[0]
        assert bool(after == before) is same


def test_no_id_is_used_twice_even_after_a_seek():
    track = tracker(memory=0.1)
    seen = []
    for time in (0.0, 1.0, 2.0, 0.5, 3.0):
        seen += track(frame(time), people((0, 0), (500, 0))).ids.tolist()
    assert len(set(seen)) == len(seen)


def test_time_running_backwards_forgets_everyone():
    track = tracker()
    before = track(frame(5.0), people((0, 0))).ids[0]
    assert track(frame(0.0), people((0, 0))).ids[0] != before


def test_an_empty_frame_gives_no_ids_and_loses_nobody():
    track = tracker()
    before = track(frame(0.0), people((0, 0))).ids[0]
    assert len(track(frame(0.04), people())) == 0
    assert track(frame(0.08), people((1, 0))).ids[0] == before


def test_the_input_is_left_alone():
    poses = people((0, 0))
    tracker()(frame(0.0), poses)
    assert poses.ids.tolist() == [-1]


def test_a_restored_tracker_goes_on_bit_for_bit():
    rng = np.random.default_rng(0)
    steps = [people(*rng.uniform(0, 600, (4, 2)).tolist()) for _ in range(30)]
    whole, part = tracker(), tracker()
    for i, poses in enumerate(steps[:15]):
        whole(frame(i / 25), poses)
        part(frame(i / 25), poses)
    again = tracker()
    again.restore(json.loads(json.dumps(part.state(), allow_nan=False)))
    for i, poses in enumerate(steps[15:], 15):
        assert again(frame(i / 25), poses).ids.tolist() == whole(frame(i / 25), poses).ids.tolist()
    assert again.state() == whole.state()


@pytest.mark.parametrize("rate", [15, 30, 120])
def test_a_steady_walk_is_one_person_at_any_frame_rate(rate):
    track = tracker()
    ids = {int(track(frame(t / rate), people((120 * t / rate, 0))).ids[0]) for t in range(3 * rate)}
    assert len(ids) == 1
