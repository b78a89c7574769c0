"""Average precision by COCO's rule, for weighted detections.

pycocotools can only judge a whole data set. This computes the same number from a ranking, so that
thousands of resamples of the images (bootstrap) or a single keypoint can be measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.coco.metrics import Judgement

RECALLS = np.linspace(0.0, 1.0, 101)  # COCO reads the precision at these
UNDEFINED = -1.0  # COCO's value where no person is annotated


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """Every found person of a data set as the judge saw it, most certain first."""

    image: NDArray[np.int64]  # (D,) position of its image among the images
    score: NDArray[np.float64]  # (D,) of the person
    hit: NDArray[np.bool_]  # (T, D) true positive, at each of T OKS thresholds
    miss: NDArray[np.bool_]  # (T, D) false positive; neither: an ignored region
    people: NDArray[np.int64]  # (I,) people to be found in each image

    def of_image(self, position: int) -> Ranking:
        """The ranking of one image alone."""
        here = self.image == position
        count = int(here.sum())
        return Ranking(
            np.zeros(count, np.int64),
            self.score[here],
            self.hit[:, here],
            self.miss[:, here],
            self.people[position : position + 1],
        )


def ranking(judgement: Judgement) -> Ranking:
    """The judge's verdicts on people of all sizes, in the order in which it ranks them."""
    evaluation = judgement.evaluation
    thresholds = len(evaluation.params.iouThrs)
    verdicts = evaluation.evalImgs[: len(judgement.truth.images)]  # the first block: any area
    people = np.zeros(len(verdicts), np.int64)
    images, scores, matched, ignored = [], [], [], []
    for i, verdict in enumerate(verdicts):
        if verdict is None:
            continue
        people[i] = np.count_nonzero(verdict["gtIgnore"] == 0)
        images.append(np.full(len(verdict["dtScores"]), i))
        scores.append(np.asarray(verdict["dtScores"], np.float64))
        matched.append(verdict["dtMatches"] > 0)
        ignored.append(verdict["dtIgnore"].astype(np.bool_))
    if not images:
        nothing = np.zeros((thresholds, 0), np.bool_)
        return Ranking(np.zeros(0, np.int64), np.zeros(0), nothing, nothing, people)
    score = np.concatenate(scores)
    order = np.argsort(-score, kind="mergesort")
    hit = np.concatenate(matched, axis=1)[:, order]
    counted = ~np.concatenate(ignored, axis=1)[:, order]
    image = np.concatenate(images)[order]
    return Ranking(image, score[order], hit & counted, ~hit & counted, people)


def precision_at(ranked: Ranking, weight: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Average precision at each OKS threshold.

    Args:
        ranked: found people and how many there are to find.
        weight: (I,) how often each image counts; None: once.

    Returns:
        (T,) in [0, 1], or UNDEFINED where no person is annotated.
    """
    if weight is None:
        weight = np.ones(len(ranked.people))
    people = float(weight @ ranked.people)
    each = weight[ranked.image]
    pairs = zip(ranked.hit, ranked.miss, strict=True)
    return np.array([average_precision(hit * each, miss * each, people) for hit, miss in pairs])


def average_precision(hit: NDArray[np.float64], miss: NDArray[np.float64], people: float) -> float:
    """COCO's 101-point interpolated average precision.

    Args:
        hit: (D,) weight of each right answer, most certain first; 0 where it is not right.
        miss: (D,) weight of each wrong answer.
        people: the weight of everything there was to find.
    """
    if people <= 0:
        return UNDEFINED
    right, wrong = np.cumsum(hit), np.cumsum(miss)
    precision = right / (right + wrong + np.spacing(1))
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(right / people, RECALLS, side="left")
    reached = at < len(best_from_here)
    return float(best_from_here[at[reached]].sum() / len(RECALLS))
