"""Tracks as NDJSON: a header, a line per frame, a last line with counts. See docs/formats.md."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tracks.lines import Lines, LineSink
from app.tracks.writer import Ending
from engine.sources.source import SourceInfo
from engine.types import UNTRACKED, Frame, JointState, Poses, Result

VERSION = 1
STATES = "-dri"  # one letter per JointState: absent, detected, refined, interpolated
_SPACELESS = (",", ":")


class NdjsonWriter:
    """One source's people, frame by frame; every line is written whole."""

    def __init__(
        self,
        to: Path | LineSink,
        header: Mapping[str, Any],
        *,
        raw: bool,
        mark: Mapping[str, Any] | None = None,
        stamp: Callable[[Result], Mapping[str, Any]] = lambda result: {},
        last: Frame | None = None,
        label: Callable[[int], str | None] | None = None,
    ) -> None:
        """Create the file, or take the sink, and write the header.

        Args:
            to: a file to create, or something else that takes lines.
            header: what `header_of` gives.
            raw: write the coordinates before smoothing beside the smoothed ones.
            mark: more fields of every line but the header, where sources share one sink.
            stamp: more fields of a frame, known only while it is live.
            label: the name a person gave to an id, if any.
            last: the frame to continue after, where `to` already has the header and all up to it.

        Raises:
            OutputError: the file cannot be written.
        """
        self._raw = raw
        self._size = tuple(header["size"])
        self._mark, self._stamp, self._label = mark or {}, stamp, label
        self._segment, self._time = 0, 0.0  # of the last frame
        self._lines: LineSink = Lines(to) if isinstance(to, Path) else to
        self._closed = False
        if last is None:
            self._add({"type": "header", "version": VERSION, **header})
        else:
            self._segment, self._time = last.segment, last.time

    def write(self, result: Result) -> None:
        """Append one frame, and before it the gap, if its source was interrupted."""
        frame = result.frame
        if frame.segment != self._segment:
            gap = [round(self._time, 6), round(frame.time, 6)]
            self._add({"type": "gap", **self._mark, "time": gap})
        self._segment, self._time = frame.segment, frame.time
        line: dict[str, Any] = {
            "type": "frame",
            **self._mark,
            "index": frame.index,
            "time": round(frame.time, 6),
        }
        if frame.file_name:
            line["file"] = frame.file_name
        if frame.size != self._size:  # an image folder, or a stream that changed
            line["size"] = frame.size
        line["people"] = _people(result.poses, raw=self._raw, label=self._label)
        line.update(self._stamp(result))
        self._add(line)

    def note(self, number: int, text: str) -> None:
        """Append a remark about a person, at the time of the last frame."""
        time = round(self._time, 6)
        self._add({"type": "note", **self._mark, "time": time, "id": number, "text": text})

    def close(self, ending: Ending) -> None:
        """Append the last line; without it a reader knows that the program was killed."""
        if self._closed:
            return
        self._closed = True
        last: dict[str, Any] = {
            "type": "end",
            **self._mark,
            "frames": ending.frames,
            "people": ending.people,
            "dropped": ending.dropped,
            "complete": ending.complete,
        }
        if ending.error is not None:
            last["error"] = ending.error
        try:
            self._add(last)
        finally:
            self._lines.close()

    def _add(self, line: Mapping[str, Any]) -> None:
        self._lines.add(json.dumps(line, separators=_SPACELESS, ensure_ascii=False))


def header_of(
    source: str,
    info: SourceInfo,
    keypoints: tuple[str, ...],
    limbs: tuple[tuple[int, int], ...],
    **more: object,
) -> dict[str, Any]:
    """The header's fields that describe the source and the keypoints, and then `more`."""
    return {
        "source": source,
        "kind": info.kind,
        "size": list(info.size),
        "rotation": info.rotation,
        "rate": info.rate,
        "frames": info.frames,
        "duration": info.duration,
        "keypoints": list(keypoints),
        "skeleton": [list(limb) for limb in limbs],
        **more,
    }


def _people(
    poses: Poses, *, raw: bool, label: Callable[[int], str | None] | None
) -> list[dict[str, Any]]:
    joints = _points(poses.xy, poses.joint_score, poses.state)
    before = _points(poses.raw_xy, None, poses.state) if raw else None
    letters = [
        "".join(STATES[state] for state in row)
        for row in np.where(np.isnan(poses.xy[..., 0]), JointState.ABSENT, poses.state).tolist()
    ]
    people = []
    for row, number in enumerate(poses.ids.tolist()):
        person: dict[str, Any] = {
            "id": None if number == UNTRACKED else number,
            "score": round(float(poses.score[row]), 4),
            "keypoints": joints[row],
            "state": letters[row],
        }
        if before is not None:
            person["raw"] = before[row]
        name = label(number) if label and number != UNTRACKED else None
        if name is not None:
            person["label"] = name
        people.append(person)
    return people


def _points(
    xy: NDArray[np.float32], score: NDArray[np.float32] | None, state: NDArray[np.uint8]
) -> list[list[list[float] | None]]:
    """(P, K) lists [x, y] or [x, y, score], None where absent; hundredths of a pixel."""
    # float64 before rounding: 12.34 as float32 would be written as 12.34000015258789.
    numbers = np.round(xy.astype(np.float64), 2)
    if score is not None:
        numbers = np.concatenate([numbers, np.round(score.astype(np.float64), 4)[..., None]], -1)
    there = ~np.isnan(xy).any(-1) & (state != JointState.ABSENT)
    return [
        [point if seen else None for point, seen in zip(points, flags, strict=True)]
        for points, flags in zip(numbers.tolist(), there.tolist(), strict=True)
    ]
