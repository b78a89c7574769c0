"""A second look at the ids of a finished recording: joins the pieces of tracks that were lost.

The tracker has to decide at once; here both ends of a gap are known. A piece goes on in another if
that begins, soon after, where the first was heading and came from, at the same size. The frames in
which a newcomer had no id yet are given to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engine.offline.recording import Recording
from engine.tracking.oks import body_size, similarity
from engine.types import UNTRACKED

Floats = NDArray[np.float64]

_ALIKE = 0.3  # OKS between a newcomer's first pose and the unnumbered one just before
_BEFORE = 0.3  # s between the two at most
_AIM = 0.5  # s of a track's end from which its heading is taken
_CLOSE = 0.35  # body sizes: how far the two predictions may be apart when the gap is nought
_WANDER = 0.7  # body sizes per second of gap added to that
_RATIO = 1.45  # the larger body divided by the smaller


@dataclass(frozen=True, slots=True)
class End:
    """The beginning or the end of a piece of track."""

    time: float
    place: Floats  # (2,) middle of the body, pixels
    velocity: Floats  # (2,) pixels per second
    size: float  # pixels


def stitch(recording: Recording, longest: float) -> Recording:
    """Join pieces of tracks over gaps of at most `longest` seconds; the earlier id stays."""
    whole = _adopt(recording)
    while joins := _joins(whole, longest):
        ids = whole.people.ids.copy()
        for later, earlier in joins.items():
            ids[whole.people.ids == later] = _first(joins, earlier)
        whole = replace(whole, people=replace(whole.people, ids=ids))
    return whole


def _adopt(recording: Recording) -> Recording:
    """Give newcomers the unnumbered poses that precede their first one."""
    people, ids = recording.people, recording.people.ids.copy()
    for person in recording.ids:
        row = int(recording.rows_of(person)[0])
        while (before := _preceding(recording, ids, row)) is not None:
            ids[before] = person
            row = before
    return replace(recording, people=replace(people, ids=ids))


def _preceding(recording: Recording, ids: NDArray[np.int32], row: int) -> int | None:
    """The unnumbered pose shortly before this row that is most like it."""
    frame = recording.frame[row]
    now, segment = recording.time[frame], recording.segment[frame]
    first = np.searchsorted(recording.time, now - _BEFORE)
    start, end = np.searchsorted(recording.frame, (max(first, frame - 8), frame))
    rows = np.arange(start, end)[::-1]  # the latest first
    rows = rows[(ids[rows] == UNTRACKED) & (recording.segment[recording.frame[rows]] == segment)]
    if not len(rows):
        return None
    people = recording.people
    same = recording.frame[rows] == recording.frame[rows[0]]
    rows = rows[same]
    alike = similarity(people.raw_xy[rows], people.raw_xy[[row]], recording.skeleton.sigmas)[:, 0]
    best = int(np.argmax(alike))
    return int(rows[best]) if alike[best] >= _ALIKE else None


def _joins(recording: Recording, longest: float) -> dict[int, int]:
    """Later id -> the earlier id that it goes on from, each used once on either side."""
    ids = recording.ids
    both = [ends(recording, person) for person in ids]
    frames = [recording.frame[recording.rows_of(p)][[0, -1]] for p in ids]
    segments = [recording.segment[f] for f in frames]
    gain = np.zeros((len(ids), len(ids)))  # [earlier, later]
    for i, (_, end) in enumerate(both):
        for j, (start, _) in enumerate(both):
            # From one frame to the next the tracker had both in sight, and found them unlike.
            apart = frames[j][0] - frames[i][1] > 1 and start.time - end.time <= longest
            if apart and segments[i][1] == segments[j][0]:
                gain[i, j] = affinity(end, start)
    pairs = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return {ids[j]: ids[i] for i, j in pairs if gain[i, j] > 0}


def affinity(end: End, start: End) -> float:
    """How well a track that ended goes on in one that starts, 0 (not at all) to 1."""
    gap = start.time - end.time
    size = (end.size + start.size) / 2
    if max(end.size, start.size) > _RATIO * min(end.size, start.size):
        return 0.0
    # Heading forwards from one and backwards from the other, meet in the middle. People stop and
    # turn, so the farther away the middle is, the less the heading counts.
    reach = min(gap / 2, 0.5)
    apart = (start.place - start.velocity * reach) - (end.place + end.velocity * reach)
    away = float(np.hypot(*apart)) / max(size, 1.0)
    return max(0.0, 1.0 - away / (_CLOSE + _WANDER * gap))


def ends(recording: Recording, person: int) -> tuple[End, End]:
    """How a person's track begins and how it ends."""
    rows = recording.rows_of(person)
    return _end(recording, rows, first=True), _end(recording, rows, first=False)


def _end(recording: Recording, rows: NDArray[np.intp], *, first: bool) -> End:
    """Place and heading at one end, from a straight line through the poses near it."""
    time = recording.time[recording.frame[rows]]
    at = float(time[0] if first else time[-1])
    near = rows[np.abs(time - at) <= _AIM]
    time = recording.time[recording.frame[near]] - at
    xy = recording.people.raw_xy[near].astype(np.float64)
    xy = xy[:, ~np.isnan(xy[..., 0]).all(axis=0)]
    size = float(np.median(body_size(xy)))
    # The joints are not the same in every pose: each has its own place but all one velocity.
    centred = xy - np.nanmean(xy, axis=0, keepdims=True)
    there = ~np.isnan(centred[..., 0])
    when = np.where(there, time[:, None], np.nan)
    when = when - np.nanmean(when, axis=0, keepdims=True)
    spread = float(np.nansum(when**2))
    velocity = np.nansum(when[..., None] * centred, axis=(0, 1)) / spread if spread > 0 else 0.0
    middle = np.nanmedian(xy - velocity * time[:, None, None], axis=(0, 1))
    return End(at, middle, np.broadcast_to(np.asarray(velocity, np.float64), (2,)), size)


def _first(joins: dict[int, int], person: int) -> int:
    """The id at the beginning of the chain that this one is in."""
    while person in joins:
        person = joins[person]
    return person
