"""Quality of a recording's tracks: coverage, gaps, jitter and odd limbs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.offline.recording import Recording
from engine.tracking.oks import body_size
from engine.types import JointState

Floats = NDArray[np.float64]

_LONG = 1.7  # times its usual length: a limb that is an outlier
_REACH = 0.35  # body sizes that a limb must at least have gained over its usual length
_WINDOW = 1.0  # s on either side that tell a limb's usual length
_TOGETHER = 0.25  # s: outliers of a limb closer than this are one


@dataclass(frozen=True, slots=True)
class Person:
    """One id."""

    id: int
    first: float  # s
    last: float  # s
    spans: tuple[tuple[float, float], ...]  # s, the stretches in which it was seen
    frames: int  # in which it was seen
    coverage: float  # of the frames between the first and the last, 0..1
    joints: float  # of the joints in those frames that were found, 0..1
    score: float  # mean
    jitter: float  # standard deviation of the position noise, body sizes


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which a person was not seen, between two in which it was."""

    id: int
    start: float  # s, last sight before
    end: float  # s, first sight after
    frames: int


@dataclass(frozen=True, slots=True)
class OddLimb:
    """A stretch in which a limb was much longer than just before and after."""

    id: int
    limb: tuple[int, int]
    start: float  # s
    end: float  # s
    row: int  # of the recording, where it was longest
    gained: float  # body sizes that it was longer there than usual


def people(recording: Recording) -> list[Person]:
    """Every id with what can be said of its track, in the order of ids."""
    return [_person(recording, *track) for track in recording.rows_by_id().items()]


def gaps(recording: Recording) -> list[Gap]:
    """All gaps, the longest first; interpolated people count as unseen."""
    found = []
    for person, rows in recording.rows_by_id().items():
        frame = recording.frame[_seen(recording, rows)]
        for before in np.flatnonzero(np.diff(frame) > 1):
            a, b = frame[before], frame[before + 1]
            found.append(
                Gap(person, float(recording.time[a]), float(recording.time[b]), int(b - a - 1))
            )
    return sorted(found, key=lambda gap: gap.start - gap.end)


def odd_limbs(recording: Recording) -> list[OddLimb]:
    """Limbs that were suddenly too long, the longest first: mostly joints of another person."""
    found: list[OddLimb] = []
    for person, every in recording.rows_by_id().items():
        rows = _seen(recording, every)
        xy = recording.people.raw_xy[rows].astype(np.float64)
        time = recording.time[recording.frame[rows]]
        size = float(np.median(body_size(xy))) if len(rows) else 0.0
        for limb in recording.skeleton.limbs:
            length = np.hypot(*(xy[:, limb[0]] - xy[:, limb[1]]).T)
            usual = _usual(time, length)
            odd = (length > _LONG * usual) & (length > usual + _REACH * size)
            gained = (length - usual) / max(size, 1.0)
            found += _odd_stretches(person, limb, rows, time, odd, gained)
    return sorted(found, key=lambda odd: -odd.gained)


def jitter(time: Floats, xy: Floats, size: float) -> float:
    """Standard deviation of the position noise, in body sizes, from second differences.

    Args:
        time: (n,) s.
        xy: (n, K, 2) px as measured, NaN where absent.
        size: body size, px.

    The median over joints and frames of the distance from the mean of the two neighbours; for
    independent noise of deviation s it is 1.44 s. Motion that bends within three frames counts too.
    """
    if len(time) < 3 or size <= 0:
        return 0.0
    step = float(np.median(np.diff(time)))
    even = (np.abs(np.diff(time) - step) < 0.2 * step)[:-1] & (
        np.abs(np.diff(time) - step) < 0.2 * step
    )[1:]
    bend = xy[1:-1] - (xy[:-2] + xy[2:]) / 2
    away = np.hypot(bend[..., 0], bend[..., 1])[even]
    away = away[~np.isnan(away)]
    # Each coordinate of `bend` has variance 1.5 s²; the median of a Rayleigh is 1.177 of that.
    return float(np.median(away)) / (1.1774 * np.sqrt(1.5)) / size if len(away) else 0.0


def _person(recording: Recording, person: int, rows: NDArray[np.intp]) -> Person:
    rows = _seen(recording, rows)
    frame = recording.frame[rows]
    poses = recording.people.take(rows)
    time, xy = recording.time[frame], poses.raw_xy.astype(np.float64)
    parts = np.split(frame, np.flatnonzero(np.diff(frame) > 1) + 1)
    spans = [(float(recording.time[p[0]]), float(recording.time[p[-1]])) for p in parts if len(p)]
    size = float(np.median(body_size(xy))) if len(rows) else 0.0
    return Person(
        person,
        float(time[0]) if len(time) else 0.0,
        float(time[-1]) if len(time) else 0.0,
        tuple(spans),
        len(rows),
        len(rows) / float(frame[-1] - frame[0] + 1) if len(frame) else 0.0,
        float((poses.state != JointState.ABSENT).mean()) if len(rows) else 0.0,
        float(poses.score.mean()) if len(rows) else 0.0,
        jitter(time, xy, size),
    )


def _seen(recording: Recording, rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Those rows of a person in which it was measured, not filled in."""
    state = recording.people.state[rows]
    measured = (state != JointState.ABSENT) & (state != JointState.INTERPOLATED)
    seen: NDArray[np.intp] = rows[measured.any(axis=1)]
    return seen


def _usual(time: Floats, length: Floats) -> Floats:
    """The median length around each moment; NaN where too few others are known."""
    usual = np.full(len(time), np.nan)
    start = np.searchsorted(time, time - _WINDOW)
    end = np.searchsorted(time, time + _WINDOW, side="right")
    for n in range(len(time)):
        around = length[start[n] : end[n]]
        around = around[~np.isnan(around)]
        if len(around) >= 5:
            usual[n] = np.median(around)
    return usual


def _odd_stretches(
    person: int,
    limb: tuple[int, int],
    rows: NDArray[np.intp],
    time: Floats,
    odd: NDArray[np.bool_],
    gained: Floats,
) -> Iterator[OddLimb]:
    at = np.flatnonzero(odd)
    for stretch in np.split(at, np.flatnonzero(np.diff(time[at]) > _TOGETHER) + 1):
        if len(stretch):
            worst = stretch[int(np.argmax(gained[stretch]))]
            yield OddLimb(
                person,
                limb,
                float(time[stretch[0]]),
                float(time[stretch[-1]]),
                int(rows[worst]),
                float(gained[worst]),
            )
