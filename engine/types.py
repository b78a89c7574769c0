"""The values that travel through the program, from capture to screen.

NumPy and the standard library only: the GUI imports this module, and it must not pull in torch.
All are immutable; a later stage returns a new value instead of editing the one it got, so any
thread may keep what it received.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

UNTRACKED = -1  # the id of a person without a track


class JointState(IntEnum):
    """How a joint's position was found."""

    ABSENT = 0  # not found: its coordinates are NaN
    DETECTED = 1  # a peak of its heatmap
    REFINED = 2  # the best cell for this person where no peak was grouped
    INTERPOLATED = 3  # filled in between two frames


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture of a source."""

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB, read-only
    index: int  # position in its source, dropped frames counted
    time: float  # seconds in the source: the container's time stamp, or since the camera opened
    arrived: float  # time.perf_counter() when it was captured
    source: str  # which source it is from
    segment: int = 0  # counts interruptions; tracks do not continue across segments
    file_name: str = ""  # of the picture, below its folder; empty for videos and cameras

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"Frame.pixels must be (H, W, 3) uint8, got {self.pixels.shape} {self.pixels.dtype}"
            )
        self.pixels.flags.writeable = False

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels."""
        return self.pixels.shape[1], self.pixels.shape[0]

    def __repr__(self) -> str:
        w, h = self.size
        return f"Frame({self.source!r} #{self.index} at {self.time:.3f} s, {w}x{h})"


@dataclass(frozen=True, slots=True, eq=False)
class Poses:
    """Everyone found in one frame, as parallel arrays over P people (P may be 0)."""

    xy: NDArray[np.float32]  # (P, K, 2) image pixels; NaN where the joint is absent
    joint_score: NDArray[np.float32]  # (P, K) how surely, about 0..1: the heat; 0 where absent
    score: NDArray[np.float32]  # (P,) mean joint score before refinement, as COCO AP expects
    ids: NDArray[np.int32]  # (P,) track number, UNTRACKED before tracking
    state: NDArray[np.uint8]  # (P, K) JointState
    raw_xy: NDArray[np.float32]  # (P, K, 2) as measured, before smoothing; image pixels
    # (P, L, 3) colours, see engine.tracking.appearance; None: not looked at, or tracked already.
    appearance: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        people, joints = self.joint_score.shape
        shapes = tuple(a.shape for a in (self.xy, self.score, self.ids, self.state, self.raw_xy))
        expected = (
            (people, joints, 2),
            (people,),
            (people,),
            (people, joints),
            (people, joints, 2),
        )
        if shapes != expected:
            raise ValueError(
                f"Poses arrays disagree: xy, score, ids, state, raw_xy are {shapes}, "
                f"expected {expected}"
            )

    def __len__(self) -> int:
        return len(self.score)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Poses:
        """The people of these rows, in this order; `rows` are indices or a (P,) mask."""
        return Poses(
            self.xy[rows],
            self.joint_score[rows],
            self.score[rows],
            self.ids[rows],
            self.state[rows],
            self.raw_xy[rows],
            None if self.appearance is None else self.appearance[rows],
        )


def untracked(
    xy: NDArray[np.float32],
    joint_score: NDArray[np.float32],
    score: NDArray[np.float32],
    state: NDArray[np.uint8],
) -> Poses:
    """The people of one picture, without ids and smoothing.

    Args:
        xy: (P, K, 2) image pixels; rows of absent joints are replaced by NaN.
        joint_score: (P, K), score: (P,), state: (P, K) JointState.
    """
    xy = np.where((state == JointState.ABSENT)[..., None], np.float32(np.nan), xy)
    ids = np.full(len(score), UNTRACKED, np.int32)
    return Poses(xy, joint_score, score, ids, state, xy)


def no_people(keypoints: int) -> Poses:
    """No people, of `keypoints` joints each."""
    return untracked(
        np.zeros((0, keypoints, 2), np.float32),
        np.zeros((0, keypoints), np.float32),
        np.zeros(0, np.float32),
        np.zeros((0, keypoints), np.uint8),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One frame with its people, as a sink receives it."""

    frame: Frame
    poses: Poses
    dropped: int = 0  # frames of this source replaced by newer ones so far
    times: Mapping[str, float] = field(default_factory=dict)  # stage -> seconds for its batch
