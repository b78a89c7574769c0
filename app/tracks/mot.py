"""MOT challenge text: frame, id, left, top, width, height, score, class, visibility.

Frames and ids count from 1, because readers take 0 for "no track": an id is ours plus 1. The box is
the one around the keypoints, the class 1 (pedestrian), the visibility the share of keypoints found:
-1 there would mean hidden. People without an id are left out. Read back, a person has two
keypoints: the corners of the box.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from app.tracks.lines import Lines
from app.tracks.writer import Ending, Writer
from engine.offline.recording import unseen_frame
from engine.reading.cells import Cells, text_lines
from engine.types import UNTRACKED, JointState, Poses, Result

FIRST = 1  # id in the file of our id 0
_PERSON = 1  # MOT's class "pedestrian"
CORNERS = ("box_top_left", "box_bottom_right")


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return MotWriter(path)


class MotWriter:
    """A line per person and frame."""

    def __init__(self, path: Path) -> None:
        """Create the file.

        Raises:
            OutputError: it cannot be written.
        """
        self._lines = Lines(path)

    def write(self, result: Result) -> None:
        """Append the people of one frame."""
        poses = result.poses
        there = poses.state != JointState.ABSENT
        for row, person in enumerate(poses.ids.tolist()):
            if person == UNTRACKED or not there[row].any():
                continue
            xy = poses.xy[row, there[row]].astype(np.float64)
            (left, top), (width, height) = xy.min(axis=0), np.ptp(xy, axis=0)
            self._lines.add(
                f"{result.frame.index + 1},{person + FIRST},{left:.2f},{top:.2f},{width:.2f},"
                f"{height:.2f},{poses.score[row]:.4f},{_PERSON},{there[row].mean():.4f}"
            )

    def close(self, ending: Ending) -> None:
        """Close the file."""
        self._lines.close()


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """A header and the frames with people; a frame's time is its number, since MOT has none.

    Raises:
        DataError: this is not MOT challenge text.
    """
    rows = []
    for number, line in text_lines(path):
        if not line.strip():
            continue
        cells = Cells(f"{path}, line {number}: not MOT challenge text", line.split(","))
        frame, person = cells.whole(0, "frame"), cells.track_id(1, "id")
        names = ("left", "top", "width", "height", "score")
        left, top, width, height, score = (
            cells.needed(at, name, 1e7) for at, name in enumerate(names, 2)
        )
        corners = ((left, top), (left + width, top + height))
        rows.append((frame, person, corners, score))
    header = {"source": path.stem, "size": [0, 0], "keypoints": list(CORNERS), "skeleton": []}
    least = min((person for _, person, _, _ in rows if person >= 0), default=FIRST)
    first = min(least, FIRST)  # some programs count from 0
    ours = [(f, max(person - first, UNTRACKED), box, score) for f, person, box, score in rows]
    return header, _results(sorted(ours, key=lambda row: row[0]))


def _results(rows: list[tuple[int, int, Any, float]]) -> Iterator[Result]:
    for frame, group in groupby(rows, key=lambda row: row[0]):
        people = list(group)
        xy = np.array([corners for _, _, corners, _ in people], np.float32)
        score = np.array([score for _, _, _, score in people], np.float32)
        poses = Poses(
            xy,
            np.repeat(score[:, None], 2, axis=1),
            score,
            np.array([person for _, person, _, _ in people], np.int32),
            np.full((len(people), 2), JointState.DETECTED, np.uint8),
            xy,
        )
        yield Result(unseen_frame((0, 0), frame - 1, float(frame - 1)), poses)
