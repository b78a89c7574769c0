"""Stitching: joins the pieces of tracks that were lost, once the recording is complete.

The tracker has to decide at once; here both ends of a gap are known. Two pieces are joined if the
second begins soon after, where the first was heading, at the same size. The frames in which a new
person had no id yet are given to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from engine.offline.recording import Recording
from engine.tracking.oks import body_size, similarity
from engine.types import UNTRACKED

Floats = NDArray[np.float64]

_ALIKE = 0.3  # OKS between a track's first pose and the one without id just before
_BEFORE = 0.3  # s between the two at most
_AIM = 0.5  # s of a track's end from which its heading is taken
_CLOSE = 0.35  # body sizes: how far apart the two predictions may be at a gap of 0
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
        ids, row = np.unique(whole.people.ids, return_inverse=True)
        joined = np.array([_first(joins, i) for i in ids.tolist()], np.int32)
        whole = replace(whole, people=replace(whole.people, ids=joined[row]))
    return whole


def _adopt(recording: Recording) -> Recording:
    """Give each track the poses without id that precede its first one."""
    people, ids = recording.people, recording.people.ids.copy()
    for person, rows in recording.rows_by_id().items():
        row = int(rows[0])
        while (before := _preceding(recording, ids, row)) is not None:
            ids[before] = person
            row = before
    return replace(recording, people=replace(people, ids=ids))


def _preceding(recording: Recording, ids: NDArray[np.int32], row: int) -> int | None:
    """The pose without id shortly before this row that is most like it."""
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
    """Later id -> the earlier id that it continues, each used once on either side."""
    tracks = recording.rows_by_id()
    ids, both = list(tracks), [ends(recording, rows) for rows in tracks.values()]
    edges = edges_of(recording, tracks.values())
    shot = shots(edges)
    pairs, gains = [], []
    for i, j in close_in_time(both, longest):
        # From one frame to the next the tracker had compared both, and found them unlike.
        apart = edges[j, 0] - edges[i, 1] > 1 and shot[j, 0] == shot[i, 1]
        if apart and recording.segment[edges[i, 1]] == recording.segment[edges[j, 0]]:
            gain = affinity(both[i][1], both[j][0])
            if gain > 0:
                pairs.append((i, j))
                gains.append(gain)
    return {ids[j]: ids[i] for i, j in _assigned(pairs, gains, len(ids))}


def edges_of(recording: Recording, tracks: Iterable[NDArray[np.intp]]) -> NDArray[np.int64]:
    """(N, 2) first and last frame of each track, given by its rows."""
    return np.array([recording.frame[rows[[0, -1]]] for rows in tracks]).reshape(-1, 2)


def shots(edges: NDArray[np.int64]) -> NDArray[np.intp]:
    """Which shot of an edited video each track begins and ends in.

    At a cut the tracker ends all tracks, so it shows where two or more end, others begin in the
    next frame, and none goes on.

    Args:
        edges: (N, 2) first and last frame of each track.

    Returns:
        (N, 2) numbers of shots, rising with the frames.
    """
    first, last = np.sort(edges, axis=0).T
    starts = np.unique(first)
    begun, over = np.searchsorted(first, starts), np.searchsorted(last, starts)  # before them
    ended = over - np.searchsorted(last, starts - 1)
    return np.searchsorted(starts[(begun == over) & (ended > 1)], edges, side="right")


def close_in_time(tracks: Sequence[tuple[End, End]], longest: float) -> Iterator[tuple[int, int]]:
    """All pairs (i, j) in which track j begins when i has ended, at most `longest` s later."""
    starts = np.array([start.time for start, _ in tracks])
    stops = np.array([end.time for _, end in tracks])
    order = np.argsort(starts, kind="stable")
    first = np.searchsorted(starts[order], stops)
    last = np.searchsorted(starts[order], stops + longest * (1 + 1e-9), side="right")
    for i, (a, b) in enumerate(zip(first.tolist(), last.tolist(), strict=True)):
        for j in sorted(order[a:b].tolist()):
            if i != j and starts[j] - stops[i] <= longest:
                yield i, j


def _assigned(
    pairs: Sequence[tuple[int, int]], gains: Sequence[float], count: int
) -> Iterator[tuple[int, int]]:
    """The pairs with the largest total gain in which each track ends and begins once.

    Tracks that no chain of pairs connects do not compete, so each such group is solved alone.
    """
    if not pairs:
        return
    i, j = np.array(pairs).T
    graph = coo_array((np.ones(len(pairs)), (i, count + j)), shape=(2 * count, 2 * count))
    group = connected_components(graph, directed=False)[1][i]
    order = np.argsort(group, kind="stable")
    for inside in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        rows, row = np.unique(i[inside], return_inverse=True)
        columns, column = np.unique(j[inside], return_inverse=True)
        gain = np.zeros((len(rows), len(columns)))
        gain[row, column] = np.asarray(gains)[inside]
        for r, c in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
            if gain[r, c] > 0:
                yield int(rows[r]), int(columns[c])


def affinity(end: End, start: End) -> float:
    """How well a track that starts continues one that ended, 0 (not at all) to 1."""
    gap = start.time - end.time
    size = (end.size + start.size) / 2
    if max(end.size, start.size) > _RATIO * min(end.size, start.size):
        return 0.0
    # Extrapolate forwards from one and backwards from the other to the middle of the gap. People
    # stop and turn, so the longer the gap, the less the heading counts.
    reach = min(gap / 2, 0.5)
    apart = (start.place - start.velocity * reach) - (end.place + end.velocity * reach)
    away = float(np.hypot(*apart)) / max(size, 1.0)
    return max(0.0, 1.0 - away / (_CLOSE + _WANDER * gap))


def ends(recording: Recording, rows: NDArray[np.intp]) -> tuple[End, End]:
    """How the track with these rows begins and how it ends."""
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
