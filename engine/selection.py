"""Which of the decoded people are shown: no duplicates, no fragments, no ghosts.

For streaming only. The published accuracy is measured with everybody the decoder finds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.oks import similarity
from engine.settings import GroupingSettings
from engine.types import JointState, Poses


def select(poses: Poses, sigmas: Sequence[float], settings: GroupingSettings) -> Poses:
    """The people to show, the best score first among equals kept in their order.

    Refinement gives a fragment the joints of the person it belongs to, which makes the two alike;
    of people more alike than `duplicate_oks` only the one with the highest score stays.
    """
    detected = (poses.state == JointState.DETECTED).sum(axis=1)
    poses = poses.take((poses.score >= settings.min_score) & (detected >= settings.min_joints))
    if settings.duplicate_oks >= 1 or len(poses) < 2:
        return poses
    return poses.take(_distinct(poses, sigmas, settings.duplicate_oks))


def _distinct(poses: Poses, sigmas: Sequence[float], limit: float) -> NDArray[np.bool_]:
    """(P,) mask of those who are not like somebody of a higher score."""
    alike = similarity(poses.xy, poses.xy, sigmas)
    kept = np.zeros(len(poses), bool)
    for person in np.argsort(-poses.score, kind="stable"):
        kept[person] = not (alike[person, kept] > limit).any()
    return kept
