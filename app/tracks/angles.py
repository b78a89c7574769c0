"""Joint angles as CSV: frame, time, id, then a column of degrees per angle; written, not read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.tracks.joint_angles import angles_for
from app.tracks.lines import Lines
from app.tracks.writer import Ending, Writer
from engine.errors import DataError, SettingsError
from engine.types import UNTRACKED, Result


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return AnglesWriter(path, tuple(header["keypoints"]))


class AnglesWriter:
    """A row per person and frame; cells are empty where a keypoint is absent."""

    def __init__(self, path: Path, keypoints: tuple[str, ...]) -> None:
        """Create the file.

        Raises:
            SettingsError: these keypoints have no known angles.
            OutputError: the file cannot be written.
        """
        self._keypoints, self._angles = keypoints, angles_for(keypoints)
        if not self._angles:
            raise SettingsError(f"no joint angles are known for the keypoints {keypoints[:5]}")
        self._lines = Lines(path)
        self._lines.add(_row(["frame", "time", "id", *(angle.name for angle in self._angles)]))

    def write(self, result: Result) -> None:
        """Append the people of one frame."""
        frame, poses = result.frame, result.poses
        if not len(poses):
            return
        values = np.stack([angle.of(poses.xy, self._keypoints) for angle in self._angles], axis=1)
        for number, row in zip(poses.ids.tolist(), values.tolist(), strict=True):
            who = "" if number == UNTRACKED else number
            cells = ["" if value != value else f"{value:.2f}" for value in row]
            self._lines.add(_row([frame.index, f"{frame.time:.6f}", who, *cells]))

    def close(self, ending: Ending) -> None:
        """Close the file."""
        self._lines.close()


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """Refuse: keypoints cannot be had back from angles.

    Raises:
        DataError: always.
    """
    raise DataError(f"{path} holds joint angles, from which keypoints cannot be had back")


def _row(cells: list[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()
