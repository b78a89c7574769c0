"""Make a trained network and the program's thresholds fit each other, by measuring.

Either the tags are scaled to the default distance, which changes nothing that is found, or the
thresholds are chosen on images with annotations, to be kept with the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine.coco.diagnosis.matching import keypoint_similarity
from engine.coco.files import by_image
from engine.coco.ground_truth import is_judged
from engine.coco.metrics import labelled
from engine.decoding.selection import select
from engine.errors import DataError
from engine.network.higher_hrnet import HigherHRNet
from engine.network.thresholds import Thresholds
from engine.network.weights import Checkpoint
from engine.settings import GroupingSettings
from engine.skeleton import Skeleton
from engine.training.measure import ValidationSet
from engine.types import JointState, Poses

PEAKS = (0.1, 0.2, 0.3, 0.4)  # heights of peaks that are tried; the first is the paper's
ALIKE = 0.5  # object keypoint similarity from which a person counts as found
FOUND, FALSE, IGNORED = 1, 0, -1


@torch.no_grad()
def scale_tags(network: HigherHRNet, factor: float) -> HigherHRNet:
    """Multiply all tags by a number, in place; the heatmaps stay as they are.

    How far apart the tags of two people end up depends on the weights of push and pull. A network
    that groups best at a tag distance of 0.5 groups as well at 1, the default, after a factor of 2.
    """
    width, k = network.sizes.width, network.sizes.keypoints
    for parameter in network.final_layers[0].parameters():
        parameter[k:] *= factor
    for name, weight in network.named_parameters():
        if name == "deconv_layers.0.0.0.weight":  # it reads the tags and must not notice
            weight[width + k :] /= factor
    right, down = network.sizes.tag_slope
    network.sizes = replace(network.sizes, tag_slope=(right * factor, down * factor))
    return network


@dataclass(frozen=True, slots=True)
class Choice:
    """Thresholds and what they achieve; precision and recall of people, at an OKS of 0.5."""

    min_score: float
    min_joints: int
    precision: float
    recall: float
    peak_threshold: float | None = None  # None: the program's

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return 2 * self.precision * self.recall / max(self.precision + self.recall, 1e-9)

    def thresholds(self, images: str) -> Thresholds:
        """To be kept with the checkpoint."""
        source = f"best F1 of people at OKS {ALIKE}: {self.f1:.3f} on {images}"
        return Thresholds(
            min_score=self.min_score,
            min_joints=self.min_joints,
            peak_threshold=self.peak_threshold,
            source=source,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """People found in one image without any thresholds, and the image's annotations."""

    poses: Poses
    annotations: Sequence[Mapping[str, Any]]  # of the image, as `GroundTruth` has them


def calibrate(validation: ValidationSet, checkpoint: Checkpoint) -> Choice:
    """The height of peaks with whose people the other thresholds do best; the lowest of equals.

    Raises:
        DataError: the validation set has other keypoints, or an image cannot be used.
    """
    choices = [
        replace(
            choose_thresholds(predict(validation, checkpoint, height), checkpoint.skeleton),
            peak_threshold=height,
        )
        for height in PEAKS
    ]
    return max(choices, key=_worth)


def predict(
    validation: ValidationSet, checkpoint: Checkpoint, peak_threshold: float
) -> list[Prediction]:
    """Run a checkpoint on every image of a validation set, in one pass as live and process do.

    Args:
        validation: images with annotations.
        checkpoint: what finds people in them.
        peak_threshold: how high a peak must be, 0..1.

    Raises:
        DataError: the validation set has other keypoints, or an image cannot be used.
    """
    if validation.truth.skeleton.names != checkpoint.skeleton.names:
        raise DataError(f"{validation.truth.file} has other keypoints than {checkpoint.name} finds")
    annotated = by_image(validation.truth.annotations)
    found = validation.people(checkpoint, peak_threshold=peak_threshold)
    return [Prediction(poses, annotated.get(image.entry.id, ())) for image, poses, _ in found]


def choose_thresholds(predictions: Sequence[Prediction], skeleton: Skeleton) -> Choice:
    """The thresholds for the score and the number of joints with the best F1.

    People count as found at an OKS of at least 0.5 with an annotated person, the best
    first, each annotation once. Crowds and people without keypoints are neither right nor wrong.
    Of equally good scores the middle one is taken, of equally good numbers of joints the lowest.
    """
    people = sum(is_judged(a) for prediction in predictions for a in prediction.annotations)
    best = Choice(0.0, 1, 0.0, 0.0)
    for joints in range(1, max(1, len(skeleton) // 3) + 1):
        settings = GroupingSettings(min_score=0, min_joints=joints)
        shown = [select(prediction.poses, skeleton, settings) for prediction in predictions]
        outcomes = [
            _outcomes(poses, prediction.annotations, skeleton)
            for poses, prediction in zip(shown, predictions, strict=True)
        ]
        score = np.concatenate([poses.score for poses in shown])
        choice = _best_score(score, np.concatenate(outcomes), people, joints)
        best = max(best, choice, key=_worth)
    return best


def _best_score(
    score: NDArray[np.float32], outcome: NDArray[np.int8], people: int, joints: int
) -> Choice:
    choices = []
    for hundredths in range(100):
        above = outcome[score >= hundredths / 100]
        found = int((above == FOUND).sum())
        precision = found / max(1, found + int((above == FALSE).sum()))
        choices.append(Choice(hundredths / 100, joints, precision, found / max(1, people)))
    best = max(map(_worth, choices))
    equal = [choice for choice in choices if _worth(choice) == best]
    return equal[(len(equal) - 1) // 2]


def _worth(choice: Choice) -> float:
    return round(choice.f1, 6)


def _outcomes(
    poses: Poses, annotations: Sequence[Mapping[str, Any]], skeleton: Skeleton
) -> NDArray[np.int8]:
    """(P,) FOUND, FALSE or IGNORED."""
    judged = [annotation for annotation in annotations if is_judged(annotation)]
    ignored = [annotation["bbox"] for annotation in annotations if not is_judged(annotation)]
    alike = np.stack([_alike(poses, a, skeleton) for a in judged], 1) if judged else None
    outcome = np.full(len(poses), FALSE, np.int8)
    for person in np.argsort(-poses.score, kind="stable"):
        if alike is not None and alike[person].max() >= ALIKE:
            outcome[person] = FOUND
            alike[:, int(alike[person].argmax())] = 0
        elif any(_mostly_inside(poses.xy[person], box) for box in ignored):
            outcome[person] = IGNORED
    return outcome


def _alike(poses: Poses, annotation: Mapping[str, Any], skeleton: Skeleton) -> NDArray[np.float64]:
    """(P,) object keypoint similarity as COCO judges it: a joint that is absent scores 0."""
    truth = labelled(annotation)
    known = truth[:, 2] > 0
    xy, area = poses.xy.astype(np.float64), np.asarray(annotation["area"], np.float64)
    near = keypoint_similarity(xy, truth[:, :2], area, skeleton)
    similar = np.where(poses.state == JointState.ABSENT, 0.0, near)
    mean: NDArray[np.float64] = similar[:, known].mean(axis=1)
    return mean


def _mostly_inside(xy: NDArray[np.float32], box: Sequence[float]) -> bool:
    x, y, w, h = box
    present = xy[~np.isnan(xy).any(axis=1)]
    inside = (present >= (x, y)).all(axis=1) & (present <= (x + w, y + h)).all(axis=1)
    return len(present) > 0 and bool(inside.mean() >= 0.5)
