"""COCO keypoint files: one reader for measuring, training, packing and tracks.

Every field is read as one type. The spellings of CVAT, VIA, Label Studio and others are accepted:
numbers as text, null for "not given", empty keypoints for a person who is not known, flat boxes,
backslashes in file names, sizes of -1. Impossible values are refused with the file, the
annotation, the field and the value. What else an annotation must hold depends on its use.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, TypeAdapter

from engine.errors import DataError
from engine.reading.fields import Flag, Keypoints, Pixels, Whole
from engine.reading.typed import Model, object_from_json, read_bytes, typed
from engine.skeleton import Skeleton, skeleton_from_names

Entry = Mapping[str, Any]  # an image or an annotation: fields of ours, and the others as they were
_Annotation = TypeVar("_Annotation", bound=Entry)


def flat(value: Any) -> Any:
    """A list of numbers from one of lists of numbers; null is 0, as in [null, null, 0]."""
    if not isinstance(value, list):
        return value
    if value and all(isinstance(item, list) for item in value):
        value = [number for item in value for number in item]
    return [0 if number is None else number for number in value]


def _or_none(value: Any) -> Any:
    return None if value in ("", []) else value


def _path(value: Any) -> Any:
    """A file name that stays in its folder, with the slashes of this system."""
    if not isinstance(value, str):
        return value
    name = value.replace("\\", "/")
    outside = PurePosixPath(name).is_absolute() or PureWindowsPath(name).drive
    if not name.strip("/. ") or outside or ".." in PurePosixPath(name).parts or "\0" in name:
        raise ValueError("must lead to a file in the image folder")
    return name


_Numbers = Annotated[list[Pixels], BeforeValidator(flat)]
_Optional = BeforeValidator(_or_none)


class _Image(Model):
    id: Whole
    file_name: Annotated[str, BeforeValidator(_path)]
    width: Annotated[Whole | None, _Optional] = None
    height: Annotated[Whole | None, _Optional] = None
    time: float | None = None
    frame: Annotated[Whole | None, _Optional] = None  # of our files: its index


class _Person(Model):
    id: Annotated[Whole | None, _Optional] = None
    image_id: Whole
    iscrowd: Flag = 0
    keypoints: Annotated[_Numbers | None, _Optional] = None
    bbox: Annotated[_Numbers | None, _Optional] = None
    area: Annotated[float | None, _Optional] = None


class _Category(Model):
    id: Whole
    name: Any = None
    keypoints: Keypoints
    skeleton: list[tuple[Whole, Whole]] | None = None


class _Belonging(Model):
    category_id: Annotated[Whole | None, _Optional] = None


_Entries = Annotated[list[dict[str, Any]], Field()]


class _File(Model):
    categories: _Entries
    images: _Entries
    annotations: _Entries


_FILE, _IMAGE, _PERSON = TypeAdapter(_File), TypeAdapter(_Image), TypeAdapter(_Person)
_CATEGORY, _BELONGING = TypeAdapter(_Category), TypeAdapter(_Belonging)


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
        """The error about an annotation, to be raised."""
        return DataError(f"{self.path}: annotation {annotation.get('id')}: {what}")

    def keypoints(self, annotation: Entry) -> list[float]:
        """x, y, visibility of every keypoint, in pixels of the image; zeros where there are none.

        Raises:
            DataError: their number is not that of the category.
        """
        k = len(self.skeleton)
        values: list[float] | None = annotation["keypoints"]
        if values is None:
            return [0.0] * (3 * k)
        if len(values) != 3 * k:
            raise self.bad(
                annotation,
                f"keypoints must be 3 x {k} = {3 * k} numbers (x, y, visibility), "
                f"got {len(values)}",
            )
        return values

    def box(self, annotation: Entry) -> list[float] | None:
        """x, y, width, height, in pixels of the image; None where it is not given.

        Raises:
            DataError: it is no box.
        """
        values: list[float] | None = annotation["bbox"]
        if values is not None and len(values) != 4:
            raise self.bad(
                annotation, f"bbox must be 4 numbers (x, y, width, height), got {len(values)}"
            )
        return values


def read_coco(file: Path) -> CocoFile:
    """Read a COCO keypoint file.

    Raises:
        DataError: it cannot be read or is not one.
    """
    return parse_coco(read_bytes(file), file)


def parse_coco(text: bytes, path: Path) -> CocoFile:
    """The same from the file's content; `path` is where it comes from, for complaints."""
    return parse_coco_object(object_from_json(text, f"{path}: not a COCO keypoint file"), path)


def parse_coco_object(value: dict[str, Any], path: Path) -> CocoFile:
    """The same from the JSON object that the content is."""
    content = typed(value, _FILE, f"{path}: not a COCO keypoint file")
    category = _category(content.categories, path)
    images = _images(content.images, path)
    known = {image["id"] for image in images}
    ours = tuple(
        _checked(annotation, _PERSON, f"{path}: annotation {annotation.get('id')!r:.40}")
        for annotation in content.annotations
        if _belongs(annotation, category["id"], path)
    )
    coco = CocoFile(path, category, _skeleton(category, path), images, ours)
    for annotation in ours:
        if annotation["image_id"] not in known:
            raise coco.bad(annotation, f"its image_id {annotation['image_id']} is no listed image")
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


def _checked(entry: Entry, kind: TypeAdapter[Any], place: str) -> dict[str, Any]:
    """All fields of an entry; those that `kind` names have its types."""
    checked: Model = typed(entry, kind, place)
    return {**entry, **dict(checked)}


def _belongs(annotation: Entry, category: int, path: Path) -> bool:
    place = f"{path}: annotation {annotation.get('id')!r:.40}"
    found = typed(annotation, _BELONGING, place).category_id
    return found is None or found == category


def _category(categories: list[dict[str, Any]], path: Path) -> Entry:
    with_keypoints = [c for c in categories if c.get("keypoints")]
    if len(with_keypoints) != 1:
        names = ", ".join(f"{c.get('name')!s:.40}" for c in categories[:5]) or "none"
        raise DataError(
            f"{path}: {len(with_keypoints)} of its {len(categories)} categories have keypoints "
            f"({names}…), exactly one must; for COCO take person_keypoints_*.json"
        )
    return _checked(with_keypoints[0], _CATEGORY, f"{path}: the category with keypoints")


def _skeleton(category: Entry, path: Path) -> Skeleton:
    names, limbs = category["keypoints"], category["skeleton"] or []
    for limb in limbs:
        if not all(1 <= end <= len(names) for end in limb):
            raise DataError(
                f"{path}: the category's skeleton has {limb}; a link must be two keypoint numbers "
                f"from 1 to {len(names)}"
            )
    return skeleton_from_names(names, [(a - 1, b - 1) for a, b in limbs])


def _images(images: list[dict[str, Any]], path: Path) -> tuple[Entry, ...]:
    if not images:
        raise DataError(f"{path}: it lists no images")
    checked = tuple(
        _checked(image, _IMAGE, f"{path}: image {image.get('id')!r:.40}") for image in images
    )
    need_distinct((image["id"] for image in checked), "image id", path)
    return tuple({**image, **_size(image)} for image in checked)


def _size(image: Entry) -> dict[str, int | None]:
    """The size, or None twice where it is not given, as -1 or 0 say."""
    w, h = image["width"], image["height"]
    given = w is not None and h is not None and 0 < w <= 1_000_000 and 0 < h <= 1_000_000
    return {"width": w if given else None, "height": h if given else None}
