"""The annotation file a measurement is judged by, checked before any image is read.

Everything that pycocotools would stumble over, or judge wrongly in silence, is refused here with
the annotation's number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.coco.files import CocoFile, Entry, need_distinct, read_coco
from engine.errors import DataError
from engine.skeleton import Skeleton

DEV_IMAGES = 200
VAL2017_IMAGES = 5000  # only all of them make "COCO val2017 AP"


@dataclass(frozen=True, slots=True)
class ImageEntry:
    """One image to be judged on."""

    id: int
    file: str  # name below the image folder
    size: tuple[int, int]  # (width, height) in pixels, as annotated


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
        """What an AP on these images may be called."""
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
        DataError: it is not one, has nobody in it, or an annotation is broken.
    """
    coco = read_coco(file)
    annotations = tuple(_annotation(annotation, coco) for annotation in coco.annotations)
    need_distinct((a["id"] for a in annotations), "annotation id", file)
    category = coco.category["id"]
    truth = GroundTruth(file, coco.skeleton, category, _images(coco), annotations)
    if not truth.people:
        raise DataError(
            f"{file}: nobody in it has a labelled keypoint; there is nothing to measure"
        )
    return truth


def _images(coco: CocoFile) -> tuple[ImageEntry, ...]:
    entries = [_image(image, coco.path) for image in coco.images]
    return tuple(sorted(entries, key=lambda entry: entry.id))


def _image(image: Entry, file: Path) -> ImageEntry:
    w, h = size = (image.get("width"), image.get("height"))
    if not (isinstance(w, int) and isinstance(h, int) and w > 0 and h > 0):
        raise DataError(f"{file}: image {image['id']}: width and height are {size}")
    return ImageEntry(image["id"], image["file_name"], (w, h))


def _annotation(annotation: Entry, coco: CocoFile) -> Entry:
    if annotation.get("keypoints") is None and annotation.get("iscrowd"):
        annotation = {**annotation, "keypoints": [0] * (3 * len(coco.skeleton))}
    points = coco.keypoints(annotation)
    if "area" not in annotation:
        raise coco.bad(annotation, "it has no area, and the object keypoint similarity needs one")
    (area,) = coco.numbers({**annotation, "area": [annotation["area"]]}, "area", 1, "a number")
    labelled = sum(v > 0 for v in points[2::3])
    # Without the outlines, which nothing here reads, val2017 fits into a tenth of the memory.
    return {
        "id": annotation.get("id"),
        "image_id": annotation["image_id"],
        "category_id": coco.category["id"],
        "keypoints": points,
        "num_keypoints": annotation.get("num_keypoints", labelled),
        "bbox": coco.box(annotation),
        "area": area,
        "iscrowd": int(annotation.get("iscrowd", 0)),
    }
