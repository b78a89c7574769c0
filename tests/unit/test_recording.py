"""A whole video as arrays, and back frame by frame."""

import numpy as np

from engine.offline.recording import collect, unseen_frame
from engine.skeleton import COCO
from engine.types import JointState, Poses, Result


def some_results(frames: int = 7, seed: int = 0) -> list[Result]:
    """Results with 0 to 3 people, absent joints and all states."""
    rng = np.random.default_rng(seed)
    results = []
    for t in range(frames):
        count = int(rng.integers(0, 4))
        state = rng.integers(0, 4, (count, 17)).astype(np.uint8)
        state[:, 0] = JointState.DETECTED
        there = state != JointState.ABSENT
        xy = np.round(rng.uniform(0, 500, (count, 17, 2)), 2).astype(np.float32)
        score = np.round(rng.uniform(0.1, 1, (count, 17)), 4).astype(np.float32)
        xy, score = np.where(there[..., None], xy, np.nan), np.where(there, score, 0)
        raw = np.round(xy.astype(np.float64) + 0.25, 2).astype(np.float32)
        ids = np.arange(count, dtype=np.int32) - (t % 2)
        person = np.round(rng.random(count), 4).astype(np.float32)
        poses = Poses(xy.astype(np.float32), score.astype(np.float32), person, ids, state, raw)
        frame = unseen_frame((640, 360), 2 * t, round(t / 29.97, 6), source="clip.mp4")
        results.append(Result(frame, poses))
    return results


def equal(a: Poses, b: Poses) -> bool:
    """Whether all arrays are the same, NaN included."""
    names = ("xy", "joint_score", "score", "ids", "state", "raw_xy")
    return all(
        np.array_equal(getattr(a, n), getattr(b, n), equal_nan=n.endswith("xy")) for n in names
    )


def test_results_come_back_frame_by_frame_as_they_went_in():
    results = some_results()
    again = list(collect(results).results())
    assert len(again) == len(results)
    for one, two in zip(results, again, strict=True):
        assert (one.frame.index, one.frame.time) == (two.frame.index, two.frame.time)
        assert one.frame.size == two.frame.size
        assert equal(one.poses, two.poses)


def test_frames_without_people_and_videos_without_frames_are_recordings_too():
    assert len(collect([]).index) == 0
    empty = [r for r in some_results(20) if not len(r.poses)]
    assert len(collect(empty).index) == len(empty) > 0
    assert len(collect(empty).people) == 0


def test_ids_leave_out_the_untracked():
    recording = collect(some_results(20))
    assert -1 in recording.people.ids
    assert recording.ids == [0, 1, 2]
    assert all((recording.people.ids[recording.rows_of(i)] == i).all() for i in recording.ids)


def test_a_black_frame_takes_no_memory():
    frame = unseen_frame((8000, 6000), 0, 0.0)
    assert frame.size == (8000, 6000)
    assert frame.pixels.strides[:2] == (0, 0)


def test_people_are_put_in_the_order_of_frames_and_ids():
    recording = collect(some_results(20))
    shuffled = np.random.default_rng(1).permutation(len(recording.frame))
    again = recording.with_people(recording.frame[shuffled], recording.people.take(shuffled))
    assert (np.diff(again.frame) >= 0).all()
    assert recording.skeleton is COCO
