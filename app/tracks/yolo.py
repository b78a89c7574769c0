"""YOLO-pose labels: a text file per frame, a line per person, all in fractions of the picture.

`NAME_yolo/` holds `train/labels/*.txt` and `data.yaml`; pictures go to `train/images`. A line is
class, box (centre, width, height) and x, y, v of each keypoint, with 2 for a keypoint that is there
and 0 0 0 for one that is not. Ids and scores have no place in it. `posestream:` in data.yaml holds
the frames' sizes for reading back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, TypeAdapter

from app.tracks.coco import picture_name
from app.tracks.header import checked_header
from app.tracks.writer import Ending, Writer
from engine.errors import DataError
from engine.files import cannot_write, write_whole
from engine.offline.recording import skeleton_of, unseen_frame
from engine.reading.cells import Cells, text_lines
from engine.reading.fields import Count, Keypoints, Limb, Seconds, Side
from engine.reading.typed import Model, from_json
from engine.types import UNTRACKED, JointState, Poses, Result

_INFO = "posestream: "  # begins the line of data.yaml that is ours
_LABELS = "train/labels"
_VISIBLE = 2
_FARTHEST = 10.0  # widths or heights of the picture that a keypoint may lie from its corner


def _file_name(name: str) -> str:
    if name in ("", ".", "..") or set(name) & set("/\\\0"):
        raise ValueError("must be a file's name, without folders")
    return name


class _Ours(Model):
    """What the line of data.yaml says that is for reading back."""

    rate: float | None
    keypoints: Keypoints
    skeleton: tuple[Limb, ...]
    # file of labels, frame, s in the source, width and height in pixels
    frames: tuple[
        tuple[Annotated[str, AfterValidator(_file_name)], Count, Seconds, Side, Side], ...
    ]


_OURS = TypeAdapter(_Ours)


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer into this folder."""
    return YoloWriter(path, header)


class YoloWriter:
    """A file per frame, and the description of the data set at the end."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Make the folder.

        Raises:
            OutputError: it cannot be made.
        """
        self._folder, self._header = path, header
        self._source = str(header.get("source", ""))
        self._frames: list[tuple[str, int, float, int, int]] = []
        self._closed = False
        try:
            (path / _LABELS).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(path, error) from error

    def write(self, result: Result) -> None:
        """Write the labels of one frame."""
        frame = result.frame
        name = PurePosixPath(picture_name(self._source, frame)).with_suffix("")
        label = str(name).replace("/", "_")
        path = self._folder / _LABELS / f"{label}.txt"
        self._frames.append((label, frame.index, round(frame.time, 6), *frame.size))
        lines = (_line(result.poses, row, frame.size) for row in range(len(result.poses)))
        try:
            path.write_text("".join(f"{line}\n" for line in lines if line), encoding="utf-8")
        except OSError as error:
            raise cannot_write(path, error) from error

    def close(self, ending: Ending) -> None:
        """Write data.yaml."""
        if self._closed:
            return
        self._closed = True
        skeleton = skeleton_of(self._header)
        ours = {"rate": self._header.get("rate"), "keypoints": list(skeleton.names)}
        ours["skeleton"] = [list(limb) for limb in skeleton.limbs]
        ours["frames"] = self._frames
        text = (
            "path: .\ntrain: train/images\nval: train/images\n"
            f"kpt_shape: [{len(skeleton)}, 3]\nflip_idx: {list(skeleton.mirror)}\n"
            f"node_names: {json.dumps(ours['keypoints'])}\nskeleton: {ours['skeleton']}\n"
            f"names:\n  0: person\n{_INFO}{json.dumps(ours)}\n"
        )
        write_whole(self._folder / "data.yaml", text.encode())
        self._link_pictures()

    def _link_pictures(self) -> None:
        """Lead to the pictures of the format `frames`, where they were written too."""
        name = self._folder.name.removesuffix("_yolo")
        images = self._folder / "train" / "images"
        if (self._folder.parent / f"{name}_frames").is_dir() and not images.exists():
            with suppress(OSError):  # Windows may not allow links
                images.symlink_to(Path("..", "..", f"{name}_frames"), target_is_directory=True)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results of a folder that posestream wrote; people have no ids.

    Raises:
        DataError: data.yaml is missing or does not say the sizes of the pictures.
    """
    place = f"{path}/data.yaml"
    lines = (line for _, line in text_lines(path / "data.yaml"))
    said = next((line for line in lines if line.startswith(_INFO)), None)
    if said is None:
        raise DataError(f"{place}: it does not say the sizes of the pictures; posestream's does")
    ours = from_json(said.removeprefix(_INFO), _OURS, place)
    size = list(ours.frames[0][3:]) if ours.frames else [0, 0]
    name = path.name.removesuffix("_yolo")
    header: dict[str, Any] = {"source": name, "size": size, "rate": ours.rate}
    header = {**header, "keypoints": ours.keypoints, "skeleton": ours.skeleton}
    return checked_header(header, place), (
        Result(
            unseen_frame((width, height), index, time),
            _people(path / _LABELS / f"{name}.txt", (width, height), len(ours.keypoints)),
        )
        for name, index, time, width, height in ours.frames
    )


def _line(poses: Poses, row: int, size: tuple[int, int]) -> str:
    there = poses.state[row] != JointState.ABSENT
    if not there.any():
        return ""
    scaled = np.clip(poses.xy[row].astype(np.float64) / size, 0, 1)
    low, high = scaled[there].min(axis=0), scaled[there].max(axis=0)
    box = [*((low + high) / 2), *(high - low)]
    points = (
        f"{x:.6f} {y:.6f} {_VISIBLE}" if seen else "0 0 0"
        for seen, (x, y) in zip(there, scaled, strict=True)
    )
    return " ".join(["0", *(f"{value:.6f}" for value in box), *points])


def _people(file: Path, size: tuple[int, int], keypoints: int) -> Poses:
    rows = []
    for number, line in text_lines(file):
        cells = Cells(f"{file}, line {number}", line.split())
        if len(cells) not in (0, 5 + 3 * keypoints):
            raise DataError(
                f"{cells.place}: has {len(cells)} numbers, {5 + 3 * keypoints} are a class, a box "
                f"and {keypoints} keypoints"
            )
        if len(cells):
            rows.append([cells.needed(at, "a keypoint", _FARTHEST) for at in range(5, len(cells))])
    values = np.array(rows, np.float64)
    points = values.reshape(len(rows), keypoints, 3)
    there = points[..., 2] > 0
    xy = np.where(there[..., None], np.round(points[..., :2] * size, 2), np.nan).astype(np.float32)
    return Poses(
        xy,
        there.astype(np.float32),
        np.ones(len(rows), np.float32),
        np.full(len(rows), UNTRACKED, np.int32),
        np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8),
        xy,
    )
