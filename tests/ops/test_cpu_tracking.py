"""Tracking and smoothing by compiled loops: what NumPy computes, bit by bit."""

from dataclasses import fields, replace

import numpy as np
import pytest

from engine.settings import SmoothingSettings, TrackingSettings
from engine.skeleton import COCO, skeleton_from_names
from engine.tracking import appearance, camera_motion, oks, smoothing, tracks
from engine.tracking.camera_motion import CameraStep, between, view
from engine.tracking.compiled import TrackingLoops
from engine.tracking.oks import body_size, similarity
from engine.tracking.smoothing import Smoother
from engine.tracking.tracker import Tracker
from engine.types import Frame, JointState, Poses, untracked
from tests.support.compiled import compiled_from_source

MODULES = appearance, camera_motion, oks, smoothing, tracks
PIXELS = np.zeros((240, 320, 3), np.uint8)


@pytest.fixture(scope="module")
def loops(tmp_path_factory):
    return TrackingLoops(compiled_from_source(tmp_path_factory.mktemp("compiled")))


@pytest.fixture
def both(loops, monkeypatch):
    """Calls a function with the loops and by definition; the results are the same bits."""

    def both(function, *arguments):
        results = []
        for used in (loops, None):
            for module in MODULES:
                monkeypatch.setattr(module, "compiled_loops", lambda used=used: used)
            results.append(function(*arguments))
        assert alike(*results)
        return results[0]

    return both


def alike(a, b):
    if isinstance(a, np.ndarray):
        return (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())
    if isinstance(a, Poses):
        return all(alike(getattr(a, f.name), getattr(b, f.name)) for f in fields(a))
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(alike, a, b))
    return a == b


def poses(random, people, joints, *, missing=0.2, dtype=np.float32):
    """(people, joints, 2) pixels; of some, nothing or one joint is known."""
    xy = random.uniform(-20, 340, (people, 1, 2)) + random.normal(0, 30, (people, joints, 2))
    xy[random.random((people, joints)) < missing] = np.nan
    if people > 3:
        xy[0], xy[1, 1:] = np.nan, np.nan
    return xy.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("joints", [1, 5, 17, 133])
def test_body_sizes(both, joints, dtype):
    random = np.random.default_rng(joints)
    for people in (0, 1, 7):
        size = both(body_size, poses(random, people, joints, dtype=dtype))
        assert people < 4 or joints == 1 or size.max() > 0


@pytest.mark.parametrize("joints", [1, 7, 8, 17, 130, 300])
def test_similarities(both, joints):
    random = np.random.default_rng(joints)
    sigmas = tuple(random.uniform(0.02, 0.1, joints))
    for p, q in ((0, 3), (3, 0), (1, 1), (6, 5)):
        a, b = poses(random, p, joints), poses(random, q, joints, dtype=np.float64)
        b[: min(p, q)] = a[: min(p, q)] + random.normal(0, 5, a[: min(p, q)].shape)
        both(similarity, a, b, sigmas)
        size, moved = random.uniform(0, 80, (p, q)), random.normal(0, 5, (p, q, 2))
        found = both(similarity, a, b, sigmas, size, moved)
        assert p < 6 or 0 < found.max() < 1


@pytest.mark.parametrize("skeleton", [COCO, skeleton_from_names(["a", "b"])], ids=["COCO", "none"])
def test_colours(both, skeleton):
    random = np.random.default_rng(3)
    pixels = random.integers(0, 256, (240, 320, 3), np.uint8)
    for people in (0, 1, 8):
        xy = poses(random, people, len(skeleton))
        xy[1:3] = np.round(xy[1:3]) + 0.5
        found = both(appearance.appearance, pixels, xy, skeleton)
        assert people < 8 or skeleton is not COCO or 0.2 < np.nanmean(found) < 0.8


@pytest.mark.parametrize("size", [(720, 1280), (240, 320), (200, 90), (40, 30), (160, 1000)])
def test_what_is_seen_of_the_cameras_motion(both, size):
    random = np.random.default_rng(size[0])
    pixels = random.integers(0, 256, (*size, 3), np.uint8)
    answers = set()
    for change in (0, 3, 8, 14, 120):
        for part in (0.1, 0.45, 0.55, 1.0):
            later = pixels.astype(np.int16)
            later[:, : int(part * size[1])] += change
            xy = poses(random, 4, 17)
            views = [
                both(view, part, people)
                for part, people in ((pixels, xy), (later.clip(0, 255).astype(np.uint8), xy + 3))
            ]
            answers.add(both(camera_motion._differ, *views))
            both(between, *views)
    assert len(answers) > 1


def frames(seed, people=5, joints=17, count=60):
    """Frames of people who walk, with joints, people and stretches of time missing."""
    random = np.random.default_rng(seed)
    body, at = random.normal(0, 25, (people, joints, 2)), random.uniform(40, 280, (people, 1, 2))
    speed, time = random.normal(0, 60, (people, 1, 2)), 0.0
    looks = random.random((people, appearance.unseen(0, COCO).shape[1], 3), np.float32)
    for index in range(count):
        step = random.choice([0.0, 1 / 30, 0.04, 0.5, 3.0], p=[0.05, 0.5, 0.3, 0.1, 0.05])
        time, at = time + step, at + speed * step
        xy = (at + body + random.normal(0, 2, body.shape)).astype(np.float32)
        state = random.choice([0, 1, 2], (people, joints), p=[0.2, 0.6, 0.2]).astype(np.uint8)
        score = random.uniform(0.05, 1, people).astype(np.float32)
        seen = untracked(xy, (state > 0) * score[:, None], score, state)
        look = np.where(random.random(looks.shape[:2])[..., None] < 0.2, np.nan, looks)
        seen = replace(seen, appearance=look.astype(np.float32)).take(random.random(people) < 0.8)
        if index % 17 == 5:  # a double, and somebody of whom one joint is known
            seen = seen.take(np.array([0, 0], np.intp)[: len(seen)])
            seen.xy[:1, 1:], seen.state[:1, 1:] = np.nan, JointState.ABSENT
        camera = CameraStep(random.normal(0, 4, 2) * (random.random() < 0.2), index == 40)
        yield Frame(PIXELS, index, time, 0.0, "test", segment=index // 50), seen, camera


def tracked(seed):
    """What a tracker and a smoother make of frames, and what they remember after each."""
    tracker, smoother = Tracker(TrackingSettings(), COCO), Smoother(SmoothingSettings(), COCO)
    results = []
    for frame, seen, camera in frames(seed):
        found = tracker(frame, seen, camera)
        results.append((found, tracker.state(), smoother(frame, found), smoother.state()))
    return results


@pytest.mark.parametrize("seed", range(12))
def test_people_who_walk(both, seed):
    results = both(tracked, seed)
    assert sum((found.ids >= 0).sum() for found, *_ in results) > 60
    assert max(len(state["people"]) for *_, state in results) > 3
