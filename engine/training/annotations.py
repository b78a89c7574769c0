"""Annotated pictures, checked once so that training never meets a bad annotation.

Any number of keypoints: names come from the annotated category, and mirror partners from the names
("left_wrist" and "right_wrist"). Pictures lie in a folder or in a packed data set; the same pixels
give the same training either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.coco.files import CocoFile, Entry, parse_coco, read_coco
from engine.errors import DataError
from engine.skeleton import Skeleton
from engine.sources.pictures import NotAPicture, decode_picture
from engine.training.pack_shards import ANNOTATIONS, find_shards, members, read_member


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One annotated image; boxes are x, y, width, height in its pixels."""

    path: Path  # the image, or the shard that holds it
    joints: NDArray[np.float32]  # (P, K, 3) x, y in pixels and 1 = labelled, 0 = not
    boxes: NDArray[np.float32]  # (P, 4) around each person in `joints`
    unknown: NDArray[np.float32]  # (Q, 4) crowds and people without keypoints: no answer is wrong
    member: str = ""  # its name in the shard
    size: tuple[int, int] | None = None  # (width, height) in pixels, as annotated

    @property
    def name(self) -> str:
        """Where it is, for people."""
        return f"{self.path}:{self.member}" if self.member else str(self.path)

    def coded(self) -> bytes:
        """The file's bytes.

        Raises:
            DataError: it cannot be read.
        """
        if self.member:
            return read_member(self.path, self.member)
        try:
            return self.path.read_bytes()
        except OSError as error:
            raise DataError(f"{self.path}: cannot be read ({error.strerror})") from error

    def pixels(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB, lying as it was annotated.

        Raises:
            DataError: it is no readable image, or another one than was annotated.
        """
        coded = self.coded()
        decoded = _decoded(coded, self.name)
        h, w = decoded.shape[:2]
        wanted = self.size or (w, h)
        if wanted == (h, w) != (w, h):
            # Its EXIF tag says to turn it, but it was annotated unturned.
            decoded = _decoded(coded, self.name, turned=False)
            h, w = decoded.shape[:2]
        if wanted != (w, h):
            raise DataError(
                f"{self.name} has {w}x{h} pixels, but its annotations are for "
                f"{wanted[0]}x{wanted[1]}: it is another image, or was resized"
            )
        return decoded


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
        DataError: the file or one of its annotations is not usable, or an image is not there.
    """
    coco = read_coco(file)
    pictures = tuple(picture for _, picture in labelled(coco, in_folder(coco, images)))
    if not pictures:
        raise DataError(f"{file}: no annotation has a labelled keypoint; nothing to train on")
    return Annotations(coco.skeleton, pictures)


def load_pack(folder: Path) -> Annotations:
    """Read a data set that `data pack` wrote: all its shards, or several packs in one folder.

    Raises:
        DataError: a shard is missing, damaged or of other keypoints.
    """
    pictures: list[Picture] = []
    skeleton: Skeleton | None = None
    for shard in find_shards(folder):
        coco = parse_coco(read_member(shard, ANNOTATIONS), shard)
        skeleton = skeleton or coco.skeleton
        if coco.skeleton.names != skeleton.names:
            raise DataError(f"{shard}: other keypoints than the shards before it in {folder}")
        pictures += [picture for _, picture in labelled(coco, _in_shard(coco, shard))]
    if skeleton is None or not pictures:
        raise DataError(f"{folder}: no person in it has a labelled keypoint; nothing to train on")
    return Annotations(skeleton, tuple(pictures))


Place = Callable[[Entry], tuple[Path, str]]  # an image's entry -> its file, or shard and name


def in_folder(coco: CocoFile, folder: Path) -> Place:
    """Looks for the images in a folder."""

    def place(image: Entry) -> tuple[Path, str]:
        path = folder / image["file_name"]
        if not path.is_file():
            raise DataError(f"{coco.path}: image {image['id']}: there is no file {path}")
        return path, ""

    return place


def _in_shard(coco: CocoFile, shard: Path) -> Place:
    there = members(shard)

    def place(image: Entry) -> tuple[Path, str]:
        if image["file_name"] not in there:
            raise DataError(f"{shard}: image {image['file_name']} is not in it; copy it again")
        return shard, image["file_name"]

    return place


def labelled(coco: CocoFile, place: Place) -> Iterator[tuple[Entry, Picture]]:
    """Every image with at least one labelled person, with its entry in the file."""
    for image in coco.images:
        picture = _picture(image, coco, place)
        if picture is not None:
            yield image, picture


def _picture(image: Entry, coco: CocoFile, place: Place) -> Picture | None:
    joints, boxes, unknown = [], [], []
    for annotation in coco.by_image.get(image["id"], ()):
        points = _joints(annotation, coco)
        known = points[points[:, 2] > 0]
        box = _box(annotation, known, coco)
        if annotation["iscrowd"] or not len(known):
            unknown += [] if box is None else [box]
        else:
            assert box is not None, "labelled keypoints have a box around them"
            joints.append(points)
            boxes.append(box)
    if not joints:
        return None
    path, member = place(image)
    return Picture(
        path,
        np.array(joints, np.float32),
        np.array(boxes, np.float32),
        np.array(unknown, np.float32).reshape(-1, 4),
        member,
        _size(image),
    )


def _size(image: Entry) -> tuple[int, int] | None:
    w, h = image["width"], image["height"]
    return None if w is None else (w, h)


def _joints(annotation: Entry, coco: CocoFile) -> NDArray[np.float32]:
    points = np.array(coco.keypoints(annotation), np.float32).reshape(len(coco.skeleton), 3)
    points[:, 2] = points[:, 2] > 0
    return points


def _box(
    annotation: Entry, known: NDArray[np.float32], coco: CocoFile
) -> NDArray[np.float32] | None:
    """The box, or where it is flat or not given the one around the keypoints; None without any."""
    given = coco.box(annotation)
    if given is not None and given[2] > 0 and given[3] > 0:
        return np.array(given, np.float32)
    if not len(known):
        return None
    low, high = known[:, :2].min(0), known[:, :2].max(0)
    return np.concatenate((low, np.maximum(high - low, 1))).astype(np.float32)


def _decoded(coded: bytes, name: str, *, turned: bool = True) -> NDArray[np.uint8]:
    try:
        return decode_picture(coded, turned=turned)
    except NotAPicture as error:
        raise DataError(f"{name} {error}; replace or remove it") from error
