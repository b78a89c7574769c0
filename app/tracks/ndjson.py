"""NDJSON read back: everything `app.tracks.ndjson_writer` writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, TypeAdapter

from app.tracks.header import checked_header
from app.tracks.ndjson_writer import STATES, VERSION, NdjsonWriter
from app.tracks.writer import Writer
from engine.errors import DataError
from engine.offline.recording import unseen_frame
from engine.reading.fields import Count, Pixels, Score, Seconds, Side, TrackId
from engine.reading.typed import Model, from_json, object_from_json
from engine.types import UNTRACKED, JointState, Poses, Result

_STATE_OF = {letter: state for state, letter in enumerate(STATES)}
_Point = tuple[Pixels, Pixels, Score]
_RawPoint = Annotated[list[float], Field(min_length=2, max_length=3)]


class Person(Model):
    """A person in a frame line."""

    id: TrackId | None
    score: Score
    keypoints: tuple[_Point | None, ...]
    state: str | None = None  # a letter of STATES per keypoint
    raw: tuple[_RawPoint | None, ...] | None = None


class _Line(Model):
    type: str


class _FrameLine(Model):
    index: Count
    time: Seconds
    file: str = ""  # of an image folder's picture
    size: tuple[Side, Side] | None = None
    people: tuple[Person, ...]


_LINE, _FRAME = TypeAdapter(_Line), TypeAdapter(_FrameLine)


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file; the raw positions are written beside the smoothed ones."""
    return NdjsonWriter(path, header, raw=True)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results.

    A file without its last line, of a program that was killed, is read as far as it goes.

    Raises:
        DataError: this is not a tracks file, or a line of it is damaged.
    """
    lines = _lines(path)
    first = next(lines, None)
    header = object_from_json(first[1], first[0]) if first else {}
    if header.get("type") != "header":
        raise DataError(f"{path} is not a tracks file: its first line is no header")
    if header.get("version") != VERSION:
        raise DataError(
            f"{path} has version {header.get('version')!r:.40} of the format, this program reads "
            f"{VERSION}; use the version of posestream that wrote it"
        )
    fields = {key: value for key, value in header.items() if key not in ("type", "version")}
    fields = checked_header(fields, f"{path}, line 1")
    return fields, _results(fields, lines)


def checked_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file as they are, each checked as `read` would.

    Raises:
        DataError: one is damaged.
    """
    for place, text in _lines(path):
        if from_json(text, _LINE, place).type == "frame":
            from_json(text, _FRAME, place)
        yield text


def people_from(people: Sequence[Person], keypoints: int) -> Poses:
    """The people of a frame line.

    Raises:
        ValueError: a person has another number of keypoints.
    """
    count = len(people)
    points = np.full((count, keypoints, 3), np.nan)
    raw = np.full((count, keypoints, 2), np.nan)
    state = np.zeros((count, keypoints), np.uint8)
    for row, person in enumerate(people):
        _expect(len(person.keypoints), keypoints, "keypoints")
        points[row] = [p or (np.nan, np.nan, 0.0) for p in person.keypoints]
        state[row] = _states(person, keypoints)
        before = person.keypoints if person.raw is None else person.raw
        _expect(len(before), keypoints, "raw")
        raw[row] = [p[:2] if p else (np.nan, np.nan) for p in before]
    state[np.isnan(points[..., 0])] = JointState.ABSENT
    there = (state != JointState.ABSENT)[..., None]
    return Poses(
        np.where(there, points[..., :2], np.nan).astype(np.float32),
        np.where(there[..., 0], points[..., 2], 0.0).astype(np.float32),
        np.array([p.score for p in people], np.float32),
        np.array([UNTRACKED if p.id is None else p.id for p in people], np.int32),
        state,
        np.where(there, raw, np.nan).astype(np.float32),
    )


def _states(person: Person, keypoints: int) -> list[int]:
    if person.state is None:
        return [JointState.DETECTED if p else JointState.ABSENT for p in person.keypoints]
    _expect(len(person.state), keypoints, "state")
    if wrong := set(person.state) - set(STATES):
        raise ValueError(f"state has {wrong.pop()!r}; its letters are {STATES}")
    return [_STATE_OF[letter] for letter in person.state]


def _expect(found: int, keypoints: int, field: str) -> None:
    if found != keypoints:
        raise ValueError(f"{field} has {found} entries, the header names {keypoints} keypoints")


def _results(header: dict[str, Any], lines: Iterator[tuple[str, bytes]]) -> Iterator[Result]:
    segment, size, keypoints = 0, tuple(header["size"]), len(header["keypoints"])
    for place, text in lines:
        kind = from_json(text, _LINE, place).type
        if kind == "gap":
            segment += 1
        elif kind == "frame":
            line = from_json(text, _FRAME, place)
            frame = unseen_frame(
                line.size or size,
                line.index,
                line.time,
                segment=segment,
                source=header["source"],
                file_name=line.file,
            )
            try:
                poses = people_from(line.people, keypoints)
            except ValueError as error:
                raise DataError(f"{place}: people: {error}") from error
            yield Result(frame, poses)


def _lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Lines with their places; a last line without its end was never finished and is left out."""
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, 1):
                if text.endswith(b"\n"):
                    yield f"{path}, line {number}", text
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
