"""COCO keypoint annotations, checked once so that training never meets a bad one.

Any number of keypoints: names come from the annotated category, and mirror partners from the names
("left_wrist" and "right_wrist"). Every complaint names the annotation it is about.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.skeleton import Skeleton, skeleton_from_names


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One annotated image; boxes are x, y, width, height in its pixels."""

    path: Path
    joints: NDArray[np.float32]  # (P, K, 3) x, y in pixels and 1 = labelled, 0 = not
    boxes: NDArray[np.float32]  # (P, 4) around each person in `joints`
    unknown: NDArray[np.float32]  # (Q, 4) crowds and people without keypoints: no answer is wrong


@dataclass(frozen=True, slots=True, eq=False)
class Annotations:
    """A data set: its keypoints and its pictures with at least one labelled person."""

    skeleton: Skeleton
    pictures: tuple[Picture, ...]

    @property
    def people(self) -> int:
        """Labelled people in all pictures."""
        return sum(len(picture.boxes) for picture in self.pictures)


def load_annotations(file: Path, images: Path) -> Annotations:
    """Read a COCO keypoint file and find its images in a folder.

    Raises:
        DataError: the file or one of its annotations is not usable, or no image is there.
    """
    content = _read(file)
    skeleton = _skeleton(content, file)
    by_image: dict[Any, list[Mapping[str, Any]]] = {}
    for annotation in _list(content, "annotations", file):
        by_image.setdefault(annotation.get("image_id"), []).append(annotation)
    pictures = []
    for image in _list(content, "images", file):
        found = by_image.pop(image.get("id"), [])
        picture = _picture(image, found, images, len(skeleton), file)
        if len(picture.boxes):
            pictures.append(picture)
    if by_image:
        image_id, orphans = next(iter(by_image.items()))
        raise _bad(file, orphans[0], f"its image_id {image_id!r} is not among the images")
    if not pictures:
        raise DataError(f"{file}: no annotation has a labelled keypoint; nothing to train on")
    return Annotations(skeleton, tuple(pictures))


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}); give the COCO json") from error
    except ValueError as error:
        raise DataError(f"{file}: not a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: not a COCO keypoint file, its top level is no object")
    return content


def _list(content: Mapping[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    value = content.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DataError(f"{file}: not a COCO keypoint file, it has no list {key!r}")
    return value


def _skeleton(content: Mapping[str, Any], file: Path) -> Skeleton:
    categories = [c for c in _list(content, "categories", file) if c.get("keypoints")]
    if len(categories) != 1:
        raise DataError(
            f"{file}: {len(categories)} categories have keypoints; exactly one must, "
            "with its names under 'keypoints'"
        )
    names = [str(name) for name in categories[0]["keypoints"]]
    limbs = [(int(a) - 1, int(b) - 1) for a, b in categories[0].get("skeleton", [])]
    return skeleton_from_names(names, limbs)


def _picture(
    image: Mapping[str, Any], found: list[Mapping[str, Any]], images: Path, k: int, file: Path
) -> Picture:
    name = image.get("file_name")
    path = images / str(name)
    if found and (name is None or not path.is_file()):
        raise DataError(f"{file}: image {image.get('id')}: there is no file {path}")
    joints, boxes, unknown = [], [], []
    for annotation in found:
        points = _joints(annotation, k, file)
        labelled = points[points[:, 2] > 0]
        if annotation.get("iscrowd") or not len(labelled):
            unknown.append(_box(annotation, labelled, file))
        else:
            joints.append(points)
            boxes.append(_box(annotation, labelled, file))
    return Picture(
        path,
        np.array(joints, np.float32).reshape(-1, k, 3),
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(unknown, np.float32).reshape(-1, 4),
    )


def _joints(annotation: Mapping[str, Any], k: int, file: Path) -> NDArray[np.float32]:
    values = annotation.get("keypoints", [0] * (3 * k))
    if not isinstance(values, list) or len(values) != 3 * k:
        length = len(values) if isinstance(values, list) else "no"
        raise _bad(file, annotation, f"{length} keypoint numbers, expected 3 x {k} = {3 * k}")
    points = _numbers(values, "keypoints", annotation, file).reshape(k, 3)
    points[:, 2] = points[:, 2] > 0
    return points


def _box(
    annotation: Mapping[str, Any], labelled: NDArray[np.float32], file: Path
) -> NDArray[np.float32]:
    values = annotation.get("bbox")
    if values is None and len(labelled):
        low, high = labelled[:, :2].min(0), labelled[:, :2].max(0)
        return np.concatenate((low, np.maximum(high - low, 1))).astype(np.float32)
    if not isinstance(values, list) or len(values) != 4:
        raise _bad(file, annotation, f"bbox is {values!r}, expected [x, y, width, height]")
    box = _numbers(values, "bbox", annotation, file)
    if box[2] <= 0 or box[3] <= 0:
        raise _bad(file, annotation, f"bbox {values} is empty")
    return box


def _numbers(
    values: list[Any], key: str, annotation: Mapping[str, Any], file: Path
) -> NDArray[np.float32]:
    try:
        numbers = np.array(values, np.float32)
    except (TypeError, ValueError) as error:
        raise _bad(file, annotation, f"{key} holds something that is no number") from error
    if not np.isfinite(numbers).all():
        raise _bad(file, annotation, f"{key} holds a number that is not finite")
    return numbers


def _bad(file: Path, annotation: Mapping[str, Any], what: str) -> DataError:
    return DataError(f"{file}: annotation {annotation.get('id')}: {what}")
