"""COCO keypoint annotations with a track id and a score each: a data set and results in one.

pycocotools loads the file as ground truth, and its `annotations` as results. COCO has no word for
an absent keypoint but 0, 0, 0; nowhere else do we write that.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from app.tracks.lines import Lines
from app.tracks.writer import Ending, Writer
from engine.coco.files import CocoFile, Entry, parse_coco_object
from engine.offline.recording import unseen_frame
from engine.reading.fields import Score, TrackId
from engine.reading.typed import Model, object_from_json, read_bytes, typed
from engine.types import UNTRACKED, JointState, Poses, Result

_SPACELESS = (",", ":")
_VISIBLE = 2  # COCO: labelled and visible


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return CocoWriter(path, header)


class CocoWriter:
    """Annotations as they come, and the list of images at the end."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Create the file.

        Raises:
            OutputError: it cannot be written.
        """
        self._lines = Lines(path)
        self._source = str(header.get("source", ""))
        self._images: list[tuple[int, float, tuple[int, int]]] = []
        self._count = 0
        self._closed = False
        category = {
            "id": 1,
            "name": "person",
            "supercategory": "person",
            "keypoints": list(header["keypoints"]),
            "skeleton": [[a + 1, b + 1] for a, b in header.get("skeleton", ())],
        }
        info = {"description": f"posestream: {self._source}", "rate": header.get("rate")}
        start = {"info": info, "licenses": [], "categories": [category]}
        self._lines.add(json.dumps(start, separators=_SPACELESS)[:-1] + ',"annotations":[')

    def write(self, result: Result) -> None:
        """Append the people of one frame."""
        frame, poses = result.frame, result.poses
        self._images.append((frame.index, frame.time, frame.size))
        for row in range(len(poses)):
            self._count += 1
            entry = _annotation(self._count, frame.index, poses, row)
            comma = "," if self._count > 1 else ""
            self._lines.add(comma + json.dumps(entry, separators=_SPACELESS))

    def close(self, ending: Ending) -> None:
        """Append the images, so that the file becomes one JSON value."""
        if self._closed:
            return
        self._closed = True
        self._lines.add('],"images":[')
        for n, (index, time, (width, height)) in enumerate(self._images):
            image = {
                "id": index,
                "file_name": f"{Path(self._source).stem}_{index:06d}.jpg",
                "width": width,
                "height": height,
                "time": round(time, 6),
            }
            self._lines.add(("," if n else "") + json.dumps(image, separators=_SPACELESS))
        self._lines.add("]}")
        self._lines.close()


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results; joints are read as detected, since COCO does not say.

    Raises:
        DataError: this is not a COCO keypoint file.
    """
    data = object_from_json(read_bytes(path), str(path))
    coco = parse_coco_object(data, path)
    info = typed(data, _INFO, str(path)).info or _Info()
    images = sorted(coco.images, key=lambda image: int(image["id"]))
    size = [images[0]["width"] or 0, images[0]["height"] or 0]
    limbs = [list(limb) for limb in coco.skeleton.limbs]
    source = (info.description or "").removeprefix("posestream: ")
    fields = {"source": source, "size": size, "rate": info.rate}
    header = {**fields, "keypoints": list(coco.skeleton.names), "skeleton": limbs}
    return header, _results(images, coco, info.rate, source)


class _Info(Model):
    description: str | None = None
    rate: Annotated[float, Field(gt=0, le=1e6)] | None = None


class _WithInfo(Model):
    info: _Info | None = None


class _Tracked(Model):
    track_id: TrackId | None = None
    score: Score | None = None
    keypoint_scores: list[Score] | None = None


_INFO, _TRACKED = TypeAdapter(_WithInfo), TypeAdapter(_Tracked)


def _results(
    images: Sequence[Entry], coco: CocoFile, rate: float | None, source: str
) -> Iterator[Result]:
    for n, image in enumerate(images):
        time = n / (rate or 1.0) if image["time"] is None else image["time"]
        size = (image["width"] or 0, image["height"] or 0)
        frame = unseen_frame(size, abs(image["id"]), time, source=source)
        yield Result(frame, _people(coco.by_image.get(image["id"], []), coco))


def _annotation(number: int, image: int, poses: Poses, row: int) -> dict[str, Any]:
    there = poses.state[row] != JointState.ABSENT
    xy = np.where(there[:, None], np.round(poses.xy[row].astype(float), 2), 0.0)
    present = xy[there]
    low, high = (present.min(0), present.max(0)) if len(present) else (np.zeros(2), np.zeros(2))
    width, height = np.round(high - low, 2).tolist()
    points = np.concatenate([xy, np.where(there, _VISIBLE, 0)[:, None]], axis=1)
    track = int(poses.ids[row])
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "track_id": None if track == UNTRACKED else track,
        "iscrowd": 0,
        "score": round(float(poses.score[row]), 4),
        "bbox": [*low.tolist(), width, height],
        "area": round(width * height, 2),
        "num_keypoints": int(there.sum()),
        "keypoints": [int(v) if v == int(v) else v for v in points.ravel().tolist()],
        "keypoint_scores": np.round(poses.joint_score[row].astype(float), 4).tolist(),
    }


def _people(annotations: Sequence[Entry], coco: CocoFile) -> Poses:
    count, keypoints = len(annotations), len(coco.skeleton)
    points = np.array([coco.keypoints(a) for a in annotations], np.float32)
    points = points.reshape(count, keypoints, 3)
    there = points[..., 2] > 0
    xy = np.where(there[..., None], points[..., :2], np.float32(np.nan))
    tracked = [typed(a, _TRACKED, f"{coco.path}: annotation {a['id']}") for a in annotations]
    scores = there.astype(np.float32)
    for row, person in enumerate(tracked):
        if person.keypoint_scores and len(person.keypoint_scores) == keypoints:
            scores[row] = np.where(there[row], person.keypoint_scores, 0.0)
    return Poses(
        xy,
        scores,
        np.array([1.0 if p.score is None else p.score for p in tracked], np.float32),
        np.array([UNTRACKED if p.track_id is None else p.track_id for p in tracked], np.int32),
        np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8),
        xy,
    )
