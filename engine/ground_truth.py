"""The annotation file a measurement is judged by, checked before any image is read.

Everything that pycocotools would stumble over, or judge wrongly in silence, is refused here with
the annotation's number.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from engine.errors import DataError
from engine.skeleton import Skeleton, skeleton_from_names

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
    content = _read(file)
    category, names = _category(content, file)
    images = _images(content, file)
    known = {image.id for image in images}
    found = [a for a in _list(content, "annotations", file) if a.get("category_id") == category]
    annotations = tuple(_annotation(a, len(names), known, file) for a in found)
    _need_distinct((a["id"] for a in annotations), "annotation", file)
    truth = GroundTruth(file, skeleton_from_names(names), category, images, annotations)
    if not truth.people:
        raise DataError(
            f"{file}: nobody in it has a labelled keypoint; there is nothing to measure"
        )
    return truth


def _read(file: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"cannot read annotations {file}: {error.strerror}; give a COCO person_keypoints file"
        ) from error
    except ValueError as error:
        raise DataError(f"{file}: not a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: not a COCO annotation file, its top level is no object")
    return content


def _list(content: Mapping[str, Any], key: str, file: Path) -> list[dict[str, Any]]:
    value = content.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DataError(f"{file}: not a COCO annotation file, it has no list {key!r}")
    return value


def _category(content: Mapping[str, Any], file: Path) -> tuple[int, list[str]]:
    categories = _list(content, "categories", file)
    with_keypoints = [c for c in categories if c.get("keypoints")]
    if len(with_keypoints) != 1:
        names = ", ".join(str(c.get("name")) for c in categories[:5]) or "none"
        raise DataError(
            f"{file}: {len(with_keypoints)} of its {len(categories)} categories have keypoints "
            f"({names}…), exactly one must; for COCO take person_keypoints_*.json"
        )
    return int(with_keypoints[0]["id"]), [str(name) for name in with_keypoints[0]["keypoints"]]


def _images(content: Mapping[str, Any], file: Path) -> tuple[ImageEntry, ...]:
    entries = [_image(image, file) for image in _list(content, "images", file)]
    if not entries:
        raise DataError(f"{file}: it lists no images; there is nothing to measure")
    _need_distinct((entry.id for entry in entries), "image", file)
    return tuple(sorted(entries, key=lambda entry: entry.id))


def _image(image: Mapping[str, Any], file: Path) -> ImageEntry:
    name, size = image.get("file_name"), (image.get("width"), image.get("height"))
    if not isinstance(image.get("id"), int) or not isinstance(name, str):
        raise DataError(f"{file}: an image has no whole-number id or no file_name: {image!r:.200}")
    if Path(name).is_absolute() or ".." in Path(name).parts:
        raise DataError(f"{file}: image {image['id']}: {name!r} leads out of the image folder")
    w, h = size
    if not (isinstance(w, int) and isinstance(h, int) and w > 0 and h > 0):
        raise DataError(f"{file}: image {image['id']}: width and height are {size}")
    return ImageEntry(image["id"], name, (w, h))


def _need_distinct(ids: Any, what: str, file: Path) -> None:
    seen: set[Any] = set()
    for one in ids:
        if one in seen:
            raise DataError(f"{file}: {what} id {one} is there twice; ids must differ")
        seen.add(one)


def _annotation(
    annotation: Mapping[str, Any], keypoints: int, known: set[int], file: Path
) -> Mapping[str, Any]:
    where = f"{file}: annotation {annotation.get('id')}"
    if annotation.get("image_id") not in known:
        raise DataError(f"{where}: its image_id {annotation.get('image_id')!r} is no listed image")
    points: Any = annotation.get("keypoints")
    if points is None and annotation.get("iscrowd"):
        points = [0] * (3 * keypoints)
    if not _are_numbers(points, 3 * keypoints):
        raise DataError(f"{where}: keypoints must be 3 x {keypoints} numbers (x, y, visibility)")
    if not _are_numbers(annotation.get("bbox"), 4):
        raise DataError(f"{where}: bbox must be 4 numbers, got {annotation.get('bbox')!r:.80}")
    if not _are_numbers([annotation.get("area")], 1):
        raise DataError(f"{where}: it has no area, and the object keypoint similarity needs one")
    labelled = sum(v > 0 for v in points[2::3])
    # Without the outlines, which nothing here reads, val2017 fits into a tenth of the memory.
    return {
        "id": annotation.get("id"),
        "image_id": annotation["image_id"],
        "category_id": annotation["category_id"],
        "keypoints": points,
        "num_keypoints": annotation.get("num_keypoints", labelled),
        "bbox": annotation["bbox"],
        "area": annotation["area"],
        "iscrowd": int(annotation.get("iscrowd", 0)),
    }


def _are_numbers(values: Any, count: int) -> bool:
    return (
        isinstance(values, list)
        and len(values) == count
        and all(isinstance(v, int | float) and math.isfinite(v) for v in values)
    )
