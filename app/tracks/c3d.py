"""C3D, the file of motion capture: every keypoint of every person is a point over time.

ezc3d writes it (extra `formats`). Points have the markers' names of TRC (LShoulder); where there
are several people the name of the person and a colon come before it, as capture systems do it for
several subjects (person03:LShoulder). x right, y down, z 0 in pixels, or x right, y up in metres.
C3D has one rate for a whole file, so frames that came unevenly are at the mean rate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from app.tracks.c3d_points import read_points
from app.tracks.dense import WholeWriter, checked_dense, dense, empty_places, results_of
from app.tracks.header import checked_header
from app.tracks.person_names import person_name
from app.tracks.trc import keypoint_of, markers
from app.tracks.writer import Writer
from engine.errors import DataError, OutputError
from engine.offline.recording import Recording
from engine.types import Result

_MOST = 65535  # frames: a 16-bit number


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file.

    Raises:
        OutputError: C3D cannot name the keypoints.
    """
    import ezc3d  # noqa: F401 - if it is missing, that is said before the first frame

    for name in markers(header["keypoints"]):
        if ":" in name:
            raise OutputError(f"in C3D a colon ends a person's name, and a keypoint is {name!r}")
    return WholeWriter(path, header, _save)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results of a file in pixels.

    Raises:
        DataError: this is not a C3D file, or one of metres or millimetres.
    """
    points = read_points(path)
    if not points.unit.lower().startswith(("px", "pix")):
        raise DataError(f"{path}: its unit is {points.unit or 'not given'}, tracks are in px")
    if len(set(points.labels)) < len(points.labels):
        raise DataError(f"{path}: two of its points have the same label")
    pairs: list[tuple[str, str, str]] = [label.rpartition(":") for label in points.labels]
    people = {name: n for n, name in enumerate(dict.fromkeys(person for person, _, _ in pairs))}
    markers = {name: n for n, name in enumerate(dict.fromkeys(name for _, _, name in pairs))}
    header: dict[str, Any] = {"source": path.stem, "size": [0, 0], "rate": points.rate or None}
    header["keypoints"] = [keypoint_of(name) for name in markers]
    header = checked_header(header, str(path))
    try:
        found = empty_places(len(points.xyz), len(people), len(markers)).astype(np.float64)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    for n, (person, _, name) in enumerate(pairs):
        found[:, people[person], markers[name], :2] = points.xyz[:, n, :2]
    time = np.arange(len(found)) / (points.rate or 1.0)
    ones = np.ones(found.shape[:3])
    names = [name or "".join(points.people[:1]) for name in people]
    places = checked_dense(str(path), names, time, found[..., :2], ones, ones[..., 0])
    return header, results_of(places, (0, 0))


def _save(path: Path, recording: Recording) -> None:
    import ezc3d

    found = dense(recording)
    count, people, joints = found.score.shape
    if not count:
        raise OutputError("C3D cannot be without frames, and this recording has none")
    if count > _MOST:
        raise OutputError(f"C3D holds {_MOST} frames, this recording has {count}: write trc")
    unit = str(recording.header.get("units", "px"))
    names = markers(recording.skeleton.names)
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
    file.add_parameter("POSESTREAM", "PERSON", [person_name(found.ids[0])] if people == 1 else [""])
    file["data"]["points"] = points
    file.write(str(path))
