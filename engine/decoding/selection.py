"""Which of the decoded people are shown: no duplicates, no fragments, no ghosts.

For streaming only. The published accuracy is measured with everybody the decoder finds.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.settings import GroupingSettings
from engine.skeleton import Skeleton
from engine.tracking.oks import body_size, mean_size, similarity
from engine.types import JointState, Poses


def select(poses: Poses, skeleton: Skeleton, settings: GroupingSettings) -> Poses:
    """The people to show, in their order.

    Refinement gives a fragment the joints of the person it belongs to, which makes the two alike;
    of people more alike than `duplicate_oks` only the one with the highest score stays. Where a
    network takes left for right, a person's second peaks make a double with sides exchanged: that
    is alike, too.
    """
    detected = np.count_nonzero(poses.state == JointState.DETECTED, axis=1)
    poses = _kept(poses, (poses.score >= settings.min_score) & (detected >= settings.min_joints))
    if settings.duplicate_oks >= 1 or len(poses) < 2:
        return poses
    return _kept(poses, _distinct(poses, skeleton, settings.duplicate_oks))


def _kept(poses: Poses, rows: NDArray[np.bool_]) -> Poses:
    """The people of a mask, most often all."""
    return poses if rows.all() else poses.take(rows)


def _distinct(poses: Poses, skeleton: Skeleton, limit: float) -> NDArray[np.bool_]:
    """(P,) mask of those not like a person of a higher score."""
    size = body_size(poses.xy)
    both = np.concatenate((poses.xy, poses.xy[:, list(skeleton.mirror)]))
    scale = mean_size(size, np.concatenate((size, size)))
    alike = similarity(poses.xy, both, skeleton.sigmas, scale)
    same = np.maximum(alike[:, : len(poses)], alike[:, len(poses) :]) > limit
    np.fill_diagonal(same, val=False)
    if not same.any():  # nearly always
        return np.ones(len(poses), bool)
    kept = np.zeros(len(poses), bool)
    for person in np.argsort(-poses.score, kind="stable"):
        kept[person] = not (same[person] & kept).any()
    return kept
