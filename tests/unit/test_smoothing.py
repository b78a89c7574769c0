"""The One-Euro filter: less jitter, little lag, and nothing carried over where it must not be."""

import json

import numpy as np
import pytest

from engine.settings import SmoothingSettings
from engine.skeleton import COCO
from engine.tracking.smoothing import Smoother
from engine.types import Frame, JointState, Poses
from tests.measure import smoothing as measured

PIXELS = np.zeros((4, 4, 3), np.uint8)
BODY = np.random.default_rng(3).random((17, 2)) * 200


def frame(time: float) -> Frame:
    return Frame(PIXELS, 0, time, 0.0, "test")


def poses(*bodies: np.ndarray, ids: tuple[int, ...] = (0,)) -> Poses:
    xy = np.array(bodies, np.float32)
    there = ~np.isnan(xy).any(axis=2)
    return Poses(
        xy,
        np.where(there, np.float32(0.8), np.float32(0)),
        np.full(len(xy), 0.8, np.float32),
        np.array(ids, np.int32),
        np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8),
        xy,
    )


def smoother(**settings: float) -> Smoother:
    return Smoother(SmoothingSettings(**settings), COCO)


def run(filtered: Smoother, track: np.ndarray, rate: float) -> np.ndarray:
    return np.stack([filtered(frame(t / rate), poses(xy)).xy[0] for t, xy in enumerate(track)])


@pytest.mark.parametrize("kind", [measured.still, measured.walking, measured.exercising])
@pytest.mark.parametrize("rate", [30.0, 60.0])
def test_jitter_is_three_times_less_at_most_forty_milliseconds_late(kind, rate):
    got = measured.measure(
        lambda times, seen: measured.online(SmoothingSettings(), times, seen), kind, rate, range(2)
    )
    assert got.calmer >= 3
    assert got.lag <= 40


def test_one_setting_fits_people_near_and_far():
    rng = np.random.default_rng(0)
    path = np.cumsum(rng.normal(0, 6, (100, 1, 2)), axis=0) + rng.normal(0, 2, (100, 17, 2)) + BODY
    near, far = run(smoother(), path, 30), run(smoother(), path / 8, 30)
    assert np.allclose(near / 8, far, atol=1e-3)


def test_the_measured_positions_stay_beside_the_smoothed_ones():
    filtered = smoother()
    filtered(frame(0.0), poses(BODY))
    moved = poses(BODY + 10)
    out = filtered(frame(0.04), moved)
    assert np.array_equal(out.raw_xy, moved.xy)
    assert not np.allclose(out.xy, moved.xy)


def test_a_new_id_starts_where_it_is():
    filtered = smoother()
    filtered(frame(0.0), poses(BODY, ids=(4,)))
    out = filtered(frame(0.04), poses(BODY + 50, ids=(5,)))
    assert np.array_equal(out.xy, poses(BODY + 50).xy)


def test_an_untracked_person_passes_unchanged():
    filtered = smoother()
    for t in range(3):
        out = filtered(frame(t / 25), poses(BODY + t, ids=(-1,)))
        assert np.array_equal(out.xy, poses(BODY + t).xy)


@pytest.mark.parametrize(("pause", "fresh"), [(0.3, False), (0.7, True)])
def test_a_joint_unseen_for_longer_than_the_gap_starts_anew(pause, fresh):
    filtered = smoother(max_gap=0.5)
    without = BODY.copy()
    without[9] = np.nan
    filtered(frame(0.0), poses(BODY))
    for step in range(1, 6):
        out = filtered(frame(pause * step / 6), poses(without))
        assert np.isnan(out.xy[0, 9]).all()
    out = filtered(frame(pause), poses(BODY + 5))
    assert np.allclose(out.xy[0, 9], BODY[9] + 5, atol=1e-4) is fresh


def test_time_running_backwards_starts_anew():
    filtered = smoother()
    filtered(frame(9.0), poses(BODY))
    assert np.array_equal(filtered(frame(0.0), poses(BODY + 30)).xy, poses(BODY + 30).xy)


def test_the_same_instant_twice_does_no_harm():
    filtered = smoother()
    filtered(frame(1.0), poses(BODY))
    out = filtered(frame(1.0), poses(BODY + 3))
    assert np.isfinite(out.xy).all()


def test_settings_may_change_while_it_runs():
    filtered = smoother(min_cutoff=0.1, beta=0)
    filtered(frame(0.0), poses(BODY))
    slow = filtered(frame(0.04), poses(BODY + 10)).xy[0, 0, 0] - BODY[0, 0]
    filtered.settings = SmoothingSettings(min_cutoff=100.0, beta=0)
    quick = filtered(frame(0.08), poses(BODY + 10)).xy[0, 0, 0] - BODY[0, 0]
    assert slow < 5
    assert quick > 9


def test_a_restored_smoother_goes_on_bit_for_bit():
    rng = np.random.default_rng(2)
    track = BODY + rng.normal(0, 3, (40, 17, 2))
    track[rng.random((40, 17)) < 0.2] = np.nan
    whole, again = smoother(), smoother()
    for t in range(20):
        whole(frame(t / 30), poses(track[t]))
    text = json.dumps(whole.state())
    again.restore(json.loads(text))
    for t in range(20, 40):
        one, two = whole(frame(t / 30), poses(track[t])), again(frame(t / 30), poses(track[t]))
        assert one.xy.tobytes() == two.xy.tobytes()
