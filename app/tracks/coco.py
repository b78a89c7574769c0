"""COCO keypoint annotations with a track id and a score each: a data set and results in one.

pycocotools loads the file as ground truth, and its `annotations` as results. COCO has no word for
an absent keypoint but 0, 0, 0; only OpenPose JSON has that too. Numbers count from 1, because
readers take 0 for "none": tracks are our ids plus 1, images the frame's index plus 1 unless the
file's name is one of COCO's own (000000000139.jpg). `attributes` repeats the track for CVAT and
datumaro, which drop unknown fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from app.tracks.lines import Lines
from app.tracks.writer import Ending, Writer
from engine.coco.files import CocoFile, Entry, parse_coco_object
from engine.offline.recording import unseen_frame
from engine.reading.fields import Count, Score, TrackId
from engine.reading.typed import Model, object_from_json, read_bytes, typed
from engine.types import UNTRACKED, Frame, JointState, Poses, Result

_SPACELESS = (",", ":")
_VISIBLE = 2  # COCO: labelled and visible
_OURS = "posestream: "  # begins the description of our files
FIRST = 1  # of images, annotations and tracks


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
        self._images: list[dict[str, Any]] = []
        self._count = 0
        self._closed = False
        category = {
            "id": 1,
            "name": "person",
            "supercategory": "person",
            "keypoints": list(header["keypoints"]),
            "skeleton": [[a + 1, b + 1] for a, b in header.get("skeleton", ())],
        }
        description = f"{_OURS}{self._source}"
        info = {"description": description, "rate": header.get("rate"), "first_track": FIRST}
        start = {"info": info, "licenses": [], "categories": [category]}
        self._lines.add(json.dumps(start, separators=_SPACELESS)[:-1] + ',"annotations":[')

    def write(self, result: Result) -> None:
        """Append the people of one frame."""
        frame, poses = result.frame, result.poses
        self._images.append(self._image(frame))
        for row in range(len(poses)):
            self._count += 1
            entry = annotation_of(self._count, image_id(frame), poses, row)
            comma = "," if self._count > 1 else ""
            self._lines.add(comma + json.dumps(entry, separators=_SPACELESS))

    def close(self, ending: Ending) -> None:
        """Append the images, so that the file becomes one JSON value."""
        if self._closed:
            return
        self._closed = True
        self._lines.add('],"images":[')
        for n, image in enumerate(self._images):
            self._lines.add(("," if n else "") + json.dumps(image, separators=_SPACELESS))
        self._lines.add("]}")
        self._lines.close()

    def _image(self, frame: Frame) -> dict[str, Any]:
        width, height = frame.size
        return {
            "id": image_id(frame),
            "file_name": picture_name(self._source, frame),
            "width": width,
            "height": height,
            "frame": frame.index,
            "time": round(frame.time, 6),
        }


def image_id(frame: Frame) -> int:
    """COCO's own number of a picture of COCO's, else the frame's index plus 1."""
    own = re.fullmatch(r"(?:.*/)?(\d{12})\.\w+", frame.file_name)
    return int(own.group(1)) if own else frame.index + FIRST


def picture_name(source: str, frame: Frame) -> str:
    """The picture's own file name, or the name `--save-frames` gives to a frame of a video."""
    return frame.file_name or f"{Path(source).stem}_{frame.index:06d}.jpg"


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results; joints are read as detected, since COCO does not say.

    Raises:
        DataError: this is not a COCO keypoint file.
    """
    data = object_from_json(read_bytes(path), str(path))
    coco = parse_coco_object(data, path)
    info = typed(data, _INFO, str(path)).info or _Info()
    images = sorted(coco.images, key=_index)
    size = [images[0]["width"] or 0, images[0]["height"] or 0]
    limbs = [list(limb) for limb in coco.skeleton.limbs]
    source = (info.description or "").removeprefix(_OURS)
    fields = {"source": source, "size": size, "rate": info.rate}
    header = {**fields, "keypoints": list(coco.skeleton.names), "skeleton": limbs}
    return header, _results(images, coco, info)


class _Info(Model):
    description: str | None = None
    first_track: Count = 0  # the number of our id 0
    rate: Annotated[float, Field(gt=0, le=1e6)] | None = None


class _WithInfo(Model):
    info: _Info | None = None


class _Attributes(Model):
    track_id: TrackId | None = None


class _Tracked(Model):
    track_id: TrackId | None = None
    attributes: _Attributes | None = None
    score: Score | None = None
    keypoint_scores: list[Score] | None = None


_INFO, _TRACKED = TypeAdapter(_WithInfo), TypeAdapter(_Tracked)


def _index(image: Entry) -> int:
    """The frame's number; of other programs' files the image's."""
    return abs(int(image["id"] if image["frame"] is None else image["frame"]))


def _results(images: Sequence[Entry], coco: CocoFile, info: _Info) -> Iterator[Result]:
    source = (info.description or "").removeprefix(_OURS)
    for n, image in enumerate(images):
        time = n / (info.rate or 1.0) if image["time"] is None else image["time"]
        size = (image["width"] or 0, image["height"] or 0)
        name = image["file_name"]
        frame = unseen_frame(size, _index(image), time, source=source, file_name=name)
        here = coco.by_image.get(image["id"], [])
        yield Result(frame, people_of(here, coco, info.first_track))


def annotation_of(number: int, image: int, poses: Poses, row: int) -> dict[str, Any]:
    """One person as an entry of `annotations`."""
    there = poses.state[row] != JointState.ABSENT
    xy = np.where(there[:, None], np.round(poses.xy[row].astype(float), 2), 0.0)
    present = xy[there]
    low, high = (present.min(0), present.max(0)) if len(present) else (np.zeros(2), np.zeros(2))
    width, height = np.round(high - low, 2).tolist()
    points = np.concatenate([xy, np.where(there, _VISIBLE, 0)[:, None]], axis=1)
    track = int(poses.ids[row]) + FIRST
    tracked = {"track_id": track, "attributes": {"track_id": track}}
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        **(tracked if poses.ids[row] != UNTRACKED else {}),
        "iscrowd": 0,
        "score": round(float(poses.score[row]), 4),
        "bbox": [*low.tolist(), width, height],
        "area": round(max(width, 1.0) * max(height, 1.0), 2),  # 0 would allow no error
        "num_keypoints": int(there.sum()),
        "keypoints": [int(v) if v == int(v) else v for v in points.ravel().tolist()],
        "keypoint_scores": np.round(poses.joint_score[row].astype(float), 4).tolist(),
    }


def people_of(annotations: Sequence[Entry], coco: CocoFile, first: int = 0) -> Poses:
    """The people of one image; `first` is the number of the file's first track."""
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
        np.array([_id(person, first) for person in tracked], np.int32),
        np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8),
        xy,
    )


def _id(person: _Tracked, first: int) -> int:
    found = person.track_id
    if found is None and person.attributes is not None:
        found = person.attributes.track_id
    return UNTRACKED if found is None else max(found - first, UNTRACKED)
