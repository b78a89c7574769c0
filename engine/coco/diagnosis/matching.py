"""Matching of detections to annotated people, image by image, by COCO's rule.

Only matched people can be diagnosed, so matching is lenient: the best free
person of an object keypoint similarity (OKS) of at least 0.1, the most certain person first. That
is COCO's rule with Ronchi and Perona's threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.coco.metrics import Judgement, labelled
from engine.skeleton import Skeleton

LENIENT = 0.1  # OKS from which a detection is matched, however badly placed
UNMATCHED = -1


@dataclass(frozen=True, slots=True, eq=False)
class ImageMatch:
    """One image: D people found (at most 20, most certain first) and G true ones."""

    image: int  # id
    row: NDArray[np.int64]  # (D,) index into the results
    found: NDArray[np.float64]  # (D, K, 3) x, y in image pixels, and score
    score: NDArray[np.float64]  # (D,) of the person
    annotation: NDArray[np.int64]  # (G,) index into the annotations
    truth: NDArray[np.float64]  # (G, K, 3) x, y in image pixels, and visibility; 0 = not labelled
    area: NDArray[np.float64]  # (G,) square pixels, as annotated
    box: NDArray[np.float64]  # (G, 4) x, y, width, height in image pixels
    ignored: NDArray[np.bool_]  # (G,) crowds and people without keypoints
    oks: NDArray[np.float64]  # (D, G)
    person: NDArray[np.int64]  # (D,) which true person it is, or UNMATCHED

    @property
    def partner(self) -> NDArray[np.int64]:
        """(G,) which found person it is, or UNMATCHED; crowds may have several and say one."""
        partner = np.full(len(self.truth), UNMATCHED, np.int64)
        paired = np.flatnonzero(self.person != UNMATCHED)
        partner[self.person[paired][::-1]] = paired[::-1]
        return partner

    def pairs(self) -> list[tuple[int, int]]:
        """(found, true) of everybody who was found and counts."""
        return [
            (d, int(g)) for d, g in enumerate(self.person) if g != UNMATCHED and not self.ignored[g]
        ]


def match_people(judgement: Judgement) -> list[ImageMatch]:
    """Pair found and true people in every image, those with neither left out."""
    params = judgement.evaluation.params
    thresholds, params.iouThrs = params.iouThrs, np.array([LENIENT])
    try:
        found = (_match(judgement, image.id) for image in judgement.truth.images)
        return [match for match in found if match is not None]
    finally:
        params.iouThrs = thresholds


def _match(judgement: Judgement, image: int) -> ImageMatch | None:
    evaluation, category = judgement.evaluation, judgement.truth.category
    everything = evaluation.params.areaRng[0]
    most = evaluation.params.maxDets[-1]
    verdict = evaluation.evaluateImg(image, category, everything, most)
    if verdict is None:
        return None
    # Results and annotations are numbered from 1 in the order in which they were given.
    row = np.array(verdict["dtIds"], np.int64) - 1
    annotation = np.array([a["id"] for a in evaluation._gts[image, category]], np.int64) - 1
    matched = np.asarray(verdict["dtMatches"][0], np.int64) - 1
    position = {int(a): g for g, a in enumerate(annotation)}
    rows = [judgement.rows[i] for i in row]
    truth = [judgement.truth.annotations[i] for i in annotation]
    k = len(judgement.truth.skeleton)
    return ImageMatch(
        image=image,
        row=row,
        found=np.array([r["keypoints"] for r in rows], np.float64).reshape(-1, k, 3),
        score=np.array([r["score"] for r in rows], np.float64),
        annotation=annotation,
        truth=np.array([labelled(a) for a in truth]).reshape(-1, k, 3),
        area=np.array([a["area"] for a in truth], np.float64),
        box=np.array([a["bbox"] for a in truth], np.float64).reshape(-1, 4),
        ignored=np.array([a["iscrowd"] or not a["num_keypoints"] for a in truth], np.bool_),
        oks=np.asarray(evaluation.ious[image, category], np.float64).reshape(len(row), len(truth)),
        person=np.array([position.get(int(a), UNMATCHED) for a in matched], np.int64),
    )


def keypoint_similarity(
    points: NDArray[np.float64],
    truth: NDArray[np.float64],
    area: NDArray[np.float64],
    skeleton: Skeleton,
) -> NDArray[np.float64]:
    """How near each point is to its keypoint: COCO's OKS before averaging, exp(-d² / 2s²k²).

    Args:
        points: (..., K, 2) image pixels.
        truth: (..., K, 2) image pixels.
        area: (...) s² of the true person, square pixels.
        skeleton: gives k = 2 sigma of each keypoint.

    Returns:
        (..., K) in [0, 1].
    """
    spread = (2 * np.asarray(skeleton.sigmas)) ** 2
    away = ((points - truth) ** 2).sum(axis=-1)
    similarity: NDArray[np.float64] = np.exp(-away / spread / (area[..., None] + np.spacing(1)) / 2)
    return similarity


def matched_oks(match: ImageMatch) -> NDArray[np.float64]:
    """(G,) OKS of each true person with its detection; 0 where there is none."""
    partner = match.partner
    oks = np.zeros(len(partner))
    there = partner != UNMATCHED
    oks[there] = match.oks[partner[there], np.flatnonzero(there)]
    return oks


def people_found(matches: Sequence[ImageMatch]) -> int:
    """How many people who count were paired."""
    return sum(len(match.pairs()) for match in matches)
