"""Who is who: gives every person of a frame the id it had in the frames before.

A track is a person as last seen. Detections are matched to tracks by the similarity of the poses,
best total first; a person out of sight keeps the id for some seconds, and no id is used twice.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from engine.oks import body_size, similarity
from engine.packing import Packed, pack, unpack
from engine.settings import TrackingSettings
from engine.skeleton import Skeleton
from engine.types import Frame, Poses


@dataclass(slots=True)
class Track:
    """One person as last seen."""

    id: int
    xy: NDArray[np.float32]  # (K, 2) image pixels; the last known place of each joint, NaN: none
    seen: float  # frame time, seconds


class Tracker:
    """Stage: poses without ids in, the same poses with ids out. One per source."""

    def __init__(self, settings: TrackingSettings, skeleton: Skeleton) -> None:
        self.settings = settings
        self._sigmas = skeleton.sigmas
        self._tracks: list[Track] = []
        self._next_id = 0
        self._time = -np.inf

    def __call__(self, frame: Frame, poses: Poses) -> Poses:
        """Give each person an id; time running backwards (a loop, a seek) forgets everyone."""
        if frame.time < self._time:
            self._tracks = []
        self._time = frame.time
        oldest = frame.time - self.settings.memory
        self._tracks = [track for track in self._tracks if track.seen >= oldest]
        ids = np.empty(len(poses), np.int32)
        matched = dict(self._match(poses))
        for row in range(len(poses)):
            track = self._tracks[matched[row]] if row in matched else self._born(poses.xy[row])
            track.xy = np.where(np.isnan(poses.xy[row]), track.xy, poses.xy[row])
            track.seen = frame.time
            ids[row] = track.id
        return replace(poses, ids=ids)

    def state(self) -> Packed:
        """Everything this tracker knows, for `restore` on another one with the same settings."""
        tracks = [{"id": t.id, "xy": pack(t.xy), "seen": t.seen} for t in self._tracks]
        time = self._time if np.isfinite(self._time) else None
        return {"tracks": tracks, "next_id": self._next_id, "time": time}

    def restore(self, state: Packed) -> None:
        """Go on exactly where the tracker stood that gave this `state`."""
        self._tracks = [Track(t["id"], unpack(t["xy"]), t["seen"]) for t in state["tracks"]]
        self._next_id = state["next_id"]
        self._time = -np.inf if state["time"] is None else state["time"]

    def _match(self, poses: Poses) -> list[tuple[int, int]]:
        """Pairs (row of poses, index of track), each used at most once."""
        if not self._tracks or not len(poses):
            return []
        known = np.stack([track.xy for track in self._tracks])
        size = np.maximum(body_size(poses.xy)[:, None], body_size(known)[None])
        alike = similarity(poses.xy, known, self._sigmas, size)
        alike[alike < self.settings.min_similarity] = 0.0
        pairs = zip(*linear_sum_assignment(alike, maximize=True), strict=True)
        return [(int(row), int(track)) for row, track in pairs if alike[row, track] > 0]

    def _born(self, xy: NDArray[np.float32]) -> Track:
        track = Track(self._next_id, xy, self._time)
        self._next_id += 1
        self._tracks.append(track)
        return track
