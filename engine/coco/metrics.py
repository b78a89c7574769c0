"""COCO result entries and metrics.

The metrics are those of unmodified pycocotools, so they compare with published ones. It is imported
when the first results are judged, because only measuring needs it.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.coco.ground_truth import GroundTruth
from engine.geometry import Fit
from engine.types import JointState, Poses

# In the order of pycocotools; M and L are people of 32² to 96² and of more than 96² pixels of area.
METRICS = ("AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL")

ResultRow = dict[str, Any]  # one person in COCO's result format


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What pycocotools said about one set of results."""

    truth: GroundTruth
    rows: Sequence[ResultRow]
    metrics: Mapping[str, float]  # by METRICS, fractions of 1; −1 where no person is of that size
    evaluation: Any  # pycocotools.cocoeval.COCOeval, evaluated and accumulated


def result_rows(image_id: int, poses: Poses, fit: Fit, category: int = 1) -> list[ResultRow]:
    """People as COCO result entries, in the order in which they were found.

    A joint that was not found is written where cell (0, 0) of the heatmap lies in the image, with
    score 0: the reference writes it so, and it takes part in similarity and box.

    Args:
        image_id: the image's id in the annotation file.
        poses: P people; xy in image pixels, NaN where absent.
        fit: how the image was fitted into the network input.
        category: id of the keypoint category.
    """
    corner = fit.to_image(np.zeros(2, np.float32))
    absent = (poses.state == JointState.ABSENT)[..., None]
    xy = np.where(absent, corner, poses.xy).astype(np.float32)
    points = np.concatenate((xy, poses.joint_score[..., None]), axis=2)
    low, high = xy.min(axis=1, initial=np.inf), xy.max(axis=1, initial=-np.inf)
    boxes = np.concatenate((low, high - low), axis=1)
    return [
        {
            "image_id": image_id,
            "category_id": category,
            "keypoints": keypoints.ravel().tolist(),
            "score": float(score),
            "bbox": box.tolist(),
        }
        for keypoints, score, box in zip(points, poses.score, boxes, strict=True)
    ]


def judge(truth: GroundTruth, rows: Sequence[ResultRow]) -> Judgement:
    """Measure results on all images of the ground truth, those without results included.

    Args:
        truth: the images and people to judge by.
        rows: COCO result entries, in any order; left as they are.
    """
    evaluation = _evaluated(truth, rows)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        evaluation.summarize()
    # Without results the reference reports 0 for every size, also for one that no person has.
    values = (float(value) if rows else 0.0 for value in evaluation.stats)
    return Judgement(truth, rows, dict(zip(METRICS, values, strict=True)), evaluation)


def overall_ap(truth: GroundTruth, rows: Sequence[ResultRow]) -> float:
    """The AP alone, as `judge` gives it, without the metrics by size."""
    precision = _evaluated(truth, rows, sizes=1).eval["precision"]
    defined = precision[precision > -1]
    return float(defined.mean()) if len(defined) else -1.0


def _evaluated(truth: GroundTruth, rows: Sequence[ResultRow], sizes: int = 3) -> Any:
    with contextlib.redirect_stdout(io.StringIO()):
        from pycocotools.cocoeval import COCOeval

        evaluation = COCOeval(_as_coco(truth), _results_as_coco(truth, rows), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array(truth.skeleton.sigmas)
        evaluation.params.areaRng = evaluation.params.areaRng[:sizes]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def _as_coco(truth: GroundTruth) -> Any:
    # Numbered anew from 1: the judge takes a match with annotation 0 for no match.
    return _indexed(truth, [dict(a, id=i) for i, a in enumerate(truth.annotations, start=1)])


def _results_as_coco(truth: GroundTruth, rows: Sequence[ResultRow]) -> Any:
    if not rows:
        return _indexed(truth, [])  # loadRes cannot read an empty list
    # Copies, because it writes into what it is given.
    return _as_coco(truth).loadRes([dict(row) for row in rows])


def _indexed(truth: GroundTruth, annotations: list[dict[str, Any]]) -> Any:
    from pycocotools.coco import COCO

    known = COCO()
    known.dataset = {
        "images": [{"id": image.id} for image in truth.images],
        "categories": [{"id": truth.category}],
        "annotations": annotations,
    }
    known.createIndex()
    return known


def labelled(annotation: Mapping[str, Any]) -> NDArray[np.float64]:
    """(K, 3) x, y in image pixels and visibility (0 not labelled, 1 hidden, 2 visible)."""
    return np.asarray(annotation["keypoints"], np.float64).reshape(-1, 3)
