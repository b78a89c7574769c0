"""Postprocessing of a complete recording: filling gaps and smoothing without lag.

Both start from the positions as measured (`raw_xy`, which stays) and write the derived `xy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.signal import butter, filtfilt

from engine.offline.recording import Recording, concatenate
from engine.offline.stitching import stitch
from engine.settings import OfflineSettings
from engine.types import UNTRACKED, JointState, Poses

Floats = NDArray[np.float64]

_ORDER = 2  # of the Butterworth filter; forwards and backwards make it 4
_EVEN = 0.02  # time stamps that differ by less than this part of a step count as even


def postprocess(recording: Recording, settings: OfflineSettings) -> Recording:
    """Apply the steps of `settings` that need the whole recording."""
    if settings.relink:
        recording = stitch(recording, settings.relink_gap)
    if settings.fill_gaps > 0:
        recording = interpolate(recording, settings.fill_gaps)
    return smooth(recording, settings.cutoff) if settings.zero_phase else recording


def interpolate(recording: Recording, longest: float) -> Recording:
    """Fill gaps of joints and of whole people up to `longest` seconds between two detections.

    New joints have the state INTERPOLATED, the smaller of the two neighbours' scores, and no raw
    position; new people likewise have the smaller person score. Positions follow a monotone cubic
    through the measured ones (Fritsch and Carlson 1980). Nothing is filled across an interruption
    of the source, or before the first and after the last detection.
    """
    kept = recording.people.ids == UNTRACKED
    frames, people = [recording.frame[kept]], [recording.people.take(kept)]
    for rows in recording.rows_by_id().values():
        frame, poses = _filled(recording, rows, longest)
        frames.append(frame)
        people.append(poses)
    joined = concatenate(people, len(recording.skeleton))
    return recording.with_people(np.concatenate(frames), joined)


def smooth(recording: Recording, cutoff: float) -> Recording:
    """Low-pass every joint forwards and backwards: no lag.

    A second-order Butterworth each way, `cutoff` in Hz, over every stretch without a gap; stretches
    too short to filter, and rates too low for the cutoff, are left as measured. Uneven time stamps
    are filtered on an even grid. Practice of biomechanics: Winter 2009.
    """
    people = recording.people
    xy = _measured(people).astype(np.float64)
    for rows in recording.rows_by_id().values():
        for joint in range(xy.shape[1]):
            for stretch in _stretches(recording, rows, xy[rows, joint, 0]):
                time = recording.time[recording.frame[stretch]]
                xy[stretch, joint] = _low_pass(time, xy[stretch, joint], cutoff)
    return replace(recording, people=replace(people, xy=xy.astype(np.float32)))


def _measured(people: Poses) -> NDArray[np.float32]:
    """Positions before any smoothing: raw ones, and interpolated ones where nothing was seen."""
    filled = (people.state == JointState.INTERPOLATED)[..., None]
    return np.where(filled & np.isnan(people.raw_xy), people.xy, people.raw_xy)


def _filled(
    recording: Recording, rows: NDArray[np.intp], longest: float
) -> tuple[NDArray[np.int64], Poses]:
    """One person's frames and poses with the gaps filled."""
    own = recording.frame[rows]
    frames = np.arange(own[0], own[-1] + 1)
    time, segment = recording.time[frames], recording.segment[frames]
    at = np.searchsorted(frames, own)
    table = _spread(recording.people.take(rows), at, len(frames))
    xy, score = table.xy.astype(np.float64), table.joint_score.copy()
    state, raw = table.state.copy(), table.raw_xy
    source = _measured(table)
    for joint in range(xy.shape[1]):
        seen = np.flatnonzero(~np.isnan(source[:, joint, 0]))
        gaps = [
            (a, b)
            for a, b in pairwise(seen)
            if b - a > 1 and time[b] - time[a] <= longest and segment[a] == segment[b]
        ]
        if not gaps:
            continue
        known = seen[np.r_[True, np.diff(time[seen]) > 0]]
        curve = PchipInterpolator(time[known], source[known, joint].astype(np.float64))
        for a, b in gaps:
            inside = slice(a + 1, b)
            xy[inside, joint] = curve(time[inside])
            score[inside, joint] = min(score[a, joint], score[b, joint])
            state[inside, joint] = JointState.INTERPOLATED
    filled = Poses(xy.astype(np.float32), score, _person_score(table), table.ids, state, raw)
    there = (state != JointState.ABSENT).any(axis=1)
    return frames[there], filled.take(there)


def _spread(poses: Poses, at: NDArray[np.intp], count: int) -> Poses:
    """One person's poses in a table of `count` frames; empty rows elsewhere."""
    joints = poses.state.shape[1]
    xy, raw = np.full((2, count, joints, 2), np.nan, np.float32)
    joint_score, state = np.zeros((count, joints), np.float32), np.zeros((count, joints), np.uint8)
    score = np.full(count, np.nan, np.float32)
    xy[at], raw[at], joint_score[at] = poses.xy, poses.raw_xy, poses.joint_score
    state[at], score[at] = poses.state, poses.score
    return Poses(xy, joint_score, score, np.full(count, poses.ids[0], np.int32), state, raw)


def _person_score(table: Poses) -> NDArray[np.float32]:
    """Scores with the unseen frames given the smaller one of their neighbours'."""
    seen = np.flatnonzero(~np.isnan(table.score))
    rows = np.arange(len(table.score))
    after = np.searchsorted(seen, rows).clip(0, len(seen) - 1)
    before = (np.searchsorted(seen, rows, side="right") - 1).clip(0)
    lower: NDArray[np.float32] = np.minimum(table.score[seen[before]], table.score[seen[after]])
    return lower


def _stretches(
    recording: Recording, rows: NDArray[np.intp], x: NDArray[np.floating]
) -> Iterator[NDArray[np.intp]]:
    """Rows of consecutive frames in which a joint is there."""
    there = rows[~np.isnan(x)]
    frame = recording.frame[there]
    breaks = (np.diff(frame) > 1) | (np.diff(recording.segment[frame]) != 0)
    yield from np.split(there, np.flatnonzero(breaks) + 1)


def _low_pass(time: Floats, xy: Floats, cutoff: float) -> Floats:
    """(n, 2) filtered; unchanged where that cannot be done."""
    count = len(time)
    if count < 4 or not (np.diff(time) > 0).all():
        return xy
    step = float(time[-1] - time[0]) / (count - 1)
    if cutoff * step >= 0.45:  # too close to the Nyquist frequency
        return xy
    b, a = butter(_ORDER, 2 * cutoff * step)
    even = np.abs(np.diff(time) - step).max() <= _EVEN * step
    grid = np.linspace(time[0], time[-1], count)
    values = xy if even else PchipInterpolator(time, xy)(grid)
    pad = min(3 * max(len(a), len(b)), count - 1)
    out: Floats = filtfilt(b, a, values, axis=0, padlen=pad)
    return out if even else np.asarray(PchipInterpolator(grid, out)(time))
