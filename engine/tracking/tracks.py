"""What a tracker knows of people, as parallel arrays: moved on in time, compared, and learning.

Compiled loops do the same where the package was built with them: of five people, nearly all the
time that NumPy takes goes into its calls.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.tracking.appearance import unlikeness
from engine.tracking.compiled import compiled_loops
from engine.tracking.kalman import NOISE, WANDER, Motion, at_rest, correct, fade, predict
from engine.tracking.oks import NARROWEST, body_size, similarity
from engine.types import UNTRACKED, Poses

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Colours = NDArray[np.floating]

_MIRRORED = 0.85  # a pose with left and right swapped counts as this much of a match
_OTHER_CLOTHES = 0.2  # of full brightness: colours so far apart are e times less likely
_LEAST_TRUST = 0.4  # however unlike the colours: bodies overlap, lights go out
_KNOWN_AGAIN = 0.2  # how much colours alone count, beside place and pose
_STRAY, _STRAY_SPEED = 0.4, 1.0  # body sizes, and that per s: how far off a lost person may appear
_CHANGE_OF_LOOK = 1.0  # s: what people look like is learnt over so long, and not from one crossing


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """N tracks, confirmed or not, as parallel arrays."""

    ids: NDArray[np.int32]  # (N,) UNTRACKED while unconfirmed
    xy: Floats  # (N, K, 2) image pixels; NaN for a joint never seen
    velocity: Floats  # (N, 2) px/s
    cov: Floats  # (N, 3) see kalman.Motion
    seen: Floats  # (N,) s, frame time of the last detection
    evidence: Floats  # (N,) sum of the scores of all detections
    colours: Floats  # (N, L, 3) colours, see appearance.py; NaN for a limb never seen

    def columns(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    def take(self, rows: Rows | NDArray[np.bool_]) -> Tracks:
        """The tracks of these rows."""
        return Tracks(**{name: column[rows] for name, column in self.columns().items()})

    def join(self, more: Tracks) -> Tracks:
        """These tracks and then those."""
        other = more.columns()
        both = {name: np.concatenate([c, other[name]]) for name, c in self.columns().items()}
        return Tracks(**both)


def new_tracks(poses: Poses, colours: Colours, size: Floats, time: float) -> Tracks:
    """Tracks of people seen for the first time; size: (P,) px; time: s."""
    xy, evidence = poses.xy.astype(np.float64), poses.score.astype(np.float64)
    ids, seen = np.full(len(xy), UNTRACKED, np.int32), np.full(len(xy), time)
    return Tracks(ids, xy, *at_rest(size), seen, evidence, colours.astype(np.float64))


class Measures(NamedTuple):
    """What people are measured by."""

    sigmas: Floats  # (K,)
    mirror: Rows  # (K,)
    assumed: float  # px, body size where the joints cannot tell it


def moved_on(tracks: Tracks, dt: float, shift: Floats, assumed: float) -> Tracks:
    """The tracks `dt` s later, when the camera has moved the picture by `shift` (2,) px.

    Args:
        assumed: see `Measures`.
    """
    loops = compiled_loops()
    if loops:
        new = tracks.xy.copy(), tracks.velocity.copy(), tracks.cov.copy()
        kept, reach = fade(dt)
        powers = 2 * reach, reach**2, kept, kept**2, reach, dt, dt**2, dt**3
        loops.move_on(new, powers, shift, WANDER, (assumed, NARROWEST))
        return replace(tracks, xy=new[0], velocity=new[1], cov=new[2])
    motion = Motion(tracks.velocity, tracks.cov)
    moved, motion = predict(motion, dt, known_size(tracks.xy, assumed))
    xy = tracks.xy + (moved + shift)[:, None]
    return replace(tracks, xy=xy, velocity=motion.velocity, cov=motion.cov)


def compare(
    tracks: Tracks,
    xy: NDArray[np.float32],
    colours: Colours,
    measures: Measures,
    before: float,
    caution: float,
) -> tuple[Floats, Floats]:
    """How alike (P, N) people and tracks are, 0..1, and how likely they are the same.

    A track may be off as a whole by as much as its motion is uncertain, and is compared at the
    best place within that. The likelihood prefers, of two tracks as alike, the one whose
    place is better known and whose colours agree.

    Args:
        tracks: of now; xy: (P, K, 2) the people; colours: (P, L, 3) theirs.
        before: s, time of the frame before: who was not seen in it is lost.
        caution: see the settings.
    """
    loops = compiled_loops()
    if loops:
        known = tracks.xy, tracks.cov, tracks.seen, tracks.colours, measures.sigmas, measures.mirror
        numbers = before, measures.assumed, NARROWEST, NOISE, _STRAY, _STRAY_SPEED, _OTHER_CLOTHES
        worth = _MIRRORED, _LEAST_TRUST, _KNOWN_AGAIN
        return loops.likeness(xy, colours, known, numbers, caution, worth)
    size = np.maximum(body_size(xy)[:, None], body_size(tracks.xy)[None])
    size = np.where(size > 0, size, measures.assumed)
    where = tracks.cov[None, :, 0]  # variance of the place, px²
    noise = np.maximum((NOISE * size) ** 2, 1.0)
    away = _middle(xy[:, None] - tracks.xy[None])  # (P, N, 2)
    moved = away * (where / (where + noise))[..., None]
    plausible = np.exp(-(moved**2).sum(axis=2) / (2 * where))
    sigmas = measures.sigmas.tolist()
    best = [
        similarity(xy[:, order], tracks.xy, sigmas, size, moved) * worth
        for order, worth in ((slice(None), 1.0), (measures.mirror, _MIRRORED))
    ]
    alike = plausible * np.maximum(*best)
    likely = alike * (noise / (noise + where)) ** caution
    worn = np.exp(-((unlikeness(colours, tracks.colours) / _OTHER_CLOTHES) ** 2))
    trust = np.maximum(np.nan_to_num(worn, nan=1.0), _LEAST_TRUST)
    again = np.nan_to_num(worn) * _within_reach(before - tracks.seen, away, size)
    return np.maximum(alike, again), np.maximum(likely * trust, _KNOWN_AGAIN * again)


def learnt(
    tracks: Tracks,
    which: tuple[Rows, Rows],
    poses: Poses,
    colours: Colours,
    times: tuple[float, float],
    assumed: float,
) -> Tracks:
    """The tracks after some people were found again.

    Args:
        which: rows of `poses`, and of the tracks that they are, in pairs.
        poses: the people of the frame; colours: (P, L, 3) theirs.
        times: s, of the frame, and since the frame before.
        assumed: see `Measures`.
    """
    rows, found = which
    share = float(1 - np.exp(-times[1] / _CHANGE_OF_LOOK))
    new = {name: column.copy() for name, column in tracks.columns().items()}
    new["seen"][found] = times[0]
    loops = compiled_loops()
    if loops:
        columns = [new[name] for name in ("xy", "velocity", "cov", "evidence", "colours")]
        people = poses.xy, colours, poses.score
        loops.learn(columns, which, people, share, (assumed, NARROWEST, NOISE))
        return Tracks(**new)
    xy, known = poses.xy[rows].astype(np.float64), tracks.xy[found]
    noise = np.maximum((NOISE * known_size(known, assumed)) ** 2, 1.0)
    motion = Motion(tracks.velocity[found], tracks.cov[found])
    moved, motion = correct(motion, _middle(xy - known), noise)
    new["xy"][found] = np.where(np.isnan(xy), known + moved[:, None], xy)
    new["velocity"][found], new["cov"][found] = motion
    new["evidence"][found] += poses.score[rows]
    new["colours"][found] = _blended(tracks.colours[found], colours[rows], share)
    return Tracks(**new)


def known_size(xy: NDArray[np.floating], assumed: float) -> Floats:
    """(P,) px, the sizes of (P, K, 2) poses; never 0: see `Measures`."""
    size = body_size(xy)
    return np.where(size > 0, size, assumed)


def _within_reach(lost: Floats, away: Floats, size: Floats) -> Floats:
    """(P, N) whether a track lost for so long, s, may have come this far, 0..1.

    0 for those not lost. People who were hidden turn, stop and walk on, so neither pose nor
    motion need agree.
    """
    reach = size * (_STRAY + _STRAY_SPEED * np.maximum(lost, 0.0))
    near: Floats = np.exp(-(away**2).sum(axis=2) / reach**2)
    return near * (lost > 0)


def _blended(known: Colours, seen: Colours, share: float) -> Floats:
    """(n, L, 3) known colours, with a share of new ones; of a limb one lacks, the other's."""
    both = known + share * (seen - known)
    return np.where(np.isnan(both), np.where(np.isnan(known), seen, known), both)


def _middle(away: NDArray[np.floating]) -> Floats:
    """The median of (…, K, 2) over the joints, NaN left out; 0 where all are."""
    count = (~np.isnan(away[..., 0])).sum(axis=-1)
    ordered = np.sort(away.astype(np.float64), axis=-2)  # NaN goes last
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    pick = [
        np.take_along_axis(ordered, i[..., None, None], axis=-2)[..., 0, :]
        for i in (low, np.minimum(high, away.shape[-2] - 1))
    ]
    return np.where(count[..., None] > 0, (pick[0] + pick[1]) / 2, 0.0)
