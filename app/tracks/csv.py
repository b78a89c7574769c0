"""Tracks as CSV: one row per person and frame, for spreadsheets and data frames.

Frames without people, the picture's size, the limbs and the raw positions are not in it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from app.tracks.lines import Lines
from app.tracks.writer import Ending, Writer
from engine.errors import DataError
from engine.offline.recording import unseen_frame
from engine.types import UNTRACKED, JointState, Poses, Result

_STATES = ["", "detected", "refined", "interpolated"]  # by JointState
_FIXED = ["frame", "time", "id", "score"]
_STATE_OF = {"": 0, **{state.name.lower(): int(state) for state in JointState if state}}


class CsvWriter:
    """Columns frame, time, id, score and then x, y, score, state of each keypoint.

    Units are pixels and seconds; the cells of an absent keypoint are empty.
    """

    def __init__(self, path: Path, keypoints: tuple[str, ...]) -> None:
        """Create the file and write its first row.

        Raises:
            OutputError: the file cannot be written.
        """
        self._lines = Lines(path)
        columns = [f"{name}_{part}" for name in keypoints for part in ("x", "y", "score", "state")]
        self._lines.add(",".join(["frame", "time", "id", "score", *columns]))

    def write(self, result: Result) -> None:
        """Append one row per person."""
        rows = _rows(result.poses)
        if rows:
            start = f"{result.frame.index},{result.frame.time:.6f},"
            self._lines.add("\n".join(start + row for row in rows))

    def close(self, ending: Ending) -> None:
        """Close the file; what is in it does not depend on how the source ended."""
        self._lines.close()


def _rows(poses: Poses) -> list[str]:
    rows = []
    there = ~np.isnan(poses.xy).any(-1) & (poses.state != JointState.ABSENT)
    for row, number in enumerate(poses.ids.tolist()):
        joints = zip(
            there[row].tolist(),
            poses.xy[row].tolist(),
            poses.joint_score[row].tolist(),
            poses.state[row].tolist(),
            strict=True,
        )
        cells = [
            f"{x:.2f},{y:.2f},{score:.4f},{_STATES[state]}" if seen else ",,,"
            for seen, (x, y), score, state in joints
        ]
        who = "" if number == UNTRACKED else str(number)
        rows.append(f"{who},{poses.score[row]:.4f}," + ",".join(cells))
    return rows


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return CsvWriter(path, tuple(header["keypoints"]))


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header, of which the keypoints' names are all there is, and the frames with people.

    Raises:
        DataError: this is not a CSV of tracks, or a row of it is damaged.
    """
    with path.open(encoding="utf-8", newline="") as file:
        columns = next(csv.reader(file), [])
    keypoints = [name.removesuffix("_x") for name in columns[4::4]]
    expected = [f"{k}_{part}" for k in keypoints for part in ("x", "y", "score", "state")]
    if not keypoints or columns != _FIXED + expected:
        raise DataError(f"{path} is not a CSV of tracks: its columns are {', '.join(columns[:6])}…")
    return {"source": path.stem, "size": [0, 0], "keypoints": keypoints}, _results(path, keypoints)


def _results(path: Path, keypoints: list[str]) -> Iterator[Result]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for (index, time), group in groupby(rows, key=lambda row: tuple(row[:2])):
            try:
                frame = unseen_frame((0, 0), int(index), float(time), source=path.stem)
                yield Result(frame, _people(list(group), len(keypoints)))
            except (ValueError, KeyError) as error:
                raise DataError(f"{path}, line {rows.line_num}: {error}") from error


def _people(rows: list[list[str]], keypoints: int) -> Poses:
    cells = np.array([row[4:] for row in rows], object).reshape(len(rows), keypoints, 4)
    numbers = np.array([[[_number(c) for c in p[:3]] for p in row] for row in cells], np.float32)
    state = np.array([[_STATE_OF[p[3]] for p in row] for row in cells], np.uint8)
    return Poses(
        numbers[..., :2],
        np.where(state == JointState.ABSENT, np.float32(0), numbers[..., 2]),
        np.array([float(row[3]) for row in rows], np.float32),
        np.array([int(row[2]) if row[2] else UNTRACKED for row in rows], np.int32),
        state,
        numbers[..., :2],
    )


def _number(cell: str) -> float:
    return float(cell) if cell else float("nan")
