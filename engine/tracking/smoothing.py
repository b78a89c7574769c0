"""Smoothing with little lag: a One-Euro filter per person and joint.

A low-pass filter whose cutoff rises with speed: calm when a joint rests, quick when it moves.
It works relative to the body, which moves along at its own speed: a person who walks across
the picture is not delayed, only swinging limbs open the filter. Speed is measured in body sizes per
second, so one setting fits people near and far. Works on real time stamps; the measured positions
stay in `Poses.raw_xy`. Method: Casiez, Roussel, Vogel 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from engine.settings import SmoothingSettings
from engine.skeleton import Skeleton
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.compiled import compiled_loops
from engine.tracking.json_arrays import EncodedArray, decode_array, encode_array
from engine.tracking.oks import body_size
from engine.types import UNTRACKED, Frame, Poses

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

_SIZE_CUTOFF = 0.16  # Hz: a body grows or shrinks in the picture no faster than this
_CARRIED = 0.75  # how much of its own speed, beside the body's, a joint is expected to keep
_ENOUGH = 5  # joints needed to estimate the body's motion


@dataclass(frozen=True, slots=True)
class _People:
    """What the filter remembers of N people, as parallel arrays; a later frame has its own."""

    xy: Floats  # (N, K, 2) filtered, image pixels; NaN before the first sight
    raw: Floats  # (N, K, 2) last measurement
    speed: Floats  # (N, K, 2) filtered, relative to the body, body sizes per second
    seen: Floats  # (N, K) time of each joint's last measurement, s
    drift: Floats  # (N, 2) filtered, speed of the body as a whole, pixels per second
    size: Floats  # (N,) filtered body size, pixels
    time: Floats  # (N,) time of the last detection, s

    def columns(self) -> list[Floats]:
        """The arrays."""
        return [getattr(self, column.name) for column in fields(self)]

    def take(self, rows: Rows) -> _People:
        """Copies of some of them."""
        return _People(*(column[rows] for column in self.columns()))

    def join(self, more: _People) -> _People:
        """These people and then those."""
        pairs = zip(self.columns(), more.columns(), strict=True)
        return _People(*(np.concatenate(pair) for pair in pairs))


class Smoother:
    """Stage: poses with ids in, smoothed poses out; `settings` may be replaced while running."""

    def __init__(self, settings: SmoothingSettings, skeleton: Skeleton) -> None:
        self.settings = settings
        self._joints = len(skeleton)
        self._ids: list[int] = []  # of the people, in the order in which they came
        self._people = _strangers(0, self._joints, np.zeros(0), 0.0)
        self._time = -np.inf
        self._segment = 0

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        """Smooth each tracked person; a seek back or an interruption of the source starts anew.

        The frame's pixels are not read.
        """
        again = frame.time < self._time or frame.segment != self._segment
        self._time, self._segment = frame.time, frame.segment
        self._forget(np.inf if again else frame.time - self.settings.max_gap)
        tracked = np.flatnonzero(poses.ids != UNTRACKED)
        if not len(tracked):
            return poses
        measured = poses.xy[tracked]
        sizes = body_size(measured)
        rows = self._rows(poses.ids[tracked].tolist(), sizes)
        loops = compiled_loops()
        if loops:
            columns, numbers = self._people.columns(), self._numbers()
            smooth = loops.smooth(rows, columns, numbers, _ENOUGH, measured, sizes)
        else:
            people = self._people.take(rows)
            smooth = self._smooth(people, measured, sizes)
            for column, now in zip(self._people.columns(), people.columns(), strict=True):
                column[rows] = now
        xy = poses.xy.copy()
        xy[tracked] = smooth
        return replace(poses, xy=xy)

    def _numbers(self) -> Sequence[float]:
        """What the filters go by, in the order of `compiled`."""
        chosen = self.settings
        cutoffs = _SIZE_CUTOFF, chosen.body_cutoff, chosen.speed_cutoff, chosen.min_cutoff
        return (self._time, chosen.max_gap, 2 * np.pi, *cutoffs, chosen.beta, _CARRIED)

    def state(self) -> EncodedArray:
        """The state of all filters, for `restore`."""
        people = {}
        for row, key in enumerate(self._ids):
            *arrays, size, time = (column[row] for column in self._people.columns())
            people[str(key)] = {
                "arrays": [encode_array(array) for array in arrays],
                "size": float(size),
                "time": float(time),
            }
        time = self._time if np.isfinite(self._time) else None
        return {"people": people, "time": time, "segment": self._segment}

    def restore(self, state: EncodedArray) -> None:
        """Continue exactly from a `state`."""
        self._ids = [int(key) for key in state["people"]]
        self._people = _strangers(0, self._joints, np.zeros(0), 0.0)
        for packed in state["people"].values():
            columns = [decode_array(array) for array in packed["arrays"]]
            columns += [np.array(packed[key], np.float64) for key in ("size", "time")]
            self._people = self._people.join(_People(*(column[None] for column in columns)))
        self._time = -np.inf if state["time"] is None else state["time"]
        self._segment = state["segment"]

    def _forget(self, oldest: float) -> None:
        kept = np.flatnonzero(self._people.time >= oldest)
        if len(kept) < len(self._ids):
            self._ids = [self._ids[row] for row in kept]
            self._people = self._people.take(kept)

    def _rows(self, ids: Sequence[int], sizes: Floats) -> Rows:
        """Where these people are among those remembered; strangers are added."""
        new = [row for row, key in enumerate(ids) if key not in self._ids]
        if new:
            self._ids = self._ids + [ids[row] for row in new]
            strangers = _strangers(len(new), self._joints, sizes[new], self._time)
            self._people = self._people.join(strangers)
        return np.array([self._ids.index(key) for key in ids])

    def _smooth(self, people: _People, measured: NDArray[np.float32], sizes: Floats) -> Floats:
        """Take in this frame's measurements (P, K, 2) and body sizes (P,) of P people.

        Returns:
            their joints, (P, K, 2); NaN where not measured now.
        """
        since = self._time - people.time
        people.size[:] += np.where(since > 0, _weight(_SIZE_CUTOFF, since), 0) * (
            sizes - people.size
        )
        people.time[:] = self._time
        there = ~np.isnan(measured[..., 0])
        gone = there & ~(self._time - people.seen <= self.settings.max_gap)  # never seen: NaN
        if gone.any():
            people.xy[gone] = people.raw[gone] = measured[gone]
            people.speed[gone] = 0.0
        moved = there & ~gone & (self._time > people.seen)  # nothing new at the same instant
        if moved.any():
            self._step(people, measured.astype(np.float64), moved)
        people.seen[there] = self._time
        return np.where(there[..., None], people.xy, np.nan)

    def _step(self, people: _People, measured: Floats, moved: NDArray[np.bool_]) -> None:
        """One-Euro step of the joints in the mask `moved` (P, K)."""
        owner, now = np.nonzero(moved)[0], measured[moved]
        dt = (self._time - people.seen[moved])[:, None]
        velocity = (now - people.raw[moved]) / dt
        self._follow(people, velocity, dt, moved)
        drift, size = people.drift[owner], people.size[owner, None]
        before = people.speed[moved]
        speed = (velocity - drift) / np.maximum(size, 1.0)
        speed = before + _weight(self.settings.speed_cutoff, dt) * (speed - before)
        pace = np.hypot(*speed.T)[:, None]
        cutoff = self.settings.min_cutoff + self.settings.beta * pace
        carried = people.xy[moved] + (drift + _CARRIED * size * speed) * dt
        people.speed[moved] = speed
        people.xy[moved] = carried + _weight(cutoff, dt) * (now - carried)
        people.raw[moved] = now

    def _follow(
        self, people: _People, velocity: Floats, dt: Floats, moved: NDArray[np.bool_]
    ) -> None:
        """Update the drift of each body by the median of its joints' velocities (J, 2)."""
        every = np.full(people.speed.shape, np.nan)
        every[moved] = velocity
        elapsed = np.full(moved.shape, np.inf)
        elapsed[moved] = dt[:, 0]
        count = moved.sum(axis=1)
        row = np.arange(len(count))
        ordered = np.sort(every, axis=1)  # NaN goes last
        middle = (ordered[row, np.maximum(count - 1, 0) // 2] + ordered[row, count // 2]) / 2
        known = count >= _ENOUGH
        drift = people.drift[known]
        weight = _weight(self.settings.body_cutoff, elapsed[known].min(axis=1, keepdims=True))
        people.drift[known] = drift + weight * (middle[known] - drift)


def _strangers(count: int, joints: int, size: Floats, time: float) -> _People:
    """People of whom nothing has been measured yet; `size` (count,)."""
    unknown, still = np.full((count, joints, 2), np.nan), np.zeros((count, joints, 2))
    seen = np.full((count, joints), np.nan)
    times = np.full(count, float(time))
    return _People(unknown, unknown.copy(), still, seen, np.zeros((count, 2)), size, times)


def _weight(
    cutoff: NDArray[np.float64] | float, dt: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """The share a new value has in a first-order low pass; `cutoff` Hz, `dt` s."""
    turn = 2 * np.pi * np.asarray(cutoff) * dt
    return turn / (turn + 1)
