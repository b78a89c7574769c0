"""COCO keypoint files as they lie on disk: one reader for measuring, training and packing.

What cannot be right is refused here, with the file, the annotation, the field and its value. What
an annotation must hold beyond that depends on its use: measuring needs areas, training does not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Any, TypeVar

from engine.errors import DataError
from engine.skeleton import Skeleton, skeleton_from_names

Entry = Mapping[str, Any]  # an image or an annotation, as the file has it
_Annotation = TypeVar("_Annotation", bound=Entry)


@dataclass(frozen=True, eq=False)
class CocoFile:
    """The images and annotations of the one category that has keypoints."""

    path: Path
    category: Entry
    skeleton: Skeleton
    images: tuple[Entry, ...]  # distinct whole-number ids; file names that stay in their folder
    annotations: tuple[Entry, ...]  # of that category and of these images

    @cached_property
    def by_image(self) -> Mapping[int, list[Entry]]:
        """Image id -> its annotations, in the file's order; images without any are left out."""
        return by_image(self.annotations)

    def bad(self, annotation: Entry, what: str) -> DataError:
        """The complaint about an annotation, for raising."""
        return DataError(f"{self.path}: annotation {annotation.get('id')}: {what}")

    def numbers(self, annotation: Entry, field: str, count: int, meaning: str) -> list[float]:
        """A field of so many finite numbers.

        Raises:
            DataError: it holds something else.
        """
        values = annotation.get(field)
        if not isinstance(values, list) or len(values) != count:
            got = f"{len(values)} of them" if isinstance(values, list) else repr(values)
            raise self.bad(annotation, f"{field} must be {meaning}, got {got:.80}")
        for i, value in enumerate(values):
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise self.bad(annotation, f"{field}[{i}] is {value!r:.80}, must be a number")
        return values

    def keypoints(self, annotation: Entry) -> list[float]:
        """x, y, visibility of every keypoint; pixels of the image."""
        k = len(self.skeleton)
        meaning = f"3 x {k} = {3 * k} numbers (x, y, visibility)"
        return self.numbers(annotation, "keypoints", 3 * k, meaning)

    def box(self, annotation: Entry) -> list[float]:
        """x, y, width, height; pixels of the image."""
        return self.numbers(annotation, "bbox", 4, "4 numbers (x, y, width, height)")


def read_coco(file: Path) -> CocoFile:
    """Read a COCO keypoint file.

    Raises:
        DataError: it cannot be read or is not one.
    """
    try:
        return parse_coco(file.read_bytes(), file)
    except OSError as error:
        raise DataError(
            f"{file}: cannot be read ({error.strerror}); give a COCO person_keypoints json"
        ) from error


def parse_coco(text: bytes, path: Path) -> CocoFile:
    """The same from the file's content; `path` is where it comes from, for complaints."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: not a COCO keypoint file, its top level is no object")
    category = _category(_list(content, "categories", path), path)
    images = _images(_list(content, "images", path), path)
    known = {image["id"] for image in images}
    annotations = _list(content, "annotations", path)
    ours = [a for a in annotations if a.get("category_id", category["id"]) == category["id"]]
    coco = CocoFile(path, category, _skeleton(category, path), images, tuple(ours))
    for annotation in ours:
        if annotation.get("image_id") not in known:
            what = f"its image_id {annotation.get('image_id')!r} is no listed image"
            raise coco.bad(annotation, what)
    return coco


def by_image(annotations: Iterable[_Annotation]) -> dict[int, list[_Annotation]]:
    """Image id -> its annotations, in their order."""
    found: dict[int, list[_Annotation]] = {}
    for annotation in annotations:
        found.setdefault(annotation["image_id"], []).append(annotation)
    return found


def need_distinct(ids: Iterable[object], what: str, path: Path) -> None:
    """Refuse a file in which two entries have the same id."""
    seen = set()
    for one in ids:
        if one in seen:
            raise DataError(f"{path}: {what} {one!r} is there twice; they must differ")
        seen.add(one)


def _list(content: Mapping[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
    value = content.get(key)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise DataError(f"{path}: not a COCO keypoint file, it has no list {key!r}")
    return value


def _category(categories: list[dict[str, Any]], path: Path) -> Entry:
    with_keypoints = [c for c in categories if c.get("keypoints")]
    if len(with_keypoints) != 1:
        names = ", ".join(str(c.get("name")) for c in categories[:5]) or "none"
        raise DataError(
            f"{path}: {len(with_keypoints)} of its {len(categories)} categories have keypoints "
            f"({names}…), exactly one must; for COCO take person_keypoints_*.json"
        )
    if not isinstance(with_keypoints[0].get("id"), int):
        raise DataError(f"{path}: the category with keypoints has no whole-number id")
    return with_keypoints[0]


def _skeleton(category: Entry, path: Path) -> Skeleton:
    names = category["keypoints"]
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{path}: the category's keypoints must be names, got {names!r:.120}")
    need_distinct(names, "keypoint name", path)
    limbs = category.get("skeleton") or []
    for limb in limbs:
        ends = limb if isinstance(limb, list) else []
        if len(ends) != 2 or any(end not in range(1, len(names) + 1) for end in ends):
            raise DataError(
                f"{path}: the category's skeleton has {limb!r:.80}; a link must be two keypoint "
                f"numbers from 1 to {len(names)}"
            )
    return skeleton_from_names(names, [(a - 1, b - 1) for a, b in limbs])


def _images(images: list[dict[str, Any]], path: Path) -> tuple[Entry, ...]:
    if not images:
        raise DataError(f"{path}: it lists no images")
    for image in images:
        name = image.get("file_name")
        if not isinstance(image.get("id"), int) or not isinstance(name, str) or not name:
            raise DataError(
                f"{path}: an image has no whole-number id or no file_name: {image!r:.200}"
            )
        if PurePath(name).is_absolute() or ".." in PurePath(name).parts:
            raise DataError(f"{path}: image {image['id']}: {name!r} leads out of the image folder")
    need_distinct((image["id"] for image in images), "image id", path)
    return tuple(images)
