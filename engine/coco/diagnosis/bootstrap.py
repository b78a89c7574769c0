"""Paired bootstrap: whether one result is better than another beyond chance.

Both results are measured on the same images, drawn repeatedly with replacement; the spread of the
differences is the uncertainty. Pairing cancels the difficulty of each image.
Method: Efron, "Bootstrap Methods", Annals of Statistics 1979 (percentile interval).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.coco.diagnosis.precision import Ranking, precision_at, ranking
from engine.coco.metrics import Judgement

SAME = 1e-9  # per-image AP closer than this is a draw


@dataclass(frozen=True, slots=True)
class Comparison:
    """B against A; AP as fractions of 1."""

    ap: tuple[float, float]  # of A and of B
    difference: float  # B − A
    interval: tuple[float, float]  # 95 % of the resampled differences lie within
    above_zero: float  # share of the resamples in which B was better
    wins: tuple[int, ...]  # ids of images where B alone is better, the largest gain first
    losses: tuple[int, ...]  # ids of images where A alone is better, the largest loss first
    draws: int
    images: int
    resamples: int


def compare(
    a: Judgement,
    b: Judgement,
    *,
    resamples: int = 1000,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> Comparison:
    """Compare two results on the same ground truth by paired bootstrap over its images.

    Args:
        a: the result to beat, b: the other.
        resamples: how often the images are drawn again.
        seed: the same seed draws the same images.
        progress: called with the number of resamples done.
    """
    ranked = ranking(a), ranking(b)
    ap = float(precision_at(ranked[0]).mean()), float(precision_at(ranked[1]).mean())
    differences = _resampled(ranked, resamples, seed, progress)
    low, high = np.percentile(differences, [2.5, 97.5])
    ids = np.array([image.id for image in a.truth.images])
    gain = _gain_per_image(*ranked)
    order = np.argsort(-np.abs(gain), kind="stable")
    return Comparison(
        ap=ap,
        difference=ap[1] - ap[0],
        interval=(float(low), float(high)),
        above_zero=float((differences > 0).mean()),
        wins=tuple(ids[i].item() for i in order if gain[i] > SAME),
        losses=tuple(ids[i].item() for i in order if gain[i] < -SAME),
        draws=int((np.abs(gain) <= SAME).sum()),
        images=len(ids),
        resamples=resamples,
    )


def _resampled(
    ranked: tuple[Ranking, Ranking], resamples: int, seed: int, progress: Callable[[int], None]
) -> NDArray[np.float64]:
    """(resamples,) B's AP minus A's, each time on as many images drawn with replacement."""
    images = len(ranked[0].people)
    rng = np.random.default_rng(seed)
    differences = np.empty(resamples)
    for i in range(resamples):
        weight = np.bincount(rng.integers(images, size=images), minlength=images).astype(float)
        a, b = (precision_at(one, weight).mean() for one in ranked)
        differences[i] = b - a
        progress(i + 1)
    return differences


def _gain_per_image(a: Ranking, b: Ranking) -> NDArray[np.float64]:
    """(I,) AP of each image alone, B minus A; 0 where no person is annotated."""
    return np.array(
        [
            precision_at(b.of_image(i)).mean() - precision_at(a.of_image(i)).mean()
            for i in range(len(a.people))
        ]
    )
