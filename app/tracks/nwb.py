"""Neurodata Without Borders with the pose extension (ndx-pose): a PoseEstimation per person.

Needs h5py, and to write pynwb and ndx-pose (extra `formats`). Each keypoint is a series of pixels
with the frames' own times and the joint scores as confidence. NWB demands the time of the
recording, which a video seldom tells: the file's modification time is written, and 1970 for what is
no file. Object ids are drawn by the library, so two files of equal contents differ in bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.tracks.dense import WholeWriter, checked_dense, results_of
from app.tracks.hdf5 import Contents, opened
from app.tracks.header import checked_header
from app.tracks.person_names import DESCRIPTION, ids_of
from app.tracks.writer import Writer
from engine.errors import OutputError
from engine.types import Result

_MODULE = "processing/behavior"


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file.

    Raises:
        OutputError: NWB cannot name one of the keypoints.
    """
    from app.tracks.nwb_file import save

    for name in header["keypoints"]:
        if "/" in name or ":" in name:
            raise OutputError(f"NWB has no / and no : in names, and a keypoint is {name!r}")

    return WholeWriter(path, header, save)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results of every PoseEstimation of the processing module `behavior`.

    Raises:
        DataError: there is none, or the people's keypoints or times differ.
    """
    with opened(path, "NWB with poses") as file:
        people = _people(file)
        if not people:
            raise ValueError(f"there is no PoseEstimation in {_MODULE}")
        parts, limbs = _skeleton(file, next(iter(people)))
        series = [[f"{person}/{part}" for part in parts] for person in people]
        time = _times(file, series[0][0])
        for one in (one for row in series for one in row):
            if not np.array_equal(_times(file, one), time):
                raise ValueError(f"{one} has other times than {series[0][0]}")
        xy = np.array([[_places(file, one, len(time)) for one in row] for row in series])
        score = np.array([[_scores(file, one, len(time)) for one in row] for row in series])
        names = list(people.values())
    header: dict[str, Any] = {"source": path.stem, "size": [0, 0], "rate": None}
    header = checked_header({**header, "keypoints": parts, "skeleton": limbs}, str(path))
    xy, score = xy.transpose(2, 0, 1, 3), score.transpose(2, 0, 1)  # (N, K, T…) to (T, N, K…)
    there = np.isfinite(xy).all(axis=3)
    with np.errstate(invalid="ignore"):  # infinite scores are refused
        person = np.where(there, np.nan_to_num(score), 0).sum(axis=2) / len(parts)
    return header, results_of(checked_dense(str(path), names, time, xy, score, person), (0, 0))


def _of_type(file: Contents, group: str, kind: str) -> list[str]:
    """The paths of a group's members of a type of NWB."""
    every = [f"{group}/{name}" for name in file.names(group)]
    return [one for one in every if file.attribute(one, "neurodata_type") == kind]


def _people(file: Contents) -> dict[str, str]:
    """The name of each PoseEstimation by its path, in the order of their numbers."""
    every = _of_type(file, _MODULE, "PoseEstimation")
    names = [_person(file, one) for one in every]  # HDF5 has person100 before person11
    order = np.argsort(ids_of(names), kind="stable")
    return {every[n]: names[n] for n in order}


def _person(file: Contents, path: str) -> str:
    """A name with the person's number: ours is in the description where there is one person."""
    said = file.texts(f"{path}/description") if f"{path}/description" in file else []
    match = re.fullmatch(DESCRIPTION.format(r"(\d{1,10})"), "".join(said))
    return match.group(1) if match else path.rpartition("/")[2]


def _skeleton(file: Contents, person: str) -> tuple[list[str], list[list[int]]]:
    """Keypoints and limbs; before ndx-pose 0.2 they were in the PoseEstimation itself."""
    holder = next(iter(_of_type(file, person, "Skeleton")), person)
    if f"{holder}/nodes" not in file:
        every = _of_type(file, person, "PoseEstimationSeries")
        return [one.rpartition("/")[2] for one in every], []
    edges = f"{holder}/edges"
    return file.texts(f"{holder}/nodes"), (
        file.whole(edges, None, 2).tolist() if file.size(edges) else []
    )


def _places(file: Contents, series: str, frames: int) -> NDArray[np.float64]:
    """(T, 2) x and y; of poses in space the first two axes."""
    values = file.numbers(f"{series}/data", frames, None)
    if values.shape[1] not in (2, 3):
        raise ValueError(f"{series}/data has {values.shape[1]} coordinates")
    return values[:, :2]


def _scores(file: Contents, series: str, frames: int) -> NDArray[np.float64]:
    path = f"{series}/confidence"
    return file.numbers(path, frames) if path in file else np.ones(frames)


def _times(file: Contents, series: str) -> NDArray[np.float64]:
    if f"{series}/timestamps" in file:
        return file.numbers(f"{series}/timestamps", None)
    start = f"{series}/starting_time"
    rate = float(file.attribute(start, "rate"))
    frames = len(file.numbers(f"{series}/data", None, None))
    return float(file.numbers(start)) + np.arange(frames) / rate
