"""OpenPose JSON: a folder with a file per frame, 18 keypoints in OpenPose's COCO order.

OpenPose has a neck, which we put midway between the shoulders, and writes 0, 0, 0 for what is
absent. Keypoints other than COCO's are written in their own order. `time`, which OpenPose does not
write, is there for reading back; other readers pass over it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from app.tracks.writer import Ending, Writer
from engine.errors import DataError
from engine.files import cannot_write
from engine.offline.recording import unseen_frame
from engine.reading.fields import Pixels, Seconds, TrackId
from engine.reading.typed import Model, from_json, read_bytes
from engine.skeleton import COCO
from engine.types import UNTRACKED, JointState, Poses, Result

_NECK = -1
# Which of our keypoints each of OpenPose's 18 is.
_ORDER = (0, _NECK, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
_SHOULDERS = [5, 6]
_OTHERS = ("face", "hand_left", "hand_right")
_NAME = re.compile(r"(?!\.)(.*?)_?(\d{1,15})_keypoints\.json")


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer into this folder."""
    return OpenPoseWriter(path, header)


class OpenPoseWriter:
    """One small file per frame."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Make the folder.

        Raises:
            OutputError: it cannot be made.
        """
        self._folder, self._name = path, path.name.removesuffix("_json")
        self._coco = tuple(header["keypoints"]) == COCO.names
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error

    def write(self, result: Result) -> None:
        """Write the file of one frame."""
        frame = result.frame
        path = self._folder / f"{self._name}_{frame.index:012d}_keypoints.json"
        points = _points(result.poses, self._coco)
        people = [
            {
                "person_id": [int(number)],
                "pose_keypoints_2d": values.ravel().tolist(),
                **{f"{part}_keypoints_2d": [] for part in _OTHERS},
                "pose_keypoints_3d": [],
                **{f"{part}_keypoints_3d": [] for part in _OTHERS},
            }
            for number, values in zip(result.poses.ids, points, strict=True)
        ]
        value = {"version": 1.3, "people": people, "time": round(frame.time, 6)}
        try:
            path.write_text(json.dumps(value, separators=(",", ":")) + "\n", encoding="utf-8")
        except OSError as error:
            raise cannot_write(path, error) from error

    def close(self, ending: Ending) -> None:
        """Nothing is held open between two frames."""


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results of a folder, also one that OpenPose itself wrote.

    Raises:
        DataError: there are no such files, or keypoints other than 17, 18 or 25.
    """
    files = _files(path)
    if not files:
        raise DataError(f"no NAME_000000000000_keypoints.json in {path}")
    header = {
        "source": path.name.removesuffix("_json"),
        "size": [0, 0],
        "keypoints": list(COCO.names),
        "skeleton": [list(limb) for limb in COCO.limbs],
    }
    return header, (_result(file) for file in files)


def _files(folder: Path) -> list[Path]:
    """The frames' files in order; of several names the one that most files have."""
    found: dict[str, list[tuple[int, Path]]] = {}
    for file in folder.iterdir():
        match = _NAME.fullmatch(file.name)
        if match:
            found.setdefault(match.group(1), []).append((int(match.group(2)), file))
    most = max(found.values(), key=len, default=[])
    return [file for _, file in sorted(most)]


def _points(poses: Poses, coco: bool) -> NDArray[np.float64]:
    """(P, 18 or K, 3) x, y, score; zeros where absent."""
    there = poses.state != JointState.ABSENT
    points = np.concatenate([poses.xy, poses.joint_score[..., None]], axis=2).astype(np.float64)
    points[~there] = 0.0
    if coco:
        neck = points[:, _SHOULDERS].mean(axis=1)
        neck[:, 2] = points[:, _SHOULDERS, 2].min(axis=1)
        neck[~there[:, _SHOULDERS].all(axis=1)] = 0.0
        points = np.concatenate([points, neck[:, None]], axis=1)[:, _ORDER]
    points[..., :2], points[..., 2] = np.round(points[..., :2], 2), np.round(points[..., 2], 4)
    return points


class _Person(Model):
    person_id: tuple[TrackId, ...] | TrackId | None = None
    pose_keypoints_2d: tuple[Pixels, ...] = ()

    @property
    def id(self) -> int:
        """The first id; UNTRACKED where there is none."""
        ids = self.person_id if isinstance(self.person_id, tuple) else (self.person_id,)
        return UNTRACKED if not ids or ids[0] is None else ids[0]


class _File(Model):
    people: tuple[_Person, ...]
    time: Seconds | None = None


_FILE = TypeAdapter(_File)


def _result(file: Path) -> Result:
    value = from_json(read_bytes(file), _FILE, str(file))
    people = [person for person in value.people if person.pose_keypoints_2d]
    try:
        numbers = [_coco_17(np.array(p.pose_keypoints_2d, np.float64)) for p in people]
    except ValueError as error:
        raise DataError(f"{file} is not OpenPose JSON of COCO keypoints: {error}") from error
    ids = [person.id for person in people]
    match = _NAME.fullmatch(file.name)
    index = int(match.group(2)) if match else 0
    points = np.array(numbers, np.float32).reshape(len(people), len(COCO), 3)
    there = points[..., 2] > 0
    xy = np.where(there[..., None], points[..., :2], np.float32(np.nan))
    score = np.where(there, points[..., 2], np.float32(0))
    poses = Poses(
        xy,
        score,
        (score.sum(axis=1) / np.maximum(there.sum(axis=1), 1)).astype(np.float32),
        np.array(ids, np.int32),
        np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8),
        xy,
    )
    return Result(
        unseen_frame((0, 0), index, value.time if value.time is not None else float(index)), poses
    )


def _coco_17(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(51 | 54 | 75,) of COCO-17, COCO-18 or BODY_25 to (17, 3)."""
    if len(values) % 3:
        raise ValueError(f"{len(values)} numbers, expected 3 per keypoint")
    points = values.reshape(-1, 3)
    if len(points) == 17:
        return points
    if len(points) == 18:
        order = [_ORDER.index(k) for k in range(17)]
    elif len(points) == 25:
        # BODY_25 is COCO-18 with a mid-hip after the arms, and feet at the end.
        order = [i + (i >= 8) for i in (_ORDER.index(k) for k in range(17))]
    else:
        raise ValueError(f"{len(points)} keypoints, expected 17, 18 or 25")
    return points[order]
