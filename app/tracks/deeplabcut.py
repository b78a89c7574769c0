"""DeepLabCut's tables: a row per frame, columns by scorer, individual, body part and coordinate.

CSV with four rows of heads, or the same in HDF5 (extra `formats`: pandas and tables to write, h5py
to read). The likelihood is the joint's score. People without an id are left out. These files have
no times: a frame's time is its number.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tracks.dense import (
    Dense,
    WholeWriter,
    checked_dense,
    dense,
    empty_places,
    results_of,
)
from app.tracks.header import checked_header
from app.tracks.person_names import person_names
from app.tracks.writer import Writer
from engine.errors import DataError
from engine.offline.recording import Recording
from engine.reading.cells import Cells, text_lines
from engine.types import Result

SCORER = "posestream"
HEADS = ("scorer", "individuals", "bodyparts", "coords")
KEY = "df_with_missing"  # of the table in DeepLabCut's HDF5 files
_COORDS = ("x", "y", "likelihood")
_SPARSE, _LAST = (
    100,
    100_000,
)  # frames that a table may leave out: so many per row, and so many more
_WHAT = "a table of DeepLabCut"


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file: HDF5 where the name ends with .h5, else CSV."""
    if path.suffix == ".h5":
        import tables  # noqa: F401 - if it is missing, that is said before the first frame

        return WholeWriter(path, header, _save_h5)
    return WholeWriter(path, header, _save_csv)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results, also of DeepLabCut's own files of one or several animals.

    Raises:
        DataError: this is not such a table.
    """
    if path.suffix == ".h5":
        from app.tracks.hdf5 import opened
        from app.tracks.pandas_table import read_table

        with opened(path, _WHAT) as file:
            individuals, parts, found = _arranged(*read_table(file))
    else:
        try:
            individuals, parts, found = _arranged(*_read_csv(path))
        except (ValueError, csv.Error) as error:
            raise DataError(f"{path} is not {_WHAT}: {error!s:.200}") from error
    header = {"source": path.stem, "size": [0, 0], "rate": None, "keypoints": parts}
    header = checked_header(header, str(path))
    time = np.arange(len(found), dtype=np.float64)
    score = found[..., 2]
    person = np.nan_to_num(score).mean(axis=2)
    return header, results_of(
        checked_dense(str(path), individuals, time, found[..., :2], score, person), (0, 0)
    )


_Columns = Sequence[tuple[str, ...]]


def _columns(ids: tuple[int, ...], keypoints: tuple[str, ...]) -> list[tuple[str, str, str, str]]:
    return [
        (SCORER, person, part, coord)
        for person in person_names(ids)
        for part in keypoints
        for coord in _COORDS
    ]


def _numbers(found: Dense) -> NDArray[np.float64]:
    """(T, N * K * 3) in the order of the columns, with the decimals that are meant."""
    values = np.concatenate([found.xy, found.score[..., None]], axis=3).astype(np.float64)
    return np.round(values.reshape(len(values), math.prod(values.shape[1:])), 4)


def _save_csv(path: Path, recording: Recording) -> None:
    found = dense(recording)
    with path.open("w", encoding="utf-8", newline="") as file:
        write = csv.writer(file, lineterminator="\n")
        columns = _columns(found.ids, recording.skeleton.names)
        for n, head in enumerate(HEADS):
            write.writerow([head, *(column[n] for column in columns)])
        for t, row in enumerate(_numbers(found).tolist()):
            write.writerow([t, *("" if value != value else value for value in row)])


def _save_h5(path: Path, recording: Recording) -> None:
    import pandas as pd

    found = dense(recording)
    columns = pd.MultiIndex.from_tuples(_columns(found.ids, recording.skeleton.names), names=HEADS)
    table = pd.DataFrame(_numbers(found), columns=columns)
    table.to_hdf(path, key=KEY, mode="w", format="fixed")


def _read_csv(path: Path) -> tuple[_Columns, NDArray[np.float64], NDArray[np.int64]]:
    """Heads of the columns, numbers (rows, columns), and the rows' frames (rows,)."""
    rows = csv.reader(line for _, line in text_lines(path))
    heads: list[list[str]] = []
    for row in rows:
        heads.append(row)
        if row[:1] == [HEADS[-1]] or len(heads) >= len(HEADS):
            break
    if len(heads) < 3 or heads[-1][:1] != [HEADS[-1]] or len({len(row) for row in heads}) > 1:
        raise ValueError("its first rows are not scorer, bodyparts and coords")
    width = len(heads[0])
    frames, numbers = [], []
    for row in rows:
        if row:
            cells = Cells(f"{path}, line {rows.line_num}", row)
            frames.append(cells.whole(0, "frame"))
            numbers.append([cells.number(at, "a coordinate") for at in range(1, width)])
    columns = list(zip(*(row[1:] for row in heads), strict=True))
    values = np.array(numbers, np.float64).reshape(len(frames), width - 1)
    return columns, values, np.array(frames, np.int64)


def _arranged(
    columns: _Columns, numbers: NDArray[np.float64], frames: NDArray[np.int64]
) -> tuple[list[str], list[str], NDArray[np.float32]]:
    """Individuals, parts and (T, N, K, 3) x, y, likelihood of the frames from 0."""
    columns = [_three(column) for column in columns]
    individuals = list(dict.fromkeys(individual for individual, _, _ in columns))
    parts = list(dict.fromkeys(part for _, part, _ in columns))
    if len(set(columns)) < len(columns):
        raise ValueError("two of its columns have the same name")
    if len(np.unique(frames)) < len(frames):
        raise ValueError("a frame is in it twice")
    last = int(frames.max(initial=-1))
    if last > _SPARSE * len(frames) + _LAST:
        raise ValueError(f"it has {len(frames)} frames, and one of them is number {last}")
    found = empty_places(last + 1, len(individuals), len(parts))
    person = {name: n for n, name in enumerate(individuals)}
    joint = {name: n for n, name in enumerate(parts)}
    with np.errstate(over="ignore"):  # what becomes infinite is refused later
        for n, (individual, part, coord) in enumerate(columns):
            place = (person[individual], joint[part], _COORDS.index(coord))
            found[(frames, *place)] = numbers[:, n]
    return individuals, parts, found


def _three(heads: tuple[str, ...]) -> tuple[str, str, str]:
    """Individual, part and coordinate; files of one animal do not name it."""
    if len(heads) not in (3, 4) or heads[-1] not in _COORDS:
        raise ValueError(f"it has a column {heads!s:.80}, expected one of x, y or likelihood")
    return heads[1] if len(heads) == 4 else "person0", heads[-2], heads[-1]
