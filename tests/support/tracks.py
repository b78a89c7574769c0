"""Small recordings to write, read and look at."""

from collections.abc import Iterable, Sequence

import numpy as np

from app.tracks.sink import Sink
from app.tracks.writer import Writer
from engine.offline.recording import Recording, collect, unseen_frame
from engine.skeleton import COCO
from engine.types import JointState, Poses, Result
from tests.measure.smoothing import path, walking

RATE = 30

HEADER = {
    "source": "clip.mp4",
    "kind": "video",
    "size": [640, 360],
    "rotation": 0,
    "rate": 29.97,
    "keypoints": list(COCO.names),
    "skeleton": [list(limb) for limb in COCO.limbs],
    "settings": {"tracking": {"max_lost": 1.0}},
}


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


def recorded(bodies: np.ndarray, times: np.ndarray, ids: int | np.ndarray = 0) -> Recording:
    """One person's positions (N, 17, 2); NaN where absent, no person where all are."""
    ids = np.broadcast_to(ids, len(times))
    results = []
    for n, (time, xy) in enumerate(zip(times.tolist(), bodies, strict=True)):
        xy = np.asarray(xy, np.float32)[None]
        there = ~np.isnan(xy).any(axis=2)
        poses = Poses(
            xy,
            there * np.float32(0.5),
            np.full(1, 0.5, np.float32),
            np.array([ids[n]], np.int32),
            np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8),
            xy,
        )
        poses = poses.take(there.any(axis=1))
        results.append(Result(unseen_frame((640, 360), n, time), poses))
    return collect(results)


def walk(seconds: float = 6.0, rate: float = RATE) -> tuple[np.ndarray, np.ndarray]:
    times = np.arange(int(seconds * rate)) / rate
    return times, path(walking(3), times)


def write_all(writers: Sequence[Writer], results: Iterable[Result]) -> None:
    """Write all results to all writers and close them, with what was counted on the way."""
    with Sink(*writers) as sink:
        for result in results:
            sink.write(result)
