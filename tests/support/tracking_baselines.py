"""Two trackers to measure ours against: greedy box overlap, and plain pose similarity.

`OksTracker` is the tracker this project began with. Both have the memory that ours has and give
an id to everything they see.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from engine.skeleton import COCO
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.oks import body_size, similarity
from engine.types import Frame, Poses


class _Remembering:
    """Matches people to where they were last; subclasses say how alike two people are."""

    threshold: float

    def __init__(self, max_lost: float = 1.0) -> None:
        self.max_lost, self.next_id = max_lost, 0
        self.known: list[tuple[int, np.ndarray, float]] = []  # id, last place of each joint, time

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        self.known = [k for k in self.known if k[2] >= frame.time - self.max_lost]
        matched: dict[int, int] = {}
        if self.known and len(poses):
            alike = self.alike(poses.xy, np.stack([k[1] for k in self.known]))
            matched = {r: t for r, t in self.pairs(alike) if alike[r, t] >= self.threshold}
        ids = np.empty(len(poses), np.int32)
        for row in range(len(poses)):
            if row in matched:
                key, old, _ = self.known[matched[row]]
                xy = np.where(np.isnan(poses.xy[row]), old, poses.xy[row])
                self.known[matched[row]] = (key, xy, frame.time)
            else:
                key, self.next_id = self.next_id, self.next_id + 1
                self.known.append((key, poses.xy[row], frame.time))
            ids[row] = key
        return replace(poses, ids=ids)

    def alike(self, seen: np.ndarray, known: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def pairs(self, alike: np.ndarray) -> list[tuple[int, int]]:
        raise NotImplementedError


class OksTracker(_Remembering):
    """Object keypoint similarity to the last pose, best total."""

    threshold = 0.2

    def alike(self, seen: np.ndarray, known: np.ndarray) -> np.ndarray:
        size = np.maximum(body_size(seen)[:, None], body_size(known)[None])
        return similarity(seen, known, COCO.sigmas, size)

    def pairs(self, alike: np.ndarray) -> list[tuple[int, int]]:
        alike = np.where(alike < self.threshold, 0.0, alike)
        return list(zip(*map(np.ndarray.tolist, linear_sum_assignment(-alike)), strict=True))


class BoxTracker(_Remembering):
    """Overlap of the boxes around the joints, greedily the best first."""

    threshold = 0.3

    def alike(self, seen: np.ndarray, known: np.ndarray) -> np.ndarray:
        a, b = _boxes(seen)[:, None], _boxes(known)[None]
        low, high = np.maximum(a[..., :2], b[..., :2]), np.minimum(a[..., 2:], b[..., 2:])
        both = np.prod((high - low).clip(0), axis=2)
        areas = [np.prod(box[..., 2:] - box[..., :2], axis=2) for box in (a, b)]
        return both / np.maximum(areas[0] + areas[1] - both, 1e-9)

    def pairs(self, alike: np.ndarray) -> list[tuple[int, int]]:
        out, alike = [], alike.copy()
        while alike.size and alike.max() >= self.threshold:
            row, track = np.unravel_index(np.argmax(alike), alike.shape)
            out.append((int(row), int(track)))
            alike[row], alike[:, track] = -1, -1
        return out


def _boxes(xy: np.ndarray) -> np.ndarray:
    """(P, K, 2) to (P, 4): left, top, right, bottom."""
    return np.concatenate([np.nanmin(xy, axis=1), np.nanmax(xy, axis=1)], axis=1)
