"""Pictures of the tracks report: the frames to look at, with the people in question drawn."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.evaluation.report.pictures import thumbnail
from app.overlay.drawing import draw
from engine.offline.recording import Recording
from engine.settings import DisplaySettings
from engine.types import Frame, Poses

_DISPLAY = DisplaySettings(min_joint_score=0.0, ids=True, thickness=1.3)
_MARGIN = 0.6  # of the people's extent, kept around them


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One figure to be made."""

    frames: tuple[int, ...]  # rows of the recording's frame table
    ids: tuple[int, ...]
    caption: str
    command: str  # that corrects it
    anchor: int | None  # the timeline points to it


@dataclass(frozen=True, slots=True)
class Figure:
    """What the template needs of a snapshot."""

    jpegs: list[str]  # base64
    caption: str
    command: str
    anchor: int | None


def figures(
    recording: Recording, snapshots: Sequence[Snapshot], frames: Iterable[Frame] | None
) -> list[Figure]:
    """What the template needs of each figure, from one pass over the video.

    Without `frames` the people are on black.
    """
    needed = {row for one in snapshots for row in one.frames}
    row_of = {int(recording.index[row]): row for row in needed}
    black = (result.frame for result in recording.results())
    jpegs: dict[tuple[int, int], bytes] = {}
    for frame in frames if frames is not None else black:
        row = row_of.get(frame.index)
        if row is not None:
            for number, one in enumerate(snapshots):
                if row in one.frames:
                    jpegs[number, row] = _jpeg(recording, frame, row, one.ids)
            if row == max(needed):
                break
    return [_figure(number, one, jpegs) for number, one in enumerate(snapshots)]


def _jpeg(recording: Recording, frame: Frame, row: int, ids: tuple[int, ...]) -> bytes:
    rows = np.flatnonzero((recording.frame == row) & np.isin(recording.people.ids, ids))
    people = recording.people.take(rows)
    picture = draw(frame.pixels, people, recording.skeleton, _DISPLAY)
    left, top, right, bottom = _around(people, frame.size)
    return thumbnail(np.ascontiguousarray(picture[top:bottom, left:right]))


def _around(people: Poses, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The part of the picture with these people in it; all of it where there are none."""
    xy: NDArray[np.float32] = people.xy.reshape(-1, 2)
    xy = xy[~np.isnan(xy[:, 0])]
    if not len(xy):
        return 0, 0, *size
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = max(32.0, _MARGIN * float((high - low).max()))
    left, top = np.clip(low - margin, 0, np.array(size) - 16).astype(int).tolist()
    right, bottom = np.clip(high + margin, (left + 16, top + 16), size).astype(int).tolist()
    return left, top, right, bottom


def _figure(number: int, one: Snapshot, jpegs: dict[tuple[int, int], bytes]) -> Figure:
    shots = [
        base64.b64encode(jpegs[number, row]).decode()
        for row in one.frames
        if (number, row) in jpegs
    ]
    return Figure(shots, one.caption, one.command, one.anchor)
