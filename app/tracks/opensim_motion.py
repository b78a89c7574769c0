"""Joint angles as OpenSim motion files: a folder with a .mot per person; written, not read.

Time in seconds and a column of degrees per angle. OpenSim wants a value in every cell, so frames
without one are interpolated from the frames around, and an angle that is never seen is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tracks.angles import read as _refuse
from app.tracks.dense import RecordingWriter
from app.tracks.joint_angles import Angle, angles_for
from app.tracks.person_names import person_name
from app.tracks.writer import Writer
from engine.errors import OutputError
from engine.files import make_folder, write_whole
from engine.offline.recording import Recording
from engine.types import Result


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer into this folder."""
    return RecordingWriter(header, lambda recording: _save(path, recording))


def _save(folder: Path, recording: Recording) -> None:
    make_folder(folder)
    for number in recording.ids:
        write_whole(folder / f"{person_name(number)}.mot", _motion(recording, number).encode())


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """Refuse: keypoints cannot be had back from angles.

    Raises:
        DataError: always.
    """
    return _refuse(path)


def _motion(recording: Recording, number: int) -> str:
    rows = recording.rows_of(number)
    span = slice(recording.frame[rows[0]], recording.frame[rows[-1]] + 1)
    every, seen = recording.time[span], recording.time[recording.frame[rows]]
    names = recording.skeleton.names
    columns = {"time": every}
    for angle in angles_for(names):
        values = angle.of(recording.people.xy[rows], names)
        if np.isfinite(values).any():
            columns[angle.name] = _filled(angle, every, seen, values)
    if len(columns) == 1:
        raise OutputError(f"no joint angle of person {number} can be computed")
    lines = [
        " ".join(f"{value:.6f}" for value in row) for row in zip(*columns.values(), strict=True)
    ]
    head = ("posestream", "version=1", f"nRows={len(lines)}", f"nColumns={len(columns)}")
    body = ["\t".join(columns), *(line.replace(" ", "\t") for line in lines)]
    return "\n".join([*head, "inDegrees=yes", "endheader", *body]) + "\n"


def _filled(
    angle: Angle, every: NDArray[np.float64], seen: NDArray[np.float64], values: NDArray[np.float64]
) -> NDArray[np.float64]:
    there = np.isfinite(values)
    if len(angle.points) == 2:  # may pass 180 degrees: interpolate without the jump
        values = values.copy()
        values[there] = np.degrees(np.unwrap(np.radians(values[there])))
    return np.interp(every, seen[there], values[there])
