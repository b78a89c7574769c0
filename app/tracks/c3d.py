"""C3D, the file of motion capture: every keypoint of every person is a point over time.

Needs ezc3d (extra `formats`). Points have the markers' names of TRC (LShoulder); where there are
several people the name of the person and a colon come before it, as capture systems do it for
several subjects (person03:LShoulder). x right, y down, z 0 in pixels, or x right, y up in metres.
C3D has one rate for a whole file, so frames that came unevenly are at the mean rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ezc3d
import numpy as np

from app.tracks.dense import Dense, WholeWriter, dense, results_of
from app.tracks.header import checked_header
from app.tracks.person_names import id_of, person_name
from app.tracks.trc import keypoint_of, marker
from app.tracks.writer import Writer
from engine.errors import DataError, OutputError
from engine.offline.recording import Recording
from engine.types import Result

_MOST = 65535  # frames: a 16-bit number


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return WholeWriter(path, header, _save)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results of a file in pixels.

    Raises:
        DataError: this is not a C3D file, or one of metres or millimetres.
    """
    try:
        file = ezc3d.c3d(str(path))
        parameters = file["parameters"]["POINT"]
        labels = [str(label) for label in parameters["LABELS"]["value"]]
        unit = "".join(parameters.get("UNITS", {"value": []})["value"])
        rate = float(parameters["RATE"]["value"][0])
    except (OSError, RuntimeError, ValueError, KeyError, IndexError) as error:
        raise DataError(f"{path} is not a C3D file: {error!s:.200}") from error
    if not unit.lower().startswith(("px", "pix")):
        raise DataError(f"{path}: its unit is {unit or 'not given'}, tracks are in px")
    pairs: list[tuple[str, str, str]] = [label.rpartition(":") for label in labels]
    people = list(dict.fromkeys(person for person, _, _ in pairs))
    markers = list(dict.fromkeys(name for _, _, name in pairs))
    points = file["data"]["points"]
    found = np.full((points.shape[2], len(people), len(markers), 3), np.nan, np.float32)
    residual = file["data"]["meta_points"]["residuals"]
    for n, (person, _, name) in enumerate(pairs):
        values = np.where(residual[0, n] < 0, np.nan, points[:2, n]).T
        found[:, people.index(person), markers.index(name), :2] = values
    ids = tuple(id_of(person, n) for n, person in enumerate(people))
    shape = found.shape[:3]
    time = np.arange(len(found)) / (rate or 1.0)
    ones = np.ones(shape, np.float32)
    keypoints = [keypoint_of(name) for name in markers]
    header = {"source": path.stem, "size": [0, 0], "rate": rate or None, "keypoints": keypoints}
    return checked_header(header, str(path)), results_of(
        Dense(ids, time, found[..., :2], ones, ones[..., 0]), (0, 0)
    )


def _save(path: Path, recording: Recording) -> None:
    found = dense(recording)
    count, people, joints = found.score.shape
    if count > _MOST:
        raise OutputError(f"C3D holds {_MOST} frames, this recording has {count}: write trc")
    unit = str(recording.header.get("units", "px"))
    names = [marker(name) for name in recording.skeleton.names]
    before = [f"{person_name(i)}:" for i in found.ids] if people > 1 else [""] * people
    points = np.full((4, people * joints, count), np.nan)
    points[:2] = found.xy.reshape(count, people * joints, 2).transpose(2, 1, 0)
    points[2] = np.where(np.isnan(points[0]), np.nan, 0.0)
    points[3] = 1.0
    file = ezc3d.c3d()
    point = file["parameters"]["POINT"]
    point["UNITS"]["value"] = [unit]
    point["RATE"]["value"] = [found.rate]
    point["LABELS"]["value"] = [person + name for person in before for name in names]
    file.add_parameter("POSESTREAM", "SOURCE", [str(recording.header.get("source", ""))])
    file["data"]["points"] = points
    file.write(str(path))
