"""NDJSON read back: everything `app.tracks.ndjson_writer` writes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.tracks.ndjson_writer import STATES, VERSION, NdjsonWriter
from app.tracks.writer import Writer
from engine.errors import DataError
from engine.offline.recording import unseen_frame
from engine.types import UNTRACKED, JointState, Poses, Result

_STATE_OF = {letter: state for state, letter in enumerate(STATES)}


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
    if first is None or first[1].get("type") != "header":
        raise DataError(f"{path} is not a tracks file: its first line is no header")
    header = first[1]
    if header.get("version") != VERSION:
        raise DataError(
            f"{path} has version {header.get('version')!r} of the format, this program reads "
            f"{VERSION}; use the version of posestream that wrote it"
        )
    fields = {key: value for key, value in header.items() if key not in ("type", "version")}
    return fields, _results(path, header, lines)


def people_from(people: list[dict[str, Any]], keypoints: int) -> Poses:
    """The people of a frame line."""
    count = len(people)
    points = np.full((count, keypoints, 3), np.nan)
    raw = np.full((count, keypoints, 2), np.nan)
    state = np.zeros((count, keypoints), np.uint8)
    for row, person in enumerate(people):
        points[row] = [p or (np.nan, np.nan, 0.0) for p in person["keypoints"]]
        letters = person.get("state")
        state[row] = (
            [_STATE_OF[letter] for letter in letters]
            if letters is not None
            else np.where(np.isnan(points[row, :, 0]), JointState.ABSENT, JointState.DETECTED)
        )
        before = person.get("raw", person["keypoints"])
        raw[row] = [p[:2] if p else (np.nan, np.nan) for p in before]
    return Poses(
        points[..., :2].astype(np.float32),
        points[..., 2].astype(np.float32),
        np.array([p["score"] for p in people], np.float32),
        np.array([UNTRACKED if p["id"] is None else p["id"] for p in people], np.int32),
        state,
        raw.astype(np.float32),
    )


def _results(
    path: Path, header: dict[str, Any], lines: Iterator[tuple[int, dict[str, Any]]]
) -> Iterator[Result]:
    segment, size, keypoints = 0, tuple(header["size"]), len(header["keypoints"])
    source = str(header.get("source", ""))
    for number, line in lines:
        try:
            if line["type"] == "gap":
                segment += 1
            elif line["type"] == "frame":
                width, height = line.get("size", size)
                index, time = line["index"], line["time"]
                frame = unseen_frame((width, height), index, time, segment=segment, source=source)
                yield Result(frame, people_from(line["people"], keypoints))
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{path}, line {number}: not as it should be ({error!r})") from error


def _lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbered lines from 1; a last line without its end was never finished and is left out."""
    with path.open(encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            if not text.endswith("\n"):
                return
            try:
                line = json.loads(text)
            except ValueError as error:
                raise DataError(f"{path}, line {number}: not JSON ({error})") from error
            if not isinstance(line, dict):
                raise DataError(f"{path}, line {number}: not a JSON object")
            yield number, line
