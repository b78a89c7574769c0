"""Ids from frame to frame."""

import json
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from engine.settings import TrackingSettings
from engine.skeleton import COCO, skeleton_from_names
from engine.tracking.camera_motion import CameraMotion
from engine.tracking.tracker import Tracker
from engine.types import Frame, JointState, Poses, untracked
from tests.support.clips import numbered

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


def with_camera(track: Tracker) -> Callable[[Frame, Poses], Poses]:
    """The tracker, given the camera's motion as the pipeline does."""
    camera = CameraMotion()
    return lambda frame, poses: track(frame, poses, camera(frame.pixels, poses.xy))


def test_people_keep_their_ids_in_any_order():
    track = tracker()
    first = track(frame(0.0), people((0, 0), (300, 0), (600, 0))).ids
    second = track(frame(0.04), people((604, 1), (3, 0), (298, 2))).ids
    assert len(set(first.tolist())) == 3
    assert second.tolist() == first[[2, 0, 1]].tolist()


def test_a_person_out_of_sight_keeps_the_id_as_long_as_the_memory():
    for pause, same in ((0.9, True), (1.2, False)):
        track = tracker(max_lost=1.0, max_lost_frames=0)
        before = track(frame(0.0), people((0, 0))).ids[0]
        track(frame(0.04), people((400, 0)))
        after = track(frame(0.0 + pause), people((0, 0))).ids[0]
        assert bool(after == before) is same


def test_where_frames_are_rare_a_person_may_miss_some_of_them():
    for missed, same in ((2, True), (4, False)):
        track = tracker(max_lost=1.0, max_lost_frames=3)
        before = track(frame(0.0), people((0, 0))).ids[0]
        for number in range(missed):
            track(frame(0.7 * (number + 1)), people((400, 0)))
        after = track(frame(0.7 * (missed + 1)), people((0, 0))).ids[0]
        assert bool(after == before) is same


def test_no_id_is_used_twice_even_after_a_seek():
    track = tracker(max_lost=0.1, max_lost_frames=0)
    seen = []
    for time in (0.0, 1.0, 2.0, 0.5, 3.0):
        track(frame(time), people((0, 0), (500, 0)))
        seen += track(frame(time + 0.04), people((0, 0), (500, 0))).ids.tolist()
    assert len(set(seen)) == len(seen)
    assert -1 not in seen


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


@pytest.mark.parametrize("rate", [5, 15, 30, 120])
def test_a_steady_walk_is_one_person_at_any_frame_rate(rate):
    track = tracker()
    ids = {int(track(frame(t / rate), people((120 * t / rate, 0))).ids[0]) for t in range(3 * rate)}
    assert len(ids) == 1


def test_people_are_numbered_from_the_first_frame_and_newcomers_from_the_second():
    track = tracker()
    assert track(frame(0.0), people((0, 0))).ids.tolist() == [0]
    assert track(frame(0.04), people((0, 0), (300, 0))).ids.tolist() == [0, -1]
    assert track(frame(0.08), people((0, 0), (300, 0))).ids.tolist() == [0, 1]


def test_a_false_detection_now_and_then_never_gets_an_id():
    track = tracker()
    for t in range(40):
        poses = people((0, 0), (300, 0)) if t % 8 == 0 else people((0, 0))
        poses.score[1:] = 0.25
        assert track(frame(t / 25), poses).ids.tolist()[1:] in ([], [-1])


def test_people_the_network_doubts_keep_their_ids_but_choose_last():
    track = tracker()
    track(frame(0.0), people((0, 0)))
    poses = people((30, 0), (1, 0))
    poses.score[1] = 0.15
    poses.score[0] = 0.1
    assert track(frame(0.04), poses).ids.tolist() == [-1, 0]
    poses = people((12, 0), (1, 0))
    poses.score[1] = 0.15
    assert track(frame(0.08), poses).ids.tolist() == [0, -1]


def test_two_who_pass_each_other_keep_their_ids_though_one_is_hidden():
    track = tracker()
    for t in range(100):
        left, right = (4.0 * t, 0.0), (400 - 4.0 * t, 8.0)
        hidden = abs(left[0] - right[0]) < 60
        ids = track(frame(t / 25), people(left) if hidden else people(left, right)).ids.tolist()
        assert ids == ([0] if hidden else [0, 1])


def test_the_same_person_twice_is_not_a_newcomer():
    track = tracker()
    track(frame(0.0), people((0, 0)))
    for t in range(1, 6):
        ids = track(frame(t / 25), people((0, 0), (6, 3))).ids.tolist()
        assert sorted(ids) == [-1, 0]


def test_left_and_right_mistaken_for_each_other_is_still_the_same_person():
    track = tracker()
    track(frame(0.0), people((0, 0)))
    turned = people((0, 0))
    order = list(COCO.mirror)
    mistaken = untracked(turned.xy[:, order], turned.joint_score, turned.score, turned.state)
    assert track(frame(0.04), mistaken).ids.tolist() == [0]


def test_a_jerk_of_the_camera_mixes_nobody_up():
    rng = np.random.default_rng(1)
    wall = np.kron(rng.integers(0, 255, (60, 120, 3)), np.ones((8, 8, 1))).astype(np.uint8)

    def picture(shift: int, time: float) -> Frame:
        return Frame(np.ascontiguousarray(wall[:360, 300 - shift :][:, :640]), 0, time, 0.0, "test")

    track = with_camera(tracker())
    for t in range(10):
        assert track(picture(0, t / 25), people((100, 50), (220, 50))).ids.tolist() == [0, 1]
    shifted = track(picture(120, 0.4), people((220, 50), (340, 50)))
    assert shifted.ids.tolist() == [0, 1]


def test_nobody_is_followed_across_an_interruption_of_the_source():
    track = tracker()
    assert track(frame(0.0), people((0, 0))).ids.tolist() == [0]
    resumed = Frame(PIXELS, 1, 0.04, 0.0, "test", segment=1)
    assert track(resumed, people((0, 0))).ids.tolist() == [1]


def test_something_that_blinks_on_a_plain_wall_is_not_a_moving_camera():
    camera = CameraMotion()
    for number in range(60):
        assert camera(numbered(number), people((40, 30), size=60).xy).shift.tolist() == [0, 0]


def test_a_cut_to_another_scene_makes_everybody_somebody_else():
    rng = np.random.default_rng(1)
    scenes = [
        np.kron(rng.integers(0, 255, (9, 16, 3)), np.ones((40, 40, 1))).astype(np.uint8)
        for _ in range(2)
    ]
    track = with_camera(tracker())
    for t in range(20):
        pixels = np.clip(scenes[t // 10].astype(int) + (t % 10) * 4, 0, 255).astype(np.uint8)
        ids = track(Frame(pixels, t, t / 25, 0.0, "test"), people((100, 50), (400, 50))).ids
        assert ids.tolist() == ([0, 1] if t < 10 else [2, 3])


def moving_points(joints, shown, steps=40):
    """(frame, poses) of two people of whom one joint is found, walking in opposite directions."""
    pixels = np.zeros((480, 640, 3), np.uint8)
    for t in range(steps):
        xy = np.full((2, joints, 2), np.nan, np.float32)
        xy[0, shown], xy[1, shown] = (100 + 4 * t, 100), (500 - 4 * t, 380)
        score = np.where(np.isnan(xy[..., 0]), 0, 0.8).astype(np.float32)
        state = np.where(score > 0, JointState.DETECTED, JointState.ABSENT).astype(np.uint8)
        person = np.full(2, 0.8, np.float32)
        yield Frame(pixels, t, t / 30, 0.0, "test"), untracked(xy, score, person, state)


@pytest.mark.parametrize(
    ("skeleton", "shown"), [(COCO, 9), (skeleton_from_names(["nose"], ()), 0)], ids=["17", "1"]
)
def test_people_of_whom_only_one_joint_is_known_are_tracked(skeleton, shown):
    track = Tracker(TrackingSettings(), skeleton)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # dividing nothing by nothing is one
        seen = [track(*moment).ids.tolist() for moment in moving_points(len(skeleton), shown)]
    assert seen == [[0, 1]] * len(seen)
