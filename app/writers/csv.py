"""Tracks as CSV: one row per person and frame, for spreadsheets and data frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.writers.lines import Lines
from app.writers.writer import Ending
from engine.types import UNTRACKED, JointState, Poses, Result

_STATES = ["", "detected", "refined", "interpolated"]  # by JointState


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
        columns = [f"{name}_{part}" for name in keypoints for part in ("x", "y", "score", "state")]
        self._lines.add(",".join(["frame", "time", "id", "score", *columns]))

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
