"""Tracks as CSV: one row per person and frame, for spreadsheets and data frames.

Frames without people, the picture's size, the limbs and the raw positions are not in it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from app.tracks.header import checked_header
from app.tracks.lines import Lines
from app.tracks.writer import Ending, Writer
from engine.errors import DataError
from engine.offline.recording import unseen_frame
from engine.reading.cells import Cells, text_lines
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
        first = io.StringIO()
        csv.writer(first, lineterminator="").writerow([*_FIXED, *_columns(keypoints)])
        self._lines.add(first.getvalue())

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

    Also what pandas and Excel make of such a file: a byte-order mark, ids such as 3.0, a column of
    row numbers, semicolons and decimal commas.

    Raises:
        DataError: this is not a CSV of tracks, or a row of it is damaged.
    """
    delimiter = _delimiter(path)
    _, columns = next(_rows_of(path, delimiter), ("", []))
    columns = [column.strip() for column in columns]
    where = {name: at for at, name in enumerate(columns)}
    keypoints = [c.removesuffix("_x") for c in columns if c.endswith("_x")]
    missing = [c for c in (*_FIXED, *_columns(keypoints)) if c not in where]
    if not keypoints or missing or len(where) < len(columns):
        what = (
            f"it has no column {missing[0]}" if missing else "two of its columns are called alike"
        )
        found = ", ".join(columns[:6])
        raise DataError(f"{path} is not a CSV of tracks: {what:.120}; it has {found:.200}…")
    fields = {"source": path.stem, "size": [0, 0], "keypoints": keypoints}
    return checked_header(fields, f"{path}, line 1"), _results(path, delimiter, where, keypoints)


def _columns(keypoints: Sequence[str]) -> list[str]:
    return [f"{name}_{part}" for name in keypoints for part in ("x", "y", "score", "state")]


def _delimiter(path: Path) -> str:
    """A comma, or what Excel writes instead in countries with a decimal comma."""
    _, first = next(text_lines(path), (1, ""))
    return ";" if first.count(";") > first.count(",") else ","


def _rows_of(path: Path, delimiter: str) -> Iterator[tuple[str, list[str]]]:
    """Rows with their places; empty ones are left out."""
    lines = text_lines(path)
    rows = csv.reader((text for _, text in lines), delimiter=delimiter)
    try:
        for row in rows:
            if any(row):
                yield f"{path}, line {rows.line_num}", row
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}: {error}") from error


def _results(
    path: Path, delimiter: str, where: Mapping[str, int], keypoints: Sequence[str]
) -> Iterator[Result]:
    rows = _rows_of(path, delimiter)
    next(rows)
    decimal = "," if delimiter == ";" else "."
    cells = (Cells(place, row, decimal=decimal) for place, row in rows)
    for (index, time), group in groupby(
        cells,
        key=lambda row: (row.whole(where["frame"], "frame"), row.needed(where["time"], "time")),
    ):
        frame = unseen_frame((0, 0), index, time, source=path.stem)
        yield Result(frame, _people(list(group), where, keypoints))


def _people(rows: Sequence[Cells], where: Mapping[str, int], keypoints: Sequence[str]) -> Poses:
    names = [[f"{k}_{part}" for part in ("x", "y", "score")] for k in keypoints]
    numbers = np.array(
        [[[row.number(where[c], c) for c in three] for three in names] for row in rows], np.float32
    ).reshape(len(rows), len(keypoints), 3)
    state = np.array([[_state(row, where, k) for k in keypoints] for row in rows], np.uint8)
    state[np.isnan(numbers[..., :2]).any(axis=2)] = JointState.ABSENT
    there = state != JointState.ABSENT
    xy = np.where(there[..., None], numbers[..., :2], np.float32(np.nan))
    return Poses(
        xy,
        np.where(there, np.nan_to_num(numbers[..., 2]), np.float32(0)),
        np.array([row.needed(where["score"], "score", 1e6) for row in rows], np.float32),
        np.array([row.track_id(where["id"], "id") for row in rows], np.int32),
        state,
        xy,
    )


def _state(row: Cells, where: Mapping[str, int], keypoint: str) -> int:
    text = row.text(where[f"{keypoint}_state"], f"{keypoint}_state").lower()
    if text not in _STATE_OF:
        known = ", ".join(filter(None, _STATE_OF))
        raise DataError(f"{row.place}: {keypoint}_state must be one of {known}, got {text!r:.60}")
    return _STATE_OF[text]
