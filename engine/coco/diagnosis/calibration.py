"""Calibration of scores: are seven in ten detections of score 0.7 right?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.coco.diagnosis.keypoints import NEAR_FROM, KeypointTable
from engine.coco.diagnosis.precision import ranking
from engine.coco.metrics import Judgement

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Scores of one tenth of the range."""

    score: float  # mean of the scores in it
    right: float  # share that is right
    count: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """Score against the share that is right."""

    what: str  # what "right" means
    bins: tuple[Bin, ...]  # the empty ones left out
    error: float  # expected calibration error: mean of |score − right|, weighted by count


def person_calibration(judgement: Judgement) -> Calibration:
    """Person score against being right at OKS 0.5; people in ignored regions do not count."""
    ranked = ranking(judgement)
    counted = ranked.hit[0] | ranked.miss[0]
    return _calibration("a person at OKS 0.5", ranked.score[counted], ranked.hit[0][counted])


def joint_calibration(table: KeypointTable) -> Calibration:
    """Joint score against being right, in matched people; absent joints left out."""
    present = table.score > 0
    near = table.similarity[present] >= NEAR_FROM
    return _calibration("a joint near its place", table.score[present], near)


def _calibration(what: str, score: NDArray[np.float64], right: NDArray[np.bool_]) -> Calibration:
    which = np.clip((score * BINS).astype(int), 0, BINS - 1)
    bins = tuple(
        Bin(float(score[here].mean()), float(right[here].mean()), int(here.sum()))
        for here in (which == i for i in range(BINS))
        if here.any()
    )
    total = sum(b.count for b in bins)
    error = sum(abs(b.score - b.right) * b.count for b in bins) / max(total, 1)
    return Calibration(what, bins, error)
