"""The detections of one segment as bytes: a NumPy archive, whose members carry checksums.

The camera's motion into the first frame is not known when a segment is read alone. So the
archive holds what is compared of its first and last frame (`engine.tracking.camera_motion.View`),
and the motion is measured where segments are joined: no frame is decoded or detected twice.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.offline.recording import concatenate, unseen_frame
from engine.pipeline import Detection
from engine.tracking.camera_motion import CameraMotion, CameraStep, View, between
from engine.types import Frame, Poses

VERSION = 2
_POSES = ("xy", "joint_score", "score", "ids", "state", "raw_xy")


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Consecutive frames of a video with their people."""

    arrays: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.arrays["index"])

    @property
    def times(self) -> NDArray[np.float64]:
        """(N,) s in the source."""
        return self.arrays["time"]

    def frames(self, source: str) -> Iterator[tuple[Frame, Poses]]:
        """Every frame, without its picture, and the people in it."""
        ends = np.cumsum(self.arrays["count"])
        arrays = {name: self.arrays[name] for name in _POSES}
        people = Poses(**arrays, appearance=self.arrays.get("appearance"))
        rows = zip(*(self.arrays[n].tolist() for n in ("index", "time", "size")), strict=True)
        for row, (index, time, size) in enumerate(rows):
            chosen = np.arange(ends[row] - self.arrays["count"][row], ends[row])
            yield unseen_frame((size[0], size[1]), index, time, source=source), people.take(chosen)

    def view(self, which: str) -> View | None:
        """What is compared of the "first" or "last" frame."""
        if f"{which}_small" not in self.arrays:
            return None
        small, free = self.arrays[f"{which}_small"], self.arrays[f"{which}_free"]
        return View(small, free, int(self.arrays[f"{which}_cell"]))

    def detections(self, source: str, before: View | None) -> Iterator[Detection]:
        """As if they had been found here, after a frame with the view `before`."""
        first = self.view("first")
        shift, cut = self.arrays["shift"], self.arrays["cut"].tolist()
        for row, (frame, poses) in enumerate(self.frames(source)):
            if row == 0 and first is not None:
                yield Detection(frame, poses, between(before, first))
            else:
                yield Detection(frame, poses, CameraStep(shift[row], cut[row]))


def gather(found: Iterable[tuple[Frame, Poses]], keypoints: int) -> Part:
    """Put frames and their people into arrays; the pictures are released."""
    frames: list[tuple[int, float, tuple[int, int], int]] = []
    people: list[Poses] = []
    for frame, poses in found:
        frames.append((frame.index, frame.time, frame.size, len(poses)))
        people.append(poses)
    every = concatenate(people, keypoints)
    columns = {
        "index": np.array([f[0] for f in frames], np.int64),
        "time": np.array([f[1] for f in frames], np.float64),
        "size": np.array([f[2] for f in frames], np.int64).reshape(-1, 2),
        "count": np.array([f[3] for f in frames], np.int64),
    }
    return Part({**columns, **{name: getattr(every, name) for name in _POSES}})


def gather_detections(found: Iterable[Detection], camera: CameraMotion, keypoints: int) -> Part:
    """The same with the camera's motion; `camera` is the one that the detections were made with."""
    steps: list[CameraStep] = []
    looks: list[NDArray[np.float32]] = []
    views: dict[str, View | None] = {}

    def watched() -> Iterator[tuple[Frame, Poses]]:
        for detection in found:
            steps.append(detection.camera)
            if detection.poses.appearance is not None:
                looks.append(detection.poses.appearance)
            views.setdefault("first", camera.last)
            yield detection.frame, detection.poses

    part = gather(watched(), keypoints)
    views["last"] = camera.last
    part.arrays["shift"] = np.array([s.shift for s in steps], np.float64).reshape(-1, 2)
    if looks:
        part.arrays["appearance"] = np.concatenate(looks)
    part.arrays["cut"] = np.array([s.cut for s in steps], np.bool_)
    for which, seen in views.items():
        if seen is not None:
            part.arrays[f"{which}_small"], part.arrays[f"{which}_free"] = seen.small, seen.free
            part.arrays[f"{which}_cell"] = np.array(seen.cell)
    return part


def to_bytes(part: Part, key: str) -> bytes:
    """The archive.

    Args:
        key: of all that the content depends on.
    """
    head = json.dumps({"version": VERSION, "key": key}).encode()
    buffer = io.BytesIO()
    np.savez(buffer, head=np.frombuffer(head, np.uint8), **part.arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def from_bytes(data: bytes, key: str, name: str) -> Part:
    """What `to_bytes` was given.

    Args:
        name: for messages.

    Raises:
        DataError: it is damaged, or depends on something else than `key`.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {member: archive[member] for member in archive.files}
        head = json.loads(arrays.pop("head").tobytes())
        if head == {"version": VERSION, "key": key}:
            return Part(arrays)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{name} is damaged ({error}); delete it and run it again") from error
    raise DataError(f"{name} was made with other settings; delete it and run it again")
