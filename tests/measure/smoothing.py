"""Jitter and lag of the smoother on synthetic people, still and moving, with detector noise.

    python -m tests.measure.smoothing

prints the tables of docs/tracking.md. Jitter is the RMS of the error's change from frame to frame;
lag is the delay at which the output fits the truth best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from engine.settings import SmoothingSettings
from engine.skeleton import COCO
from engine.tracking.smoothing import Smoother
from engine.types import Frame, JointState, Poses
from tests.support.tracking_scenes import SIGMAS, Walker, project

PIXELS = np.zeros((2, 2, 3), np.uint8)


class Outcome(NamedTuple):
    """What smoothing did to a person."""

    calmer: float  # jitter before divided by jitter after
    lag: float  # ms
    error: float  # RMS error after divided by RMS error before


def still(seed: int) -> Walker:
    """Somebody who stands, at 4 to 8 m."""
    rng = np.random.default_rng(seed)
    place = (rng.uniform(-1, 1), rng.uniform(4, 8))
    return Walker(lambda time: place, 1.0, 0.0, (0, 0, 0), facing=rng.uniform(-1, 1))


def walking(seed: int) -> Walker:
    """Somebody who walks across."""
    rng = np.random.default_rng(seed)
    z, speed = rng.uniform(4, 8), rng.uniform(0.8, 1.6)
    return Walker(lambda t: (speed * (t - 4), z), 1.0, rng.uniform(0, 6), (0, 0, 0))


def exercising(seed: int) -> Walker:
    """Somebody who swings both arms."""
    rng = np.random.default_rng(seed)
    place, pace = (rng.uniform(-1, 1), rng.uniform(4, 8)), rng.uniform(0.3, 0.9)
    return Walker(lambda time: place, 1.0, 0.0, (0, 0, 0), exercise=pace, facing=0.0)


def path(walker: Walker, times: np.ndarray) -> np.ndarray:
    """(N, 17, 2) pixels: where the joints are."""
    return np.stack([project(walker.joints(t), (0.0, 0.0)) for t in times.tolist()])


def noisy(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The truth with the detector's error, white, of half the annotators' sigma."""
    size = np.sqrt(np.prod(np.ptp(truth, axis=1), axis=1))[:, None, None]
    return truth + 0.5 * SIGMAS[:, None] * size * rng.normal(size=truth.shape)


def online(settings: SmoothingSettings, times: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(N, 17, 2) the smoother's output."""
    smoother = Smoother(settings, COCO)
    ones = np.ones((1, 17), np.float32)
    state = np.full((1, 17), JointState.DETECTED, np.uint8)
    out = []
    for time, xy in zip(times.tolist(), seen.astype(np.float32), strict=True):
        poses = Poses(xy[None], ones, ones[:, 0], np.zeros(1, np.int32), state, xy[None])
        out.append(smoother(Frame(PIXELS, 0, time, 0.0, ""), poses).xy[0])
    return np.stack(out)


def outcome(times: np.ndarray, truth: np.ndarray, seen: np.ndarray, out: np.ndarray) -> Outcome:
    """Compare the smoothed path with the measured one, leaving out the first second."""
    late = times >= times[0] + 1
    delay = lag(times[late], truth[late], out[late])
    moved = _at(times, truth, times[late] - delay)
    before, after = seen[late] - truth[late], out[late] - moved
    calmer = np.diff(before, axis=0).std() / np.diff(after, axis=0).std()
    error = np.sqrt(((out - truth)[late] ** 2).mean() / (before**2).mean())
    return Outcome(float(calmer), 1000 * delay, float(error))


def lag(times: np.ndarray, truth: np.ndarray, out: np.ndarray) -> float:
    """Seconds by which `out` is late; 0 for somebody who does not move."""
    if np.ptp(truth, axis=0).max() < 1:
        return 0.0
    inner = (times > times[0] + 0.3) & (times < times[-1] - 0.3)
    delays = np.arange(-0.05, 0.25, 0.001)
    errors = [((_at(times, truth, times[inner] - d) - out[inner]) ** 2).mean() for d in delays]
    return float(delays[int(np.argmin(errors))])


def _at(times: np.ndarray, path: np.ndarray, when: np.ndarray) -> np.ndarray:
    flat = path.reshape(len(path), -1)
    return np.stack([np.interp(when, times, column) for column in flat.T], axis=1).reshape(
        len(when), *path.shape[1:]
    )


def measure(
    smooth: Callable[[np.ndarray, np.ndarray], np.ndarray],
    kind: Callable[[int], Walker],
    rate: float = 30.0,
    seeds: Iterable[int] = range(6),
) -> Outcome:
    """The mean outcome of `smooth(times, seen)` over people of a kind, eight seconds each."""
    times = np.arange(int(8 * rate)) / rate
    outcomes = []
    for seed in seeds:
        truth = path(kind(seed), times)
        seen = noisy(truth, np.random.default_rng(seed))
        outcomes.append(outcome(times, truth, seen, smooth(times, seen)))
    return Outcome(*np.mean(outcomes, axis=0))


def main() -> None:
    """Print the trade-off."""
    print("min_cutoff  beta  speed_cutoff" + "".join(f"{k:>24}" for k in ("still", "walk", "arms")))
    for cutoff in (0.5, 0.7, 1.0, 1.5):
        for beta in (1.0, 2.0, 3.0, 5.0, 8.0):
            for speed_cutoff in (1.0, 3.0):
                settings = SmoothingSettings(
                    min_cutoff=cutoff, beta=beta, speed_cutoff=speed_cutoff
                )
                row = f"{cutoff:10.1f} {beta:5.1f} {speed_cutoff:13.1f}"
                for kind in (still, walking, exercising):
                    got = measure(
                        lambda t, s, settings=settings: online(settings, t, s), kind, seeds=range(2)
                    )
                    row += f"   {got.calmer:5.1f}x {got.lag:4.0f} ms {got.error:5.2f}"
                print(row, flush=True)


if __name__ == "__main__":
    main()
