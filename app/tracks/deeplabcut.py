"""DeepLabCut's tables: a row per frame, columns by scorer, individual, body part and coordinate.

CSV with four rows of heads, or the same in HDF5 (needs pandas and tables, extra `formats`). The
likelihood is the joint's score. People without an id are left out; a frame's time is its number
divided by the rate of the header, which these files do not have.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tracks.dense import Dense, WholeWriter, dense, results_of
from app.tracks.header import checked_header
from app.tracks.person_names import id_of, person_names
from app.tracks.writer import Writer
from engine.errors import DataError
from engine.offline.recording import Recording
from engine.reading.cells import Cells, text_lines
from engine.types import Result

SCORER = "posestream"
HEADS = ("scorer", "individuals", "bodyparts", "coords")
KEY = "df_with_missing"  # of the table in DeepLabCut's HDF5 files
_MOST = 2**28  # numbers in memory
_COORDS = ("x", "y", "likelihood")


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file: HDF5 where the name ends with .h5, else CSV."""
    return WholeWriter(path, header, _save_h5 if path.suffix == ".h5" else _save_csv)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results, also of DeepLabCut's own files of one or several animals.

    Raises:
        DataError: this is not such a table.
    """
    try:
        columns, numbers, frames = _read_h5(path) if path.suffix == ".h5" else _read_csv(path)
        individuals, parts, found = _arranged(columns, numbers, frames)
    except (ValueError, KeyError, IndexError, TypeError, OSError, csv.Error) as error:
        raise DataError(f"{path} is not a table of DeepLabCut: {error!s:.200}") from error
    header = {"source": path.stem, "size": [0, 0], "rate": None, "keypoints": parts}
    ids = tuple(id_of(name, n) for n, name in enumerate(individuals))
    time = np.arange(len(found), dtype=np.float64)
    person = np.nanmean(np.nan_to_num(found[..., 2]), axis=2).astype(np.float32)
    return checked_header(header, str(path)), results_of(
        Dense(ids, time, found[..., :2], found[..., 2], person), (0, 0)
    )


_Table = tuple[list[tuple[str, ...]], NDArray[np.float64], list[int]]  # columns, numbers, frames


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
    return np.round(values.reshape(len(values), -1), 4)


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


def _read_csv(path: Path) -> _Table:
    rows = csv.reader(line for _, line in text_lines(path))
    heads: list[list[str]] = []
    for row in rows:
        heads.append(row)
        if row[:1] == [HEADS[-1]]:
            break
        if len(heads) >= len(HEADS):
            raise ValueError("its first rows are not scorer, bodyparts and coords")
    if len(heads) < 3 or len({len(row) for row in heads}) > 1:
        raise ValueError("its first rows are not scorer, bodyparts and coords")
    width = len(heads[0])
    frames, numbers = [], []
    for row in rows:
        if row:
            cells = Cells(f"{path}, line {rows.line_num}", row)
            frames.append(cells.whole(0, "frame"))
            numbers.append([cells.number(at, "a coordinate") for at in range(1, width)])
    columns = [_four([row[n] for row in heads]) for n in range(1, width)]
    return columns, np.array(numbers, np.float64).reshape(len(frames), width - 1), frames


def _read_h5(path: Path) -> _Table:
    import pandas as pd

    table = pd.read_hdf(path)
    columns = [_four([str(part) for part in column]) for column in table.columns]
    return columns, table.to_numpy(np.float64), [int(n) for n in table.index]


def _four(heads: list[str]) -> tuple[str, ...]:
    """Scorer, individual, part, coordinate; files of one animal have no individual."""
    return tuple(heads) if len(heads) == 4 else (heads[0], "person0", *heads[-2:])


def _arranged(
    columns: list[tuple[str, ...]], numbers: NDArray[np.float64], frames: list[int]
) -> tuple[list[str], list[str], NDArray[np.float32]]:
    """Individuals, parts and (T, N, K, 3) x, y, likelihood of the frames from 0."""
    individuals = list(dict.fromkeys(column[1] for column in columns))
    parts = list(dict.fromkeys(column[2] for column in columns))
    count = max(frames, default=-1) + 1
    if count * len(columns) > _MOST:
        raise ValueError(f"frame {count - 1} is beyond what a table can hold in memory")
    found = np.full((count, len(individuals), len(parts), 3), np.nan, np.float32)
    for n, (_, individual, part, coord) in enumerate(columns):
        place = (individuals.index(individual), parts.index(part), _COORDS.index(coord))
        found[(frames, *place)] = numbers[:, n]
    return individuals, parts, found
