"""Multi-person tracking: gives every person of a frame the id it had in the frames before.

A track is a body with a pose and a motion. For a new frame all tracks are predicted, including
the camera's own movement, and the detections are assigned to them with the best total: those of
high score before the rest. Colours tell apart people who cross, and a lost person is known again
by them. A new person gets an id once its scores add up to enough; a lost one keeps its id for some
seconds; no id is used twice.
Two passes by score after ByteTrack (Zhang et al. 2022).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engine.settings import TrackingSettings
from engine.skeleton import Skeleton
from engine.tracking.appearance import unlikeness, unseen
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.json_arrays import EncodedArray, decode_array, encode_array
from engine.tracking.kalman import NOISE, Motion, at_rest, correct, predict
from engine.tracking.oks import body_size, similarity
from engine.types import UNTRACKED, Frame, Poses, no_people

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Colours = NDArray[np.floating]

_UNCONFIRMED_MAX_LOST = 0.25  # s: an unconfirmed track may be lost for this long
_MIRRORED = 0.85  # a pose with left and right swapped counts as this much of a match
_ASSUMED = 0.2  # of the frame's shorter side: the size of a body of which one joint is known
_OTHER_CLOTHES = 0.2  # of full brightness: colours so far apart are e times less likely
_LEAST_TRUST = 0.4  # however unlike the colours: bodies overlap, lights go out
_KNOWN_AGAIN = 0.2  # how much colours alone count, beside place and pose
_STRAY, _STRAY_SPEED = 0.4, 1.0  # body sizes, and that per s: how far off a lost person may appear
_CHANGE_OF_LOOK = 1.0  # s: what people look like is learnt over so long, and not from one crossing
_SAME = 0.5  # OKS with a matched person: a duplicate, not a new person


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


class Tracker:
    """Stage: poses without ids in, the same poses with ids out. One per source."""

    def __init__(
        self, settings: TrackingSettings, skeleton: Skeleton, *, first_id: int = 0
    ) -> None:
        """Begin without tracks; the first person gets this id, the next one more."""
        self.settings = settings
        self._sigmas = skeleton.sigmas
        self._mirror = list(skeleton.mirror)
        self._skeleton = skeleton
        self._tracks = _new_tracks(no_people(len(skeleton)), unseen(0, skeleton), np.zeros(0), 0.0)
        self._assumed = 1.0  # px, body size where the joints cannot tell it
        self.next_id = first_id
        self._time: float | None = None  # of the last frame
        self._before = 0.0  # s, time of the frame before it
        self._segment = 0  # of the source, counted by its interruptions
        self._times: list[float] = []  # of the last frames, the newest last

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        """Give each person an id; a seek, a cut or an interruption of the source ends all tracks.

        Unconfirmed tracks keep UNTRACKED. The frame's pixels are not read.
        """
        self._assumed = max(_ASSUMED * min(frame.size), 1.0)
        broken = camera.cut or frame.segment != self._segment
        first = self._time is None or frame.time < self._time or broken
        if self._time is None or first:
            self._tracks, self._time = self._tracks.take(np.zeros(0, np.intp)), frame.time
            self._times = []
        elapsed, self._before = frame.time - self._time, self._time
        self._advance(elapsed, camera.shift)
        self._time, self._segment = frame.time, frame.segment
        frames = self.settings.max_lost_frames
        self._times = [*self._times, frame.time][-frames:] if frames else []
        colours = poses.appearance
        if colours is None:
            colours = unseen(len(poses), self._skeleton)
        rows, tracks = self._match(poses, colours)
        self._update(rows, tracks, poses, colours, elapsed)
        born = self._born(rows, poses, colours, first)
        ids = np.full(len(poses), UNTRACKED, np.int32)
        self._number()
        ids[rows] = self._tracks.ids[tracks]
        ids[born] = self._tracks.ids[len(self._tracks.ids) - len(born) :]
        return replace(poses, ids=ids, appearance=None)

    def state(self) -> EncodedArray:
        """The tracker's state, for `restore` on another one with the same settings."""
        tracks = {name: encode_array(column) for name, column in self._tracks.columns().items()}
        return {
            "tracks": tracks,
            "next_id": self.next_id,
            "time": self._time,
            "segment": self._segment,
            "times": self._times,
        }

    def restore(self, state: EncodedArray) -> None:
        """Continue exactly from a `state`."""
        self._tracks = Tracks(
            **{name: decode_array(column) for name, column in state["tracks"].items()}
        )
        self.next_id, self._time, self._segment = state["next_id"], state["time"], state["segment"]
        self._times = list(state["times"])

    def _advance(self, dt: float, shift: Floats) -> None:
        """Predict all tracks `dt` s ahead; remove those lost for too long."""
        now = (self._time or 0.0) + dt
        known = self._tracks.ids != UNTRACKED
        allowed = np.where(
            known, self.settings.max_lost, min(_UNCONFIRMED_MAX_LOST, self.settings.max_lost)
        )
        # Where frames are rare, a person may miss some of them, however long that takes. The last
        # frame's newcomers get their second chance in any case.
        oldest = self._times[0] if self._times else np.inf
        few = self._tracks.seen >= np.where(known, oldest, self._time or 0.0)
        kept = (now - self._tracks.seen <= allowed) | few
        tracks = self._tracks.take(kept)
        motion = Motion(tracks.velocity, tracks.cov)
        moved, motion = predict(motion, dt, self._size(tracks.xy))
        xy = tracks.xy + (moved + shift)[:, None]
        self._tracks = replace(tracks, xy=xy, velocity=motion.velocity, cov=motion.cov)

    def _match(self, poses: Poses, colours: Colours) -> tuple[Rows, Rows]:
        """Rows of `poses` and the tracks they belong to, in pairs."""
        alike, likely = self._compare(poses.xy, colours)
        sure = poses.score >= self.settings.high_score_threshold
        known = self._tracks.ids != UNTRACKED
        alone, free = np.ones(len(poses), np.bool_), np.ones(len(known), np.bool_)
        rows = tracks = np.zeros(0, np.intp)
        for people, candidates in ((sure, known), (alone, known), (alone, ~known)):
            free_rows = np.flatnonzero(people & alone)
            free_tracks = np.flatnonzero(candidates & free)
            if not len(free_rows) or not len(free_tracks):
                continue
            block = np.ix_(free_rows, free_tracks)
            gain = np.where(alike[block] >= self.settings.min_similarity, likely[block], 0.0)
            r, t = linear_sum_assignment(gain, maximize=True)
            r, t = r[gain[r, t] > 0], t[gain[r, t] > 0]
            alone[free_rows[r]] = free[free_tracks[t]] = False
            rows, tracks = np.append(rows, free_rows[r]), np.append(tracks, free_tracks[t])
        return rows, tracks

    def _compare(self, xy: NDArray[np.float32], colours: Colours) -> tuple[Floats, Floats]:
        """How alike (P, N) people and tracks are, 0..1, and how likely they are the same.

        A track may be off as a whole by as much as its motion is uncertain, and is compared at the
        best place within that. The likelihood prefers, of two tracks as alike, the one whose
        place is better known and whose colours agree.
        """
        tracks = self._tracks
        size = self._known(np.maximum(body_size(xy)[:, None], body_size(tracks.xy)[None]))
        where = tracks.cov[None, :, 0]  # variance of the place, px²
        noise = np.maximum((NOISE * size) ** 2, 1.0)
        away = _middle(xy[:, None] - tracks.xy[None])  # (P, N, 2)
        moved = away * (where / (where + noise))[..., None]
        plausible = np.exp(-(moved**2).sum(axis=2) / (2 * where))
        best = [
            similarity(xy[:, order], tracks.xy, self._sigmas, size, moved) * worth
            for order, worth in ((slice(None), 1.0), (self._mirror, _MIRRORED))
        ]
        alike = plausible * np.maximum(*best)
        likely = alike * (noise / (noise + where)) ** self.settings.caution
        worn = np.exp(-((unlikeness(colours, tracks.colours) / _OTHER_CLOTHES) ** 2))
        trust = np.maximum(np.nan_to_num(worn, nan=1.0), _LEAST_TRUST)
        again = np.nan_to_num(worn) * self._within_reach(away, size)
        return np.maximum(alike, again), np.maximum(likely * trust, _KNOWN_AGAIN * again)

    def _within_reach(self, away: Floats, size: Floats) -> Floats:
        """(P, N) whether a track that is lost may have come this far, 0..1; 0 for the others.

        People who were hidden turn, stop and walk on, so neither pose nor motion need agree.
        """
        lost = self._before - self._tracks.seen
        reach = size * (_STRAY + _STRAY_SPEED * np.maximum(lost, 0.0))
        near: Floats = np.exp(-(away**2).sum(axis=2) / reach**2)
        return near * (lost > 0)

    def _update(
        self, rows: Rows, tracks: Rows, poses: Poses, colours: Colours, elapsed: float
    ) -> None:
        """Update the matched tracks with their detections."""
        old = self._tracks
        xy, known = poses.xy[rows].astype(np.float64), old.xy[tracks]
        away = _middle(xy - known)
        noise = np.maximum((NOISE * self._size(known)) ** 2, 1.0)
        motion = Motion(old.velocity[tracks], old.cov[tracks])
        moved, motion = correct(motion, away, noise)
        new = {name: column.copy() for name, column in old.columns().items()}
        new["xy"][tracks] = np.where(np.isnan(xy), known + moved[:, None], xy)
        new["velocity"][tracks], new["cov"][tracks] = motion
        new["seen"][tracks] = self._time
        new["evidence"][tracks] += poses.score[rows]
        new["colours"][tracks] = _blended(old.colours[tracks], colours[rows], elapsed)
        self._tracks = Tracks(**new)

    def _born(self, matched: Rows, poses: Poses, colours: Colours, first: bool) -> Rows:
        """Start tracks for people who are not duplicates of the `matched`; return their rows."""
        rest = np.setdiff1d(np.arange(len(poses), dtype=np.intp), matched)
        if not len(rest):
            return rest
        again = similarity(poses.xy[rest], poses.xy[matched], self._sigmas)
        new: Rows = rest[again.max(axis=1, initial=0.0) < _SAME]
        # In the first frame no person could have been seen before: one good detection is enough.
        evidence = poses.score[new] * (2.0 if first else 1.0)
        size = self._size(poses.xy[new])
        born = replace(poses.take(new), score=evidence)
        fresh = _new_tracks(born, colours[new], size, self._time or 0.0)
        self._tracks = self._tracks.join(fresh)
        return new

    def _size(self, xy: NDArray[np.floating]) -> Floats:
        """(P,) px, the body sizes of (P, K, 2) poses; never 0."""
        return self._known(body_size(xy))

    def _known(self, size: Floats) -> Floats:
        """Body sizes, with the assumed one where fewer than two joints are known."""
        return np.where(size > 0, size, self._assumed)

    def _number(self) -> None:
        """Give ids to the unconfirmed tracks whose scores add up to enough."""
        ids = self._tracks.ids.copy()
        ready = np.flatnonzero(
            (ids == UNTRACKED) & (self._tracks.evidence >= self.settings.track_init_score)
        )
        ids[ready] = np.arange(self.next_id, self.next_id + len(ready))
        self.next_id += len(ready)
        self._tracks = replace(self._tracks, ids=ids)


def _new_tracks(poses: Poses, colours: Colours, size: Floats, time: float) -> Tracks:
    xy, evidence = poses.xy.astype(np.float64), poses.score.astype(np.float64)
    ids, seen = np.full(len(xy), UNTRACKED, np.int32), np.full(len(xy), time)
    return Tracks(ids, xy, *at_rest(size), seen, evidence, colours.astype(np.float64))


def _blended(known: Colours, seen: Colours, elapsed: float) -> Floats:
    """(n, L, 3) what is known `elapsed` s on; of a limb that one of them lacks, the other's."""
    share = 1 - np.exp(-elapsed / _CHANGE_OF_LOOK)
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
