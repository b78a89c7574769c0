"""Gaps filled, smoothing without lag, and pieces of tracks joined again."""

from dataclasses import replace

import numpy as np
import pytest

from engine.offline.postprocess import interpolate, smooth
from engine.offline.stitching import stitch
from engine.types import JointState
from tests.measure.smoothing import exercising, lag, noisy, outcome, path, walking
from tests.support.tracks import RATE, recorded, walk


def test_a_short_gap_of_a_joint_is_filled_on_its_way_and_a_long_one_is_not():
    times, truth = walk()
    holes = truth.copy()
    holes[30:36, 9] = np.nan
    holes[60:100, 9] = np.nan
    filled = interpolate(recorded(holes, times), 0.5).people
    assert np.abs(filled.xy[30:36, 9] - truth[30:36, 9]).max() < 3
    assert (filled.state[30:36, 9] == JointState.INTERPOLATED).all()
    assert np.isnan(filled.raw_xy[30:36, 9]).all()
    assert np.isnan(filled.xy[60:100, 9]).all()
    assert (filled.state[60:100, 9] == JointState.ABSENT).all()


def test_a_person_missed_for_a_moment_is_there_again():
    times, truth = walk()
    holes = truth.copy()
    holes[50:55] = np.nan
    before = recorded(holes, times)
    after = interpolate(before, 0.5)
    assert len(before.people) == len(times) - 5
    assert after.frame.tolist() == list(range(len(times)))
    assert np.abs(after.people.xy - truth).max() < 5
    assert (after.people.score == 0.5).all()


def test_nothing_is_filled_before_the_first_and_after_the_last_sight():
    times, truth = walk(2)
    holes = truth.copy()
    holes[:20, 4] = np.nan
    holes[40:, 5] = np.nan
    filled = interpolate(recorded(holes, times), 10.0).people
    assert np.isnan(filled.xy[:20, 4]).all()
    assert np.isnan(filled.xy[40:, 5]).all()


def test_nothing_is_filled_across_an_interruption_of_the_source():
    times, truth = walk(2)
    holes = truth.copy()
    holes[20:25] = np.nan
    recording = recorded(holes, times)
    broken = replace(recording, segment=(np.arange(len(times)) > 22).astype(np.int32))
    assert len(interpolate(broken, 1.0).people) == len(recording.people)


def test_frames_that_have_no_gaps_are_left_bit_for_bit():
    times, truth = walk(2)
    recording = recorded(truth, times)
    assert interpolate(recording, 1.0).people.xy.tobytes() == recording.people.xy.tobytes()


@pytest.mark.parametrize("kind", [walking, exercising])
def test_smoothing_both_ways_is_calm_and_never_late(kind):
    times = np.arange(240) / RATE
    truth = path(kind(1), times)
    seen = noisy(truth, np.random.default_rng(0))
    out = smooth(recorded(seen, times), 5.0).people
    got = outcome(times, truth, seen, out.xy.astype(float))
    assert got.calmer > 3
    assert abs(lag(times, truth, out.xy.astype(float))) < 0.003
    assert got.error < 0.75
    assert np.array_equal(out.raw_xy, seen.astype(np.float32))


def test_uneven_time_stamps_are_smoothed_where_they_are():
    rng = np.random.default_rng(0)
    times = np.sort(np.arange(240) / RATE + rng.uniform(-0.012, 0.012, 240))
    truth = path(walking(1), times)
    out = smooth(recorded(noisy(truth, rng), times), 6.0).people.xy
    still = smooth(recorded(truth, times), 6.0).people.xy
    assert np.abs(still[20:-20] - truth[20:-20]).max() < 3
    assert (out - truth).std() < 0.9 * (noisy(truth, rng) - truth).std()


def test_what_is_too_short_or_too_slow_to_filter_stays_as_measured():
    times, truth = walk(2, 5)
    seen = noisy(truth, np.random.default_rng(0)).astype(np.float32)
    assert np.array_equal(smooth(recorded(seen, times), 6.0).people.xy, seen)
    assert np.array_equal(smooth(recorded(seen[:3], times[:3]), 1.0).people.xy, seen[:3])


def test_smoothing_does_not_reach_across_a_gap():
    times, truth = walk()
    holes = truth.copy()
    holes[80:120] = np.nan
    holes[120:] += 300
    out = smooth(recorded(holes, times), 3.0).people.xy
    assert np.abs(out[:80] - truth[:80]).max() < 15


def test_a_piece_that_goes_on_where_another_ended_gets_its_id():
    times, truth = walk()
    holes = truth.copy()
    holes[60:110] = np.nan
    joined = stitch(recorded(holes, times, np.where(np.arange(len(times)) < 60, 2, 7)), 3.0)
    assert joined.ids == [2]


def test_three_pieces_become_one_person():
    times, truth = walk()
    holes = truth.copy()
    holes[40:60] = holes[100:130] = np.nan
    ids = np.digitize(np.arange(len(times)), [50, 110])
    assert stitch(recorded(holes, times, ids), 3.0).ids == [0]


def test_pieces_far_apart_in_place_or_time_stay_two():
    times, truth = walk()
    holes = truth.copy()
    holes[60:110] = np.nan
    ids = np.where(np.arange(len(times)) < 60, 2, 7)
    assert stitch(recorded(holes, times, ids), 1.0).ids == [2, 7]
    away = holes.copy()
    away[110:] += (500, 0)
    assert stitch(recorded(away, times, ids), 3.0).ids == [2, 7]
    bigger = holes.copy()
    bigger[110:] = bigger[110:] * 2 - np.nanmean(bigger[110:], axis=(0, 1))
    assert stitch(recorded(bigger, times, ids), 3.0).ids == [2, 7]


def test_a_newcomer_gets_the_poses_from_before_it_had_an_id():
    times, truth = walk(2)
    ids = np.where(np.arange(len(times)) < 3, -1, 5)
    joined = stitch(recorded(truth, times, ids), 3.0)
    assert (joined.people.ids == 5).all()


def test_who_changed_from_one_frame_to_the_next_is_left_as_the_tracker_saw_it():
    times, truth = walk()
    ids = np.where(np.arange(len(times)) < 60, 2, 7)
    assert stitch(recorded(truth, times, ids), 3.0).ids == [2, 7]
