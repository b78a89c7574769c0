"""Everyone in a frame, laid out at once: one by one, five people take NumPy five times as long."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.overlay.look import Look
from engine.skeleton import Skeleton
from engine.types import JointState, Poses

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]

STEPS = 4  # of certainty that are told apart
FARTHEST = 8192.0  # pixels of the target; OpenCV's fixed-point positions overflow far beyond this


@dataclass(frozen=True, slots=True, eq=False)
class Bodies:
    """P people of K joints and L limbs, in pixels of the target."""

    xy: Points  # (P, K, 2)
    seen: Mask  # (P, K)
    steps: NDArray[np.int_]  # (P, K) certainty, 0 to STEPS
    measured: Mask  # (P, K)
    limbs: Points  # (P, L, 4) x0, y0, x1, y1
    drawn: Mask  # (P, L) both ends are seen
    low: Points  # (P, 2) corners of what is seen of each
    high: Points
    size: list[float]  # P diagonals


def bodies_of(poses: Poses, xy: Points, look: Look) -> Bodies:
    """Lay out the people of a frame; `xy` (P, K, 2) are their joints in the target."""
    with np.errstate(invalid="ignore", over="ignore"):
        near = (np.abs(xy) < FARTHEST).all(-1)  # False for NaN
    strong = poses.joint_score >= look.display.min_joint_score
    seen = near & strong & (poses.state != JointState.ABSENT)
    there = seen[..., None]
    low = np.where(there, xy, np.inf).min(axis=1, initial=np.inf)
    high = np.where(there, xy, -np.inf).max(axis=1, initial=-np.inf)
    certain = np.where(seen, np.rint(np.clip(poses.joint_score, 0, 1) * STEPS), 0)
    limbs = _limbs(look.skeleton)
    return Bodies(
        xy,
        seen,
        certain.astype(int),
        poses.state == JointState.DETECTED,
        xy[:, limbs].reshape(len(xy), len(limbs), 4),
        seen[:, limbs].all(axis=2),
        low,
        high,
        np.hypot(*(high - low).T).tolist(),
    )


@lru_cache(maxsize=8)
def _limbs(skeleton: Skeleton) -> NDArray[np.intp]:
    """(L, 2) the joints at the ends of each."""
    return np.array(skeleton.limbs, np.intp).reshape(-1, 2)
