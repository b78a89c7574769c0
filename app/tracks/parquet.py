"""Parquet: a row per person and frame in typed columns, with the header beside them.

Needs pyarrow (extra `parquet`). Written in groups of rows, so a long video needs little memory.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, TypeAdapter

from app.tracks.header import checked_header
from app.tracks.writer import Ending, Writer
from engine.errors import DataError
from engine.files import cannot_write
from engine.offline.recording import concatenate, unseen_frame
from engine.reading.fields import Count
from engine.reading.typed import Model, from_json, object_from_json
from engine.tracking.json_arrays import decode_array, encode_array
from engine.types import UNTRACKED, JointState, Poses, Result

_HEADER, _FRAMES = b"posestream.header", b"posestream.frames"
_GROUP = 4096  # people per group of rows
# What pyarrow raises for damaged files, and what columns of other types lead to.
_DAMAGED = (pa.ArrowException, OSError, KeyError, ValueError, TypeError, OverflowError, MemoryError)
_PARTS = ("x", "y", "score", "state", "raw_x", "raw_y")


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return ParquetWriter(path, header)


class ParquetWriter:
    """Columns frame, time, id, score and x, y, score, state, raw_x, raw_y of every keypoint.

    Pixels and seconds; null where a keypoint is absent or a person has no id.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Create the file.

        Raises:
            OutputError: it cannot be written.
        """
        self._path, self._keypoints = path, tuple(header["keypoints"])
        self._frames: list[tuple[int, float, int]] = []  # index, time, segment: 24 bytes each
        self._waiting: list[tuple[Result, int]] = []
        self._closed = False
        schema = _schema(self._keypoints).with_metadata({_HEADER: json.dumps(dict(header))})
        try:
            self._file = pq.ParquetWriter(
                path, schema, compression="zstd", write_page_checksum=True
            )
        except OSError as error:
            raise cannot_write(path, error) from error

    def write(self, result: Result) -> None:
        """Take one frame."""
        frame = result.frame
        self._frames.append((frame.index, frame.time, frame.segment))
        if len(result.poses):
            self._waiting.append((result, len(result.poses)))
        if sum(count for _, count in self._waiting) >= _GROUP:
            self._flush()

    def close(self, ending: Ending) -> None:
        """Write what waits and the index of frames."""
        if self._closed:
            return
        self._closed = True
        self._flush()
        table = [np.array(c) for c in zip(*self._frames, strict=True)] or [np.zeros(0)] * 3
        packed = [
            encode_array(c.astype(t))
            for c, t in zip(table, (np.int64, float, np.int32), strict=True)
        ]
        try:
            self._file.add_key_value_metadata({_FRAMES: json.dumps(packed)})
            self._file.close()
        except OSError as error:
            raise cannot_write(self._path, error) from error

    def _flush(self) -> None:
        if not self._waiting:
            return
        frames = [result.frame for result, _ in self._waiting]
        counts = [count for _, count in self._waiting]
        poses = concatenate((result.poses for result, _ in self._waiting), len(self._keypoints))
        index = np.repeat(np.array([f.index for f in frames]), counts)
        time = np.repeat(np.array([f.time for f in frames]), counts)
        self._waiting = []
        try:
            self._file.write_table(_table(self._keypoints, index, time, poses))
        except OSError as error:
            raise cannot_write(self._path, error) from error


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results.

    A table that pandas or another program saved again has lost our metadata: its rows are read, and
    frames without people are not in it.

    Raises:
        DataError: this is not a Parquet file of tracks.
    """
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        metadata = file.schema_arrow.metadata or {}
        frames = (file.metadata.metadata or {}).get(_FRAMES)
    except _DAMAGED as error:
        raise DataError(f"{path} is not a Parquet file: {_first_line(error)}") from error
    if _HEADER not in metadata:
        return _without_metadata(path, file)
    if frames is None:
        raise DataError(f"{path} was not written to its end")
    header = checked_header(
        object_from_json(metadata[_HEADER], f"{path}, header"), f"{path}, header"
    )
    index = from_json(frames, _INDEX, f"{path}, index of frames")
    return header, _results(path, file, header, [_column(path, packed) for packed in index])


def _without_metadata(path: Path, file: pq.ParquetFile) -> tuple[dict[str, Any], Iterator[Result]]:
    columns = set(file.schema_arrow.names)
    keypoints = [n.removesuffix("_state") for n in file.schema_arrow.names if n.endswith("_state")]
    wanted = {"frame", "time", "id", "score", *(f"{k}_{p}" for k in keypoints for p in _PARTS)}
    if not keypoints or not wanted <= columns:
        lacking = ", ".join(sorted(wanted - columns)[:4]) or "any keypoint"
        raise DataError(f"{path} is not a table of tracks: it lacks {lacking}")
    header = {"source": path.stem, "size": [0, 0], "keypoints": keypoints}
    return checked_header(header, str(path)), _grouped(path, file, keypoints)


def _grouped(path: Path, file: pq.ParquetFile, keypoints: list[str]) -> Iterator[Result]:
    """Frames from rows that follow each other."""
    rows = zip(_checked_rows(path, file, keypoints), _times(path, file), strict=True)
    for (at, time), group in groupby(rows, key=lambda row: (row[0][0], row[1])):
        people = [person for (_, person), _ in group]
        frame = unseen_frame((0, 0), at, time, source=path.stem)
        yield Result(frame, concatenate(people, len(keypoints)))


def _times(path: Path, file: pq.ParquetFile) -> Iterator[float]:
    for batch in file.iter_batches(_GROUP, columns=["time"]):
        for time in batch.column(0).to_pylist():
            if not isinstance(time, int | float) or not math.isfinite(time):
                raise DataError(f"{path}: a time is {time!r:.40}, must be a number")
            yield float(time)


class _Packed(Model):
    dtype: Literal["<i8", "<f8", "<i4"]
    shape: tuple[Count]
    data: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


_INDEX = TypeAdapter(Annotated[list[_Packed], Field(min_length=3, max_length=3)])


def _column(path: Path, packed: _Packed) -> list[int | float]:
    try:
        values: list[int | float] = decode_array(packed.model_dump()).tolist()
    except ValueError as error:
        raise DataError(f"{path}, index of frames: {error}") from error
    if not np.isfinite(values).all():
        raise DataError(f"{path}, index of frames: a time is no number")
    return values


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]


def _results(
    path: Path, file: pq.ParquetFile, header: dict[str, Any], frames: list[list[int | float]]
) -> Iterator[Result]:
    width, height = header["size"]
    keypoints = header["keypoints"]
    rows = _checked_rows(path, file, keypoints)
    index, person = next(rows, (None, None))
    if len({len(column) for column in frames}) > 1:
        raise DataError(f"{path}, index of frames: its columns differ in length")
    for at, time, segment in zip(*frames, strict=True):
        here: list[Poses] = []
        while index == at and person is not None:
            here.append(person)
            index, person = next(rows, (None, None))
        frame = unseen_frame(
            (width, height), int(at), time, segment=int(segment), source=header["source"]
        )
        yield Result(frame, concatenate(here, len(keypoints)))


def _checked_rows(
    path: Path, file: pq.ParquetFile, keypoints: list[str]
) -> Iterator[tuple[int, Poses]]:
    try:
        yield from _rows(file, keypoints)
    except _DAMAGED as error:
        raise DataError(f"{path} is damaged: {_first_line(error)}") from error


def _rows(file: pq.ParquetFile, keypoints: list[str]) -> Iterator[tuple[int, Poses]]:
    for batch in file.iter_batches(_GROUP):
        columns = {name: batch.column(name) for name in batch.schema.names}
        index = columns["frame"].to_numpy().tolist()
        stacked = {
            part: np.stack([_floats(columns[f"{k}_{part}"]) for k in keypoints], axis=1)
            for part in ("x", "y", "score", "raw_x", "raw_y")
        }
        state = np.stack([_states(columns[f"{k}_state"]) for k in keypoints], axis=1)
        ids = np.nan_to_num(_floats(columns["id"], np.float64), nan=UNTRACKED)
        poses = Poses(
            np.stack([stacked["x"], stacked["y"]], axis=2),
            np.nan_to_num(stacked["score"], nan=0.0),
            _floats(columns["score"]),
            ids.astype(np.int32),
            state,
            np.stack([stacked["raw_x"], stacked["raw_y"]], axis=2),
        )
        for row, at in enumerate(index):
            yield at, poses.take(np.array([row]))


def _schema(keypoints: tuple[str, ...]) -> pa.Schema:
    fields = [("frame", pa.int64()), ("time", pa.float64()), ("id", pa.int32())]
    fields.append(("score", pa.float32()))
    kinds = {"state": pa.dictionary(pa.int8(), pa.string())}
    for name in keypoints:
        fields += [(f"{name}_{part}", kinds.get(part, pa.float32())) for part in _PARTS]
    return pa.schema(fields)


def _table(
    keypoints: tuple[str, ...],
    index: np.ndarray[Any, Any],
    time: np.ndarray[Any, Any],
    poses: Poses,
) -> pa.Table:
    absent = poses.state == JointState.ABSENT
    names = [state.name.lower() for state in JointState]
    columns = [
        pa.array(index, pa.int64()),
        pa.array(time, pa.float64()),
        pa.array(poses.ids, pa.int32(), mask=poses.ids == UNTRACKED),
        pa.array(poses.score, pa.float32()),
    ]
    for k in range(len(keypoints)):
        hidden = absent[:, k]
        values = (poses.xy[:, k, 0], poses.xy[:, k, 1], poses.joint_score[:, k])
        columns += [pa.array(v, pa.float32(), mask=hidden) for v in values]
        codes = pa.array(poses.state[:, k].astype(np.int8), pa.int8(), mask=hidden)
        columns.append(pa.DictionaryArray.from_arrays(codes, pa.array(names)))
        for axis in (0, 1):
            raw = poses.raw_xy[:, k, axis]
            columns.append(pa.array(raw, pa.float32(), mask=hidden | np.isnan(raw)))
    return pa.Table.from_arrays(columns, schema=_schema(keypoints))


def _floats(column: pa.Array, kind: type[np.floating[Any]] = np.float32) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any] = column.to_numpy(zero_copy_only=False).astype(kind)
    return values


def _states(column: pa.DictionaryArray) -> np.ndarray[Any, Any]:
    code = {state.name.lower(): int(state) for state in JointState}
    return np.array([code[text or "absent"] for text in column.to_pylist()], np.uint8)
