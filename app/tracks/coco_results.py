"""COCO results: a list of detections, as pycocotools' `loadRes` takes it.

Image ids are those of the `coco` format: the number in the file's name where it is one of COCO's
(000000000139.jpg), else the frame's index plus 1.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from app.tracks.coco import FIRST, annotation_of, image_id, people_of
from app.tracks.lines import Lines
from app.tracks.writer import Ending, Writer
from engine.coco.files import CocoFile, parse_coco_object
from engine.offline.recording import unseen_frame
from engine.reading.typed import from_json, read_bytes
from engine.skeleton import COCO
from engine.types import Result

_FIELDS = ("image_id", "category_id", "keypoints", "score", "bbox", "track_id")


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return CocoResultsWriter(path)


class CocoResultsWriter:
    """An entry per person and frame."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            OutputError: it cannot be written.
        """
        self._lines = Lines(path)
        self._count = 0
        self._closed = False
        self._lines.add("[")

    def write(self, result: Result) -> None:
        """Append the people of one frame."""
        for row in range(len(result.poses)):
            whole = annotation_of(self._count, image_id(result.frame), result.poses, row)
            entry = {key: whole[key] for key in _FIELDS if key in whole}
            comma = "," if self._count else ""
            self._lines.add(comma + json.dumps(entry, separators=(",", ":")))
            self._count += 1

    def close(self, ending: Ending) -> None:
        """End the list."""
        if not self._closed:
            self._closed = True
            self._lines.add("]")
            self._lines.close()


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """A header and the frames with people; a frame's time is its number, since there is none.

    Raises:
        DataError: this is not a list of results of COCO's 17 keypoints.
    """
    entries = from_json(read_bytes(path), _ENTRIES, str(path))
    coco = parse_coco_object(_as_data_set(entries), path)
    limbs = [list(limb) for limb in COCO.limbs]
    header = {"source": path.stem, "size": [0, 0], "keypoints": list(COCO.names), "skeleton": limbs}
    tracks = [entry["track_id"] for entry in entries if isinstance(entry.get("track_id"), int)]
    first = min([FIRST, *tracks])  # some programs count from 0
    return header, _results(coco, first)


_ENTRIES = TypeAdapter(list[dict[str, Any]])


def _as_data_set(entries: list[dict[str, Any]]) -> dict[str, Any]:
    """The same with the images and the category that results leave out."""
    numbers = dict.fromkeys(str(entry.get("image_id")) for entry in entries)
    return {
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO.names)}],
        "images": [{"id": number, "file_name": number} for number in numbers],
        "annotations": [{"id": n, **entry} for n, entry in enumerate(entries, 1)],
    }


def _results(coco: CocoFile, first: int) -> Iterator[Result]:
    for image in sorted(coco.images, key=lambda image: int(image["id"])):
        index = abs(image["id"] - FIRST)
        people = people_of(coco.by_image.get(image["id"], []), coco, first)
        yield Result(unseen_frame((0, 0), index, float(index)), people)
