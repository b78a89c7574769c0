"""A whole video as arrays, and back frame by frame."""

import numpy as np

from engine.offline.recording import collect, unseen_frame
from engine.skeleton import COCO
from tests.support.tracks import equal, some_results


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
