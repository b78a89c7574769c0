"""The annotation file that results are compared with, checked before any image is read.

Whatever pycocotools would fail on, or silently judge wrongly, is refused here with
the annotation's number.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.coco.files import CocoFile, Entry, need_distinct, read_coco
from engine.errors import DataError
from engine.skeleton import Skeleton

log = logging.getLogger(__name__)

DEV_IMAGES = 200
VAL2017_IMAGES = 5000  # only all of them make "COCO val2017 AP"


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image to be judged on."""

    id: int
    file: str  # name below the image folder
    size: tuple[int, int] | None  # (width, height) in pixels, as annotated; None: not given


@dataclass(frozen=True, eq=False)
class GroundTruth:
    """Images and the people in them, of one keypoint category."""

    file: Path
    skeleton: Skeleton
    category: int
    images: tuple[ImageEntry, ...]  # by id
    annotations: tuple[Mapping[str, Any], ...]  # of these images, as COCO has them

    @cached_property
    def people(self) -> int:
        """People that count: not a crowd region, at least one keypoint labelled."""
        return sum(is_judged(annotation) for annotation in self.annotations)

    @property
    def is_val2017(self) -> bool:
        """Whether these are all images of COCO val2017."""
        whole = len(self.images) == VAL2017_IMAGES
        return whole and self.file.name == "person_keypoints_val2017.json"

    @property
    def name(self) -> str:
        """The name under which an AP on these images is reported."""
        count = f"{len(self.images)} images"
        if self.is_val2017:
            return f"COCO val2017 ({count})"
        if self.file.name == "person_keypoints_dev.json" and len(self.images) == DEV_IMAGES:
            return f"the {DEV_IMAGES}-image dev split of val2017 ({self.file.name})"
        return f"{self.file.name} ({count})"

    def only(self, ids: Sequence[int]) -> GroundTruth:
        """The same, of these images only."""
        wanted = set(ids)
        return replace(
            self,
            images=tuple(image for image in self.images if image.id in wanted),
            annotations=tuple(a for a in self.annotations if a["image_id"] in wanted),
        )


def is_judged(annotation: Mapping[str, Any]) -> bool:
    """Whether missing this person costs accuracy; COCO ignores the others."""
    return not annotation["iscrowd"] and annotation["num_keypoints"] > 0


def load_ground_truth(file: Path) -> GroundTruth:
    """Read a COCO person-keypoint annotation file.

    Raises:
        DataError: it is not one, has no people in it, or an annotation is broken.
    """
    coco = read_coco(file)
    annotations = tuple(_annotation(annotation, coco) for annotation in coco.annotations)
    need_distinct((a["id"] for a in annotations if a["id"] is not None), "annotation id", file)
    computed = sum(
        a["area"] != b["area"] for a, b in zip(annotations, coco.annotations, strict=True)
    )
    if computed:
        log.warning("%s: people without an area: %d; that of their box is used", file, computed)
    category = coco.category["id"]
    truth = GroundTruth(file, coco.skeleton, category, _images(coco), annotations)
    if not truth.people:
        raise DataError(
            f"{file}: no person in it has a labelled keypoint; there is nothing to measure"
        )
    return truth


def _images(coco: CocoFile) -> tuple[ImageEntry, ...]:
    entries = [_image(image) for image in coco.images]
    return tuple(sorted(entries, key=lambda entry: entry.id))


def _image(image: Entry) -> ImageEntry:
    w, h = image["width"], image["height"]
    return ImageEntry(image["id"], image["file_name"], None if w is None else (w, h))


def _annotation(annotation: Entry, coco: CocoFile) -> Entry:
    points = coco.keypoints(annotation)
    labelled = sum(v > 0 for v in points[2::3])
    box = coco.box(annotation) or _around(points)
    # Without the outlines, which nothing here reads, val2017 fits into a tenth of the memory.
    return {
        "id": annotation["id"],
        "image_id": annotation["image_id"],
        "category_id": coco.category["id"],
        "keypoints": points,
        "num_keypoints": labelled,
        "bbox": box,
        "area": _area(annotation, points, box, coco) if labelled else annotation["area"] or 0.0,
        "iscrowd": annotation["iscrowd"],
    }


def _area(annotation: Entry, points: list[float], box: list[float], coco: CocoFile) -> float:
    """The area that the object keypoint similarity is relative to; an area of 0 allows no error."""
    for area in (annotation["area"], box[2] * box[3], math.prod(_around(points)[2:])):
        if area is not None and 0 < area < math.inf:
            return float(area)
    raise coco.bad(
        annotation,
        f"its area is {annotation['area']} and its box {box} is flat, so no similarity can be "
        "computed; give it an area",
    )


def _around(points: list[float]) -> list[float]:
    """The box around the labelled keypoints; zeros where there are none."""
    there = [
        (x, y) for x, y, v in zip(points[::3], points[1::3], points[2::3], strict=True) if v > 0
    ]
    if not there:
        return [0.0] * 4
    (left, top), (right, bottom) = (tuple(map(f, zip(*there, strict=True))) for f in (min, max))
    return [left, top, right - left, bottom - top]
