"""TRC, the marker format of OpenSim, in pixels as Sports2D writes it: a file per person.

Markers have the names Pose2Sim and OpenSim models use (RShoulder); x right, y down, z 0. Cells of
absent keypoints are `nan`: OpenSim counts cells and refuses rows that end with empty ones. Frames
between two appearances of a person are there, so that rows follow each other as those programs
expect. Frame# counts from 1.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from app.tracks.dense import mean_rate
from app.tracks.header import checked_header
from app.tracks.person_names import id_of
from app.tracks.writer import Ending, Writer
from engine.errors import DataError, OutputError
from engine.files import HIDDEN, cannot_write
from engine.offline.recording import unseen_frame
from engine.reading.cells import Cells, text_lines
from engine.reading.fields import check_name
from engine.skeleton import COCO
from engine.types import UNTRACKED, JointState, Poses, Result, no_people

_KEYS = (
    "DataRate CameraRate NumFrames NumMarkers Units OrigDataRate OrigDataStartFrame OrigNumFrames"
)
_ABSENT = "nan\tnan\tnan"
_BATCH = 256  # rows of a person gathered before they are written


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of files beginning with this path."""
    return TrcWriter(path, header)


class TrcWriter:
    """Rows are gathered in a part file per person, because the first lines hold their number."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Nothing is created before the first person.

        Raises:
            OutputError: two keypoints have the same marker, or one has none.
        """
        self._stem, self._markers = path, markers(header["keypoints"])
        self._rate = header.get("rate")
        self._unit = str(header.get("units", "px"))
        self._places = 2 if self._unit == "px" else 5
        self._frames: list[tuple[int, float]] = []
        self._rows: dict[int, list[str]] = {}
        self._known: set[int] = set()
        self._closed = False
        for stale in (path.parent / HIDDEN).glob(f"{glob.escape(path.name)}_person*.trc.part"):
            stale.unlink()  # of a run that was killed

    def write(self, result: Result) -> None:
        """Take one frame."""
        poses, index = result.poses, result.frame.index
        self._frames.append((index, result.frame.time))
        there = poses.state != JointState.ABSENT
        xy, places = poses.xy.astype(np.float64), self._places
        for row, person in enumerate(poses.ids.tolist()):
            if person != UNTRACKED:
                cells = (
                    f"{x:.{places}f}\t{y:.{places}f}\t{0:.{places}f}" if seen else _ABSENT
                    for seen, (x, y) in zip(there[row], xy[row], strict=True)
                )
                rows = self._rows.setdefault(person, [])
                rows.append(f"{index}\t" + "\t".join(cells))
                if len(rows) >= _BATCH:
                    self._flush(person)

    def close(self, ending: Ending) -> None:
        """Write the files of all persons."""
        if self._closed:
            return
        self._closed = True
        for person in list(self._rows):
            self._flush(person)
        for person in sorted(self._known):
            self._finish(person)

    def _flush(self, person: int) -> None:
        rows = self._rows.pop(person)
        part = self._part(person)
        self._known.add(person)
        try:
            part.parent.mkdir(exist_ok=True)
            with part.open("a", encoding="utf-8") as file:
                file.writelines(row + "\n" for row in rows)
        except OSError as error:
            raise cannot_write(part, error) from error

    def _finish(self, person: int) -> None:
        part = self._part(person)
        path = self._stem.parent / part.stem
        try:
            with part.open(encoding="utf-8") as rows:
                indices = [int(row.partition("\t")[0]) for row in rows]
            frames = [f for f in self._frames if indices[0] <= f[0] <= indices[-1]]
            with part.open(encoding="utf-8") as rows, path.open("w", encoding="utf-8") as file:
                file.write(self._top(path.name, frames))
                file.writelines(_filled(frames, rows, len(self._markers)))
            part.unlink()
        except OSError as error:
            raise cannot_write(path, error) from error

    def _top(self, name: str, frames: list[tuple[int, float]]) -> str:
        rate = mean_rate([time for _, time in frames], self._rate)
        number, count = f"{rate:.6g}", len(frames)
        values = (
            number,
            number,
            count,
            len(self._markers),
            self._unit,
            number,
            frames[0][0] + 1,
            count,
        )
        names = "\t\t\t".join(self._markers)
        axes = "\t".join(f"X{k}\tY{k}\tZ{k}" for k in range(1, len(self._markers) + 1))
        return (
            f"PathFileType\t4\t(X/Y/Z)\t{name}\n"
            + "\t".join(_KEYS.split())
            + "\n"
            + "\t".join(map(str, values))
            + f"\nFrame#\tTime\t{names}\t\t\n\t\t{axes}\n"
        )

    def _part(self, person: int) -> Path:
        return self._stem.parent / HIDDEN / f"{self._stem.name}_person{person:02d}.trc.part"


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results of one person's file, also one that Sports2D wrote.

    Raises:
        DataError: this is not a TRC file.
    """
    top = [Cells(f"{path}, line {n}", text.split("\t")) for n, text in islice(text_lines(path), 5)]
    if len(top) < 4:
        raise DataError(f"{path} is not a TRC file: it has {len(top)} lines")
    values = {name: at for at in range(len(top[1])) if (name := top[1].text(at, "a key"))}
    if not {"DataRate", "NumMarkers", "Units"} <= values.keys():
        raise DataError(
            f"{path} is not a TRC file: its second line names no DataRate, NumMarkers, Units"
        )
    rate = top[2].needed(values["DataRate"], "DataRate")
    count = top[2].whole(values["NumMarkers"], "NumMarkers")
    unit = top[2].text(values["Units"], "Units")
    if not unit.lower().startswith(("px", "pix")):
        raise DataError(f"{path}: its unit is {unit}, tracks are in px")
    names = [name for at in range(2, len(top[3])) if (name := top[3].text(at, "a marker"))]
    if len(names) != count:
        raise DataError(f"{path} is not a TRC file: {len(names)} marker names, {count} announced")
    keypoints = [keypoint_of(name) for name in names]
    header = {"source": path.stem, "size": [0, 0], "rate": rate, "keypoints": keypoints}
    return checked_header(header, f"{path}, line 4"), _results(path, len(names))


def marker(keypoint: str) -> str:
    """left_shoulder as the models of OpenSim call it: LShoulder."""
    side, _, part = keypoint.partition("_")
    if part and side in ("left", "right"):
        return side[0].upper() + part.title().replace("_", "").strip()
    return keypoint.title().replace("_", "").strip()


def markers(keypoints: Sequence[str]) -> list[str]:
    """The marker of each keypoint.

    Raises:
        OutputError: two have the same, or one could not be read back.
    """
    found: dict[str, str] = {}
    for name in keypoints:
        try:
            other = found.setdefault(check_name(marker(name)), name)
        except ValueError as error:
            raise OutputError(
                f"keypoint {name!r} has no marker {marker(name)!r}: {error}"
            ) from error
        if other != name:
            raise OutputError(
                f"keypoints {other!r} and {name!r} would both be the marker {marker(name)}"
            )
    return list(found)


def keypoint_of(marker_name: str) -> str:
    """LShoulder as COCO calls it: left_shoulder; names that COCO has not stay as they are."""
    return _COCO_NAMES.get(marker_name, marker_name)


_COCO_NAMES = {marker(name): name for name in COCO.names}


def _filled(frames: list[tuple[int, float]], rows: Iterator[str], keypoints: int) -> Iterator[str]:
    """A line per frame; absent cells where the person was not seen."""
    here, _, cells = next(rows, "-1\t").rstrip("\n").partition("\t")
    empty = "\t".join([_ABSENT] * keypoints)
    for index, time in frames:
        line = empty
        if index == int(here):
            line = cells
            here, _, cells = next(rows, "-1\t").rstrip("\n").partition("\t")
        yield f"{index + 1}\t{time:.6f}\t{line}\n"


def _results(path: Path, keypoints: int) -> Iterator[Result]:
    match = re.search(r"person\d{1,10}", path.stem)
    person = id_of(match.group(), 0) if match else 0
    for number, text in text_lines(path):
        cells = Cells(f"{path}, line {number}", text.split("\t"))
        if number <= 5 or not cells.text(0, "Frame#"):
            continue
        there = min(len(cells), 2 + 3 * keypoints)
        values = [cells.number(at, "a coordinate") for at in range(2, there)]
        values += [np.nan] * (3 * keypoints - len(values))
        xy = np.array(values, np.float32).reshape(1, keypoints, 3)[..., :2]
        index = max(0, cells.whole(0, "Frame#") - 1)
        frame = unseen_frame((0, 0), index, cells.needed(1, "Time"))
        yield Result(frame, _person(person, xy))


def _person(person: int, xy: np.ndarray[Any, np.dtype[np.float32]]) -> Poses:
    there = ~np.isnan(xy).any(axis=2)
    if not there.any():
        return no_people(xy.shape[1])
    xy = np.where(there[..., None], xy, np.float32(np.nan))
    return Poses(
        xy,
        there.astype(np.float32),
        np.ones(1, np.float32),
        np.array([person], np.int32),
        np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8),
        xy,
    )
