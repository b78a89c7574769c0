"""From annotations and an image folder to a packed data set that moves easily and trains the same.

What training reads is packed: the images with a labelled person, with all their annotations. A
picture is only ever made smaller; a JPEG that need not be keeps its bytes, and so its pixels.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2

from engine.coco.files import CocoFile, Entry, need_distinct, read_coco
from engine.errors import DataError, OutputError
from engine.files import make_folder
from engine.training.annotations import Picture, in_folder, labelled
from engine.training.pack_scale import scaled
from engine.training.pack_shards import finish_pack, write_shard

Progress = Callable[[int, int], None]  # images done, images in all


@dataclass(frozen=True, slots=True, kw_only=True)
class Packing:
    """How a data set is packed."""

    short_side: int = 384  # pixels, at most: 1.5 times the input size is all that training shows
    quality: int = 92  # of pictures that are made smaller or were no JPEG
    most: int = 60_000_000  # bytes per shard


@dataclass(slots=True)
class _Shard:
    """What the next shard will hold."""

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    taken: int = 0  # bytes

    def add(self, entry: dict[str, Any], annotations: list[dict[str, Any]], coded: bytes) -> None:
        """Another image."""
        self.images.append(entry)
        self.annotations += annotations
        self.files.append((entry["file_name"], coded))
        self.taken += _size(entry, annotations, coded)


def pack(
    annotations: Path,
    images: Path,
    out: Path,
    name: str,
    packing: Packing,
    progress: Progress = lambda done, total: None,
) -> list[Path]:
    """Write a data set's shards into a folder.

    Args:
        annotations: a COCO keypoint file.
        images: the folder of its images.
        out: made if it is not there.
        name: the shards' names begin with it.
        packing: sizes.
        progress: called for every image.

    Raises:
        DataError: an annotation or an image cannot be used.
        OutputError: there is a pack of that name, or the disk does not take it.
    """
    coco = read_coco(annotations)
    chosen = list(labelled(coco, in_folder(coco, images)))
    if not chosen:
        raise DataError(f"{annotations}: no annotation has a labelled keypoint; nothing to pack")
    need_distinct((image["file_name"] for image, _ in chosen), "file_name", annotations)
    _make(out, name)
    parts: dict[int, Path] = {}
    for shard in _shards(coco, chosen, packing, progress):
        number = len(parts) + 1
        parts[number] = out / f"{name}-{number:05d}.part"
        write_shard(parts[number], _as_json(coco, shard), shard.files)
    return finish_pack(out, name, parts)


def _make(out: Path, name: str) -> None:
    make_folder(out)
    if there := sorted(out.glob(f"{name}-*-of-*.zip")):
        raise OutputError(f"{there[0]} is there already: remove that pack, or give another --name")


def _shards(
    coco: CocoFile, chosen: list[tuple[Entry, Picture]], packing: Packing, progress: Progress
) -> Iterator[_Shard]:
    frame = len(_as_json(coco, _Shard())) + 1000  # what a shard costs without any image
    shard = _Shard(taken=frame)
    for done, (image, picture) in enumerate(chosen, start=1):
        packed = _packed(coco, image, coco.by_image[image["id"]], picture, packing)
        size = _size(*packed)
        if frame + size > packing.most:
            raise DataError(
                f"{picture.name} alone takes {size} bytes, more than a shard may have "
                f"({packing.most}): allow larger shards"
            )
        if shard.taken + size > packing.most:
            yield shard
            shard = _Shard(taken=frame)
        shard.add(*packed)
        progress(done, len(chosen))
    yield shard


def _packed(
    coco: CocoFile, image: Entry, annotations: list[Entry], picture: Picture, packing: Packing
) -> tuple[dict[str, Any], list[dict[str, Any]], bytes]:
    pixels, coded = picture.pixels(), picture.coded()
    h, w = pixels.shape[:2]
    name, is_jpeg = image["file_name"], coded.startswith(b"\xff\xd8")
    if not name.lower().endswith((".jpg", ".jpeg")):
        name += ".jpg"
    factor = packing.short_side / min(h, w)
    if factor >= 1 and is_jpeg:
        return (
            {**image, "file_name": name, "width": w, "height": h},
            [*map(dict, annotations)],
            coded,
        )
    size = (w, h) if factor >= 1 else (max(1, round(w * factor)), max(1, round(h * factor)))
    bgr = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, packing.quality])
    x, y = size[0] / w, size[1] / h
    smaller = [scaled(a, x, y, f"{coco.path}: annotation {a['id']}") for a in annotations]
    entry = {**image, "file_name": name, "width": size[0], "height": size[1]}
    return entry, smaller, jpeg.tobytes()


def _as_json(coco: CocoFile, shard: _Shard) -> bytes:
    content = {
        "categories": [coco.category],
        "images": shard.images,
        "annotations": shard.annotations,
    }
    return json.dumps(content, separators=(",", ":")).encode()


def _size(entry: dict[str, Any], annotations: list[dict[str, Any]], coded: bytes) -> int:
    """Bytes in the shard at most: the text is compressed, and a file is named in two places."""
    text = len(json.dumps(entry)) + sum(len(json.dumps(one)) for one in annotations)
    return len(coded) + text + 2 * len(entry["file_name"].encode()) + 100
