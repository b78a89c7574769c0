"""ID-switch candidates of a recording: two people who met and may have exchanged ids, a person who
jumps, an id that ends where another begins. Each has a suspicion from 0 to 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.offline.recording import Recording
from engine.offline.stitching import affinity, close_in_time, edges_of, ends, shots
from engine.tracking.oks import body_size

Floats = NDArray[np.float64]

LEAST = 0.3  # suspicion below this is not reported
_CONTACT = 1.5  # body sizes between two middles: closer is a contact
_CLOSE = 0.3  # body sizes beyond the closest distance that still count as the contact
_BESIDE = 0.6  # s before and after a contact from which paths are taken
_SOON = 1.5  # s between the end of an id and the beginning of another
_BLINK = 0.5  # s within which a person should not have jumped
_SHARED = 4  # joints in both frames needed to measure a step
_BLOCK = 64  # frames in which tracks are compared by their boxes first
_LEAP = 0.6  # body sizes from where it was heading


@dataclass(frozen=True, slots=True)
class IdSwitchCandidate:
    """A moment to look at."""

    time: float  # s
    kind: str  # "exchange", "jump" or "same"
    ids: tuple[int, ...]
    suspicion: float  # 0..1
    row: int  # of the recording, to show


@dataclass(frozen=True, slots=True)
class _Track:
    """One id as the middle of its body over time."""

    id: int
    rows: NDArray[np.intp]
    frame: NDArray[np.int64]
    time: Floats
    place: Floats  # (n, 2) px
    size: Floats  # (n,) px
    step: Floats  # (n - 1, 2) px to the next detection, of the joints in both; NaN: too few
    path: Floats  # (f, 2) px, the place at every frame from the first to the last
    sizes: Floats  # (f,) px, the size likewise


def id_switch_candidates(recording: Recording) -> list[IdSwitchCandidate]:
    """All candidates, strongest suspicion first."""
    rows = recording.rows_by_id()
    tracks = [_track(recording, *track) for track in rows.items()]
    found = [s for a, b in _meetings(tracks) for s in _exchanges(tracks[a], tracks[b])]
    found += [s for track in tracks for s in _jumps(track)]
    found += _same(recording, rows)
    return sorted((s for s in found if s.suspicion >= LEAST), key=lambda s: (-s.suspicion, s.time))


def _track(recording: Recording, person: int, rows: NDArray[np.intp]) -> _Track:
    xy = recording.people.xy[rows].astype(np.float64)
    frame = recording.frame[rows]
    place, size = _middles(xy), body_size(xy)
    step = _middles(np.diff(xy, axis=0), least=_SHARED)
    # Straight lines across gaps, for people hidden by others.
    known = ~np.isnan(place[:, 0])
    every = np.arange(frame[0], frame[-1] + 1)
    x, y, sizes = (np.interp(every, frame[known], c[known]) for c in (*place.T, size))
    path = np.stack([x, y], axis=1)
    return _Track(person, rows, frame, recording.time[frame], place, size, step, path, sizes)


def _meetings(tracks: Sequence[_Track]) -> list[tuple[int, int]]:
    """Pairs of tracks that may come into contact: in some block of frames their boxes overlap.

    A box holds all places of a track in the block and half the contact distance around them, so no
    contact is missed. Only tracks of the same block are compared.
    """
    blocks: dict[int, list[tuple[int, Floats]]] = defaultdict(list)
    for n, track in enumerate(tracks):
        around = (_CONTACT / 2 * np.maximum(track.sizes, 1.0))[:, None]
        low, high = track.path - around, track.path + around
        number = np.arange(track.frame[0], track.frame[-1] + 1) // _BLOCK
        begin = np.flatnonzero(np.diff(number, prepend=-1))
        boxes = np.hstack([np.minimum.reduceat(low, begin), -np.maximum.reduceat(high, begin)])
        for block, box in zip(number[begin].tolist(), boxes, strict=True):
            blocks[block].append((n, box))
    found: set[tuple[int, int]] = set()
    for inside in blocks.values():
        which, boxes = [n for n, _ in inside], np.array([box for _, box in inside])
        low, high = boxes[:, None, :2], -boxes[None, :, 2:]
        into = (low <= high).all(axis=2)  # [a, b]: a begins before b ends, in x and y
        a, b = np.nonzero(np.triu(into & into.T, 1))
        found.update((which[m], which[n]) for m, n in zip(a.tolist(), b.tolist(), strict=True))
    return sorted(found)


def _middles(xy: Floats, least: int = 1) -> Floats:
    """(n, 2) the median joint of each pose; NaN where fewer than `least` are there."""
    there = (~np.isnan(xy[..., 0])).sum(axis=1) >= least
    middle = np.full((len(xy), 2), np.nan)
    middle[there] = np.nanmedian(xy[there], axis=1)
    return middle


def _exchanges(a: _Track, b: _Track) -> Iterator[IdSwitchCandidate]:
    """Contacts of two people after which each continues the path of the other."""
    frames = np.arange(max(a.frame[0], b.frame[0]), min(a.frame[-1], b.frame[-1]) + 1)
    if len(frames) < 4:
        return
    (here, one), (there, other) = (_between(track, frames) for track in (a, b))
    apart = np.hypot(*(here - there).T) / np.maximum((one + other) / 2, 1)
    near = np.flatnonzero(apart < _CONTACT)
    for meeting in np.split(near, np.flatnonzero(np.diff(near) > 3) + 1):
        if not len(meeting):
            continue
        closest = apart[meeting].min()
        meeting = meeting[apart[meeting] < closest + _CLOSE]
        # The paths before and after use detections only, on either side of the contact.
        start = a.time[np.searchsorted(a.frame, frames[meeting[0]], side="right") - 1]
        end = a.time[np.searchsorted(a.frame, frames[meeting[-1]])]
        margin = _margin(a, b, float(start), float(end))
        if margin is not None:
            row = int(a.rows[np.searchsorted(a.frame, frames[meeting[-1]])])
            yield IdSwitchCandidate(float(end), "exchange", (a.id, b.id), _sigmoid(4 * margin), row)


def _between(track: _Track, frames: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Place (n, 2) and size (n,) at consecutive frames within the track."""
    inside = slice(frames[0] - track.frame[0], frames[-1] - track.frame[0] + 1)
    return track.path[inside], track.sizes[inside]


def _sigmoid(value: float) -> float:
    return float(1 / (1 + np.exp(-value)))


def _margin(a: _Track, b: _Track, start: float, end: float) -> float | None:
    """How much better the paths fit if the two were exchanged, body sizes; None: cannot tell."""
    middle = (start + end) / 2
    scale = max(float(np.nanmedian(np.concatenate([a.size, b.size]))), 1.0)
    before = [_path(t, start - _BESIDE, start, middle, scale) for t in (a, b)]
    after = [_path(t, end, end + _BESIDE, middle, scale) for t in (a, b)]
    if any(p is None for p in (*before, *after)):
        return None
    kept = _apart(before[0], after[0]) + _apart(before[1], after[1])
    swapped = _apart(before[0], after[1]) + _apart(before[1], after[0])
    return kept - swapped


def _path(track: _Track, start: float, end: float, at: float, scale: float) -> Floats | None:
    """Place, step of half a second and log size at time `at`, from a line through a stretch."""
    inside = (track.time >= start) & (track.time <= end) & ~np.isnan(track.place[:, 0])
    if inside.sum() < 3 or np.ptp(track.time[inside]) <= 0:
        return None
    size = max(float(np.median(track.size[inside])), 1.0)
    slope, place = np.polyfit(track.time[inside] - at, track.place[inside] / scale, 1)
    return np.array([*place, *(0.5 * slope), 2 * np.log(size)])


def _apart(before: Floats | None, after: Floats | None) -> float:
    assert before is not None
    assert after is not None
    return float(np.linalg.norm(before - after))


def _jumps(track: _Track) -> Iterator[IdSwitchCandidate]:
    """Steps too far for the time between them."""
    dt, step = np.diff(track.time), track.step
    with np.errstate(invalid="ignore", divide="ignore"):
        speed = step / dt[:, None]
    for n in range(1, len(dt)):
        if dt[n] <= 0 or dt[n] > _BLINK:
            continue
        recent = speed[max(0, n - 5) : n]
        recent = recent[np.isfinite(recent).all(axis=1)]
        heading = np.median(recent, axis=0) if len(recent) else np.zeros(2)
        off = np.hypot(*(step[n] - heading * dt[n])) / max(track.size[n], 1.0)
        leap = off / (_LEAP + dt[n])
        if np.isfinite(leap) and leap > 1:
            suspicion = float(1 - 0.7 / leap)
            yield IdSwitchCandidate(
                float(track.time[n + 1]), "jump", (track.id,), suspicion, int(track.rows[n + 1])
            )


def _same(
    recording: Recording, tracks: Mapping[int, NDArray[np.intp]]
) -> Iterator[IdSwitchCandidate]:
    """Ids that end where another begins soon after, within one shot of the video."""
    ids, both = list(tracks), [ends(recording, rows) for rows in tracks.values()]
    shot = shots(edges_of(recording, tracks.values()))
    for earlier, later in close_in_time(both, _SOON):
        end, start = both[earlier][1], both[later][0]
        if start.time > end.time and shot[earlier, 1] == shot[later, 0]:
            row, pair = int(tracks[ids[later]][0]), (ids[earlier], ids[later])
            yield IdSwitchCandidate(start.time, "same", pair, affinity(end, start), row)
