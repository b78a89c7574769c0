"""CSV read back: a row per person and frame, without what a table has no place for.

Frames without people, the picture's size, the limbs and the raw positions are not in it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from app.writers.csv import CsvWriter
from app.writers.writer import Writer
from engine.errors import DataError
from engine.recording import unseen_frame
from engine.types import UNTRACKED, JointState, Poses, Result

_FIXED = ["frame", "time", "id", "score"]
_STATE_OF = {"": 0, **{state.name.lower(): int(state) for state in JointState if state}}


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
