"""Multi-person tracking: gives every person of a frame the id it had in the frames before.

A track is a body with a pose and a motion. For a new frame all tracks are predicted, including
the camera's own movement, and the detections are assigned to them with the best total: those of
high score before the rest. Colours tell apart people who cross, and a lost person is known again
by them. A new person gets an id once its scores add up to enough; a lost one keeps its id for some
seconds; no id is used twice.
Two passes by score after ByteTrack (Zhang et al. 2022).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engine.settings import TrackingSettings
from engine.skeleton import Skeleton
from engine.tracking.appearance import unseen
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.json_arrays import EncodedArray, decode_array, encode_array
from engine.tracking.oks import similarity
from engine.tracking.tracks import (
    Measures,
    Tracks,
    compare,
    known_size,
    learnt,
    moved_on,
    new_tracks,
)
from engine.types import UNTRACKED, Frame, Poses, no_people

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]
Colours = NDArray[np.floating]

_UNCONFIRMED_MAX_LOST = 0.25  # s: an unconfirmed track may be lost for this long
_ASSUMED = 0.2  # of the frame's shorter side: the size of a body of which one joint is known
_SAME = 0.5  # OKS with a matched person: a duplicate, not a new person


class Tracker:
    """Stage: poses without ids in, the same poses with ids out. One per source."""

    def __init__(
        self, settings: TrackingSettings, skeleton: Skeleton, *, first_id: int = 0
    ) -> None:
        """Begin without tracks; the first person gets this id, the next one more."""
        self.settings = settings
        self._skeleton = skeleton
        self._tracks = new_tracks(no_people(len(skeleton)), unseen(0, skeleton), np.zeros(0), 0.0)
        self._measures = Measures(np.array(skeleton.sigmas), np.array(skeleton.mirror), 1.0)
        self.next_id = first_id
        self._time: float | None = None  # of the last frame
        self._before = 0.0  # s, time of the frame before it
        self._segment = 0  # of the source, counted by its interruptions
        self._times: list[float] = []  # of the last frames, the newest last

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        """Give each person an id; a seek, a cut or an interruption of the source ends all tracks.

        Unconfirmed tracks keep UNTRACKED. The frame's pixels are not read.
        """
        assumed = max(_ASSUMED * min(frame.size), 1.0)
        self._measures = self._measures._replace(assumed=assumed)
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
        times = frame.time, elapsed
        self._tracks = learnt(self._tracks, (rows, tracks), poses, colours, times, assumed)
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
        tracks = self._tracks if kept.all() else self._tracks.take(kept)
        self._tracks = moved_on(tracks, dt, shift, self._measures.assumed)

    def _match(self, poses: Poses, colours: Colours) -> tuple[Rows, Rows]:
        """Rows of `poses` and the tracks they belong to, in pairs."""
        caution, before = self.settings.caution, self._before
        alike, likely = compare(self._tracks, poses.xy, colours, self._measures, before, caution)
        sure = poses.score >= self.settings.high_score_threshold
        known = self._tracks.ids != UNTRACKED
        alone, free = np.ones(len(poses), np.bool_), np.ones(len(known), np.bool_)
        rows = tracks = np.zeros(0, np.intp)
        for people, candidates in ((sure, known), (alone, known), (alone, ~known)):
            free_rows, free_tracks = (people & alone).nonzero()[0], (candidates & free).nonzero()[0]
            if not len(free_rows) or not len(free_tracks):
                continue
            block = np.ix_(free_rows, free_tracks)
            gain = np.where(alike[block] >= self.settings.min_similarity, likely[block], 0.0)
            r, t = linear_sum_assignment(gain, maximize=True)
            paired = gain[r, t] > 0
            r, t = free_rows[r[paired]], free_tracks[t[paired]]
            alone[r] = free[t] = False
            rows, tracks = np.concatenate((rows, r)), np.concatenate((tracks, t))
        return rows, tracks

    def _born(self, matched: Rows, poses: Poses, colours: Colours, first: bool) -> Rows:
        """Start tracks for people who are not duplicates of the `matched`; return their rows."""
        alone = np.ones(len(poses), np.bool_)
        alone[matched] = False
        rest = alone.nonzero()[0]
        if not len(rest):
            return rest
        again = similarity(poses.xy[rest], poses.xy[matched], self._skeleton.sigmas)
        new: Rows = rest[again.max(axis=1, initial=0.0) < _SAME]
        # In the first frame no person could have been seen before: one good detection is enough.
        evidence = poses.score[new] * (2.0 if first else 1.0)
        size = known_size(poses.xy[new], self._measures.assumed)
        born = replace(poses.take(new), score=evidence)
        fresh = new_tracks(born, colours[new], size, self._time or 0.0)
        self._tracks = self._tracks.join(fresh)
        return new

    def _number(self) -> None:
        """Give ids to the unconfirmed tracks whose scores add up to enough."""
        ready = np.flatnonzero(
            (self._tracks.ids == UNTRACKED)
            & (self._tracks.evidence >= self.settings.track_init_score)
        )
        if not len(ready):
            return
        ids = self._tracks.ids.copy()
        ids[ready] = np.arange(self.next_id, self.next_id + len(ready))
        self.next_id += len(ready)
        self._tracks = replace(self._tracks, ids=ids)
