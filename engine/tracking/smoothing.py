"""Smoothing with little lag: a One-Euro filter per person and joint.

A low-pass filter whose cutoff rises with speed: calm when a joint rests, quick when it moves.
It works relative to the body, which moves along at its own speed: a person who walks across
the picture is not delayed, only swinging limbs open the filter. Speed is measured in body sizes per
second, so one setting fits people near and far. Works on real time stamps; the measured positions
stay in `Poses.raw_xy`. Method: Casiez, Roussel, Vogel 2012.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.settings import SmoothingSettings
from engine.skeleton import Skeleton
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.json_arrays import EncodedArray, decode_array, encode_array
from engine.tracking.oks import body_size
from engine.types import UNTRACKED, Frame, Poses

_SIZE_CUTOFF = 0.16  # Hz: a body grows or shrinks in the picture no faster than this
_CARRIED = 0.75  # how much of its own speed, beside the body's, a joint is expected to keep
_ENOUGH = 5  # joints needed to estimate the body's motion


@dataclass(slots=True)
class _Person:
    """What the filter remembers of one person."""

    xy: NDArray[np.float64]  # (K, 2) filtered, image pixels; NaN before the first sight
    raw: NDArray[np.float64]  # (K, 2) last measurement
    speed: NDArray[np.float64]  # (K, 2) filtered, relative to the body, body sizes per second
    seen: NDArray[np.float64]  # (K,) time of each joint's last measurement, s
    drift: NDArray[np.float64]  # (2,) filtered, speed of the body as a whole, pixels per second
    size: float  # filtered body size, pixels
    time: float  # time of the last detection, s


class Smoother:
    """Stage: poses with ids in, smoothed poses out; `settings` may be replaced while running."""

    def __init__(self, settings: SmoothingSettings, skeleton: Skeleton) -> None:
        self.settings = settings
        self._joints = len(skeleton)
        self._people: dict[int, _Person] = {}
        self._time = -np.inf
        self._segment = 0

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        """Smooth each tracked person; a seek back or an interruption of the source starts anew.

        The frame's pixels are not read.
        """
        if frame.time < self._time or frame.segment != self._segment:
            self._people.clear()
        self._time, self._segment = frame.time, frame.segment
        self._forget(frame.time - self.settings.max_gap)
        sizes = body_size(poses.xy)
        xy = poses.xy.copy()
        for row, person in enumerate(poses.ids.tolist()):
            if person != UNTRACKED:
                xy[row] = self._smooth(person, poses.xy[row], float(sizes[row]), frame.time)
        return replace(poses, xy=xy)

    def state(self) -> EncodedArray:
        """The state of all filters, for `restore`."""
        people = {
            str(key): {
                "arrays": [encode_array(a) for a in (p.xy, p.raw, p.speed, p.seen, p.drift)],
                "size": p.size,
                "time": p.time,
            }
            for key, p in self._people.items()
        }
        time = self._time if np.isfinite(self._time) else None
        return {"people": people, "time": time, "segment": self._segment}

    def restore(self, state: EncodedArray) -> None:
        """Continue exactly from a `state`."""
        self._people = {int(key): _person_from(packed) for key, packed in state["people"].items()}
        self._time = -np.inf if state["time"] is None else state["time"]
        self._segment = state["segment"]

    def _forget(self, oldest: float) -> None:
        self._people = {k: p for k, p in self._people.items() if p.time >= oldest}

    def _smooth(
        self, key: int, measured: NDArray[np.float32], size: float, time: float
    ) -> NDArray[np.float64]:
        """One person's joints after this measurement, (K, 2); NaN where not measured now."""
        person = self._people.get(key)
        if person is None:
            person = self._people[key] = self._stranger(size, time)
        elif time > person.time:
            weight = _weight(_SIZE_CUTOFF, time - person.time)
            person.size += float(weight) * (size - person.size)
        person.time = time
        there = ~np.isnan(measured[:, 0])
        gone = there & ~(time - person.seen <= self.settings.max_gap)  # never seen: NaN
        for known in (person.xy, person.raw):
            known[gone] = measured[gone]
        person.speed[gone] = 0.0
        self._step(person, measured.astype(np.float64), there & ~gone, time)
        person.seen[there] = time
        return np.where(there[:, None], person.xy, np.nan)

    def _step(
        self, person: _Person, now: NDArray[np.float64], rows: NDArray[np.bool_], time: float
    ) -> None:
        """One-Euro step of the joints in the mask `rows` (K,)."""
        rows = rows & (time > person.seen)  # nothing new at the same instant
        if not rows.any():
            return
        dt = time - person.seen[rows, None]
        velocity = (now[rows] - person.raw[rows]) / dt
        elapsed = float(dt.min())
        body = np.median(velocity, axis=0) if len(velocity) >= _ENOUGH else person.drift
        person.drift += _weight(self.settings.body_cutoff, elapsed) * (body - person.drift)
        speed = (velocity - person.drift) / max(person.size, 1.0)
        person.speed[rows] += _weight(self.settings.speed_cutoff, dt) * (speed - person.speed[rows])
        pace = np.hypot(*person.speed[rows].T)[:, None]
        cutoff = self.settings.min_cutoff + self.settings.beta * pace
        own = _CARRIED * person.size * person.speed[rows]
        carried = person.xy[rows] + (person.drift + own) * dt
        person.xy[rows] = carried + _weight(cutoff, dt) * (now[rows] - carried)
        person.raw[rows] = now[rows]

    def _stranger(self, size: float, time: float) -> _Person:
        unknown = np.full((self._joints, 2), np.nan)
        still = np.zeros((self._joints, 2))
        return _Person(
            unknown, unknown.copy(), still, np.full(self._joints, np.nan), np.zeros(2), size, time
        )


def _person_from(packed: EncodedArray) -> _Person:
    xy, raw, speed, seen, drift = (decode_array(array) for array in packed["arrays"])
    return _Person(xy, raw, speed, seen, drift, packed["size"], packed["time"])


def _weight(
    cutoff: NDArray[np.float64] | float, dt: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """The share a new value has in a first-order low pass; `cutoff` Hz, `dt` s."""
    turn = 2 * np.pi * np.asarray(cutoff) * dt
    return turn / (turn + 1)
