"""A person's score, where a checkpoint's mean heatmap value alone says too little.

The mean height of a person's peaks says that joints are there, not that they are in place. Small
people are placed less surely, so their score is reduced: measured with the bundled network, such
scores order people better (AP) and separate right from wrong ones better (F1). Geng et al. 2021
(DEKR) learn a score for the same reason. Published checkpoints keep the mean.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.tracking.oks import body_size

LARGE = 0.5  # of the image's short side: people of this size and larger keep their score


def scored_by_size(
    score: NDArray[np.float32],
    xy: NDArray[np.float32],
    image: tuple[int, int],
    exponent: float,
) -> NDArray[np.float32]:
    """Reduce the scores of small people.

    Args:
        score: (P,) 0..1.
        xy: (P, K, 2) image pixels, NaN where absent.
        image: width and height, pixels.
        exponent: of a person's size, the root of the spanned area, as a share of `LARGE`; 0
            leaves all scores as they are.

    Returns:
        (P,) 0..1.
    """
    if not exponent:
        return score
    share = np.minimum(body_size(xy) / (LARGE * min(image)), 1.0)
    return np.asarray(score * share**exponent, np.float32)
