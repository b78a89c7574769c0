"""A person's score, where the mean height of all joints' peaks says too little.

It says how many joints are there and how surely, not whether they are in place. Small people are
placed less surely, and people of whom half is hidden are not half as likely to be right. Measured
with the bundled network, scores that allow for both order people better (AP). Geng et al. 2021
(DEKR) learn a score for the same reason. Published checkpoints keep the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.tracking.oks import body_size

LARGE = 0.5  # of the image's short side: people of this size and larger keep their score


@dataclass(frozen=True, slots=True)
class Scoring:
    """How people are scored: mean peak * share of joints ** joints * share of LARGE ** size.

    Without changes it is the paper's: the sum of the peaks over all K joints, by K.
    """

    size: float = 0.0
    joints: float = 1.0

    def by_joints(
        self, score: NDArray[np.float32], share: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """The scores (P,), given the paper's and the share of joints that were found, 0..1."""
        if self.joints == 1:
            return score
        return np.asarray(score * share ** (self.joints - 1), np.float32)

    def by_size(
        self, score: NDArray[np.float32], xy: NDArray[np.float32], image: tuple[int, int]
    ) -> NDArray[np.float32]:
        """Reduce the scores of small people.

        Args:
            score: (P,) 0..1.
            xy: (P, K, 2) image pixels, NaN where absent; a person's size is the root of the area
                they span.
            image: width and height, pixels.

        Returns:
            (P,) 0..1.
        """
        if not self.size:
            return score
        share = np.minimum(body_size(xy) / (LARGE * min(image)), 1.0)
        return np.asarray(score * share**self.size, np.float32)

    @property
    def header(self) -> dict[str, str]:
        """What to write into a checkpoint's header; what is the paper's is left out."""
        stored = {"score_by_size": self.size} if self.size else {}
        if self.joints != 1:
            stored["score_by_joints"] = self.joints
        return {key: f"{value:g}" for key, value in stored.items()}

    def __str__(self) -> str:
        """What differs from the paper, for people; empty where nothing does."""
        parts = []
        if self.size:
            parts.append(f"scores times size^{self.size:g}")
        if self.joints != 1:
            parts.append(f"mean peaks times share of joints^{self.joints:g}")
        return ", ".join(parts)


PAPER_SCORING = Scoring()
