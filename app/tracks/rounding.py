"""What of a number is written: hundredths of a pixel, ten-thousandths of a score.

Every file of a run, the overlay included, is made from the rounded values. So all say the same,
and what a resumed run reads back equals what it would have computed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.types import JointState, Poses

PIXELS, SCORES, SECONDS = 2, 4, 6  # decimals


def rounded(poses: Poses) -> Poses:
    """The same people with the numbers that files keep."""
    there = (poses.state != JointState.ABSENT) & ~np.isnan(poses.xy[..., 0])
    return Poses(
        _absent_where(~there, _round(poses.xy, PIXELS)),
        np.where(there, _round(poses.joint_score, SCORES), np.float32(0)),
        _round(poses.score, SCORES),
        poses.ids,
        np.where(there, poses.state, np.uint8(JointState.ABSENT)),
        _absent_where(~there, _round(poses.raw_xy, PIXELS)),
    )


def _round(values: NDArray[np.float32], decimals: int) -> NDArray[np.float32]:
    # In float64: 12.34 has no neighbour in float32 that prints as itself.
    return np.round(values.astype(np.float64), decimals).astype(np.float32)


def _absent_where(mask: NDArray[np.bool_], xy: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(mask[..., None], np.float32(np.nan), xy)
