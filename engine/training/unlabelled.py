"""People in training images who have no label, found by a network that knows people.

A person without a label is taught as background. A box around the person that says "unknown"
instead makes no answer there wrong: it is kept as COCO keeps crowds, and `annotations.py` reads it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from engine.coco.files import by_image
from engine.decoding.scoring import PAPER_SCORING
from engine.network.weights import Checkpoint
from engine.reading.fields import Whole
from engine.training.measure import ValidationSet
from engine.types import Poses

Box = tuple[float, float, float, float]  # x, y, width, height in pixels of the image

_WHOLE: TypeAdapter[int] = TypeAdapter(Whole)
JOINTS = 4  # a person found with fewer is not trusted
_SAME = 0.4  # share of joints inside a labelled person's box from which it is that person
_WIDER = 0.1  # labelled boxes are taken as so much larger on each side
_BEYOND = 0.15  # a body reaches beyond its outermost joints, as a share of their extent


def find_unlabelled(
    images: ValidationSet,
    checkpoint: Checkpoint,
    *,
    min_score: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[int, list[Box]]:
    """Look for people in every image, mirrored pass included, and leave out those with a label.

    Args:
        images: the data set, with the input size to look at it with.
        checkpoint: what finds people.
        min_score: of people found, 0..1.
        progress: called with the images done and their number.

    Returns:
        image id -> boxes of people without a label; images without such people are left out.

    Raises:
        SourceError: an image cannot be read.
    """
    annotated = by_image(images.truth.annotations)
    found: dict[int, list[Box]] = {}
    # Whether a person is there does not depend on how large: scores as the network gives them.
    every = images.people(replace(checkpoint, scoring=PAPER_SCORING), flip=True)
    for done, (image, poses, _) in enumerate(every, start=1):
        boxes = without_label(poses, annotated.get(image.entry.id, ()), min_score=min_score)
        if boxes:
            found[image.entry.id] = boxes
        progress(done, len(images.images))
    return found


def without_label(
    poses: Poses, annotations: Sequence[Mapping[str, Any]], *, min_score: float
) -> list[Box]:
    """Boxes around the people of one image whom no annotation, crowds included, can mean."""
    boxes = np.array([a["bbox"] for a in annotations], np.float64).reshape(-1, 4)
    found = []
    for score, xy in zip(poses.score, poses.xy.astype(np.float64), strict=True):
        joints = xy[~np.isnan(xy).any(axis=1)]
        if score >= min_score and len(joints) >= JOINTS and _inside(joints, boxes).mean() < _SAME:
            found.append(_around(joints))
    return found


def _inside(joints: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(J,) whether each of the (J, 2) joints lies in one of the (Q, 4) boxes."""
    corner, size = boxes[:, :2], boxes[:, 2:]
    low, high = corner - _WIDER * size, corner + (1 + _WIDER) * size
    each = np.logical_and(joints[:, None] >= low, joints[:, None] <= high)
    return np.asarray(np.any(np.all(each, axis=2), axis=1), np.bool_)


def _around(joints: NDArray[np.float64]) -> Box:
    low, high = joints.min(axis=0), joints.max(axis=0)
    beyond = _BEYOND * (high - low)
    (x, y), (w, h) = low - beyond, high - low + 2 * beyond
    return float(x), float(y), float(w), float(h)


def _whole_number(value: object) -> int | None:
    """An id as its readers take it: 7, 7.0 and "7" are the same; other ids are none of ours."""
    try:
        return _WHOLE.validate_python(value)
    except ValidationError:
        return None


def marked(content: Mapping[str, Any], found: Mapping[int, Sequence[Box]]) -> dict[str, Any]:
    """A COCO file's content with every box as one more crowd region of its category."""
    annotations = list(content["annotations"])
    numbers = [number for a in annotations if (number := _whole_number(a.get("id"))) is not None]
    category = next(c["id"] for c in content["categories"] if c.get("keypoints"))
    number = max(numbers, default=0)
    for image, boxes in found.items():
        for x, y, w, h in boxes:
            number += 1
            annotations.append(
                {
                    "id": number,
                    "image_id": image,
                    "category_id": category,
                    "bbox": [round(value, 1) for value in (x, y, w, h)],
                    "area": round(w * h, 1),
                    "iscrowd": 1,
                    "keypoints": [],
                    "num_keypoints": 0,
                }
            )
    return {**content, "annotations": annotations}
