"""Which keypoints a person has, how they connect, and how precisely each can be placed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skeleton:
    """The K keypoints a checkpoint was trained for."""

    names: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]  # pairs of keypoint indices joined by a line
    mirror: tuple[int, ...]  # mirror[k] is the keypoint that k becomes in a mirrored image
    sigmas: tuple[float, ...]  # per-keypoint constant of the COCO object keypoint similarity
    order: tuple[int, ...]  # the order in which grouping assigns keypoint types to people

    def __len__(self) -> int:
        return len(self.names)


def skeleton_from_names(
    names: Sequence[str], limbs: Sequence[tuple[int, int]] = (), sigma: float = 0.05
) -> Skeleton:
    """Describe keypoints of the user's own, mirroring `left_x` with `right_x`.

    Args:
        names: the K keypoint names, as in a COCO category.
        limbs: pairs of 0-based keypoint indices.
        sigma: one similarity constant for all keypoints, of the size of COCO's average.
    """
    if tuple(names) == COCO.names:
        return COCO
    index = {name: i for i, name in enumerate(names)}
    mirror = tuple(index.get(_other_side(name), i) for i, name in enumerate(names))
    return Skeleton(
        tuple(names),
        tuple((a, b) for a, b in limbs),
        mirror,
        (sigma,) * len(names),
        tuple(range(len(names))),
    )


def _other_side(name: str) -> str:
    if "left" in name:
        return name.replace("left", "right")
    return name.replace("right", "left")


COCO = Skeleton(
    names=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    limbs=(
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 4),
        (3, 5),
        (4, 6),
        (5, 6),
        (5, 7),
        (7, 9),
        (6, 8),
        (8, 10),
        (5, 11),
        (6, 12),
        (11, 12),
        (11, 13),
        (13, 15),
        (12, 14),
        (14, 16),
    ),
    mirror=(0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    sigmas=(
        *(0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062),
        *(0.107, 0.107, 0.087, 0.087, 0.089, 0.089),
    ),
    # Head, shoulders, hips, elbows, wrists, knees, ankles: from the easiest to the hardest.
    order=(0, 1, 2, 3, 4, 5, 6, 11, 12, 7, 8, 9, 10, 13, 14, 15, 16),
)
