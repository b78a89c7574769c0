"""Neurodata Without Borders with the pose extension (ndx-pose): a PoseEstimation per person.

Needs pynwb and ndx-pose (extra `formats`). Each keypoint is a series of pixels with the frames'
own times and the joint scores as confidence. NWB demands the time of the recording, which a video
seldom tells: the file's modification time is written, and 1970 for what is no file. Object ids are
drawn by the library, so two files of equal contents differ in bytes.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from ndx_pose import PoseEstimation, PoseEstimationSeries, Skeleton, Skeletons
from pynwb import NWBHDF5IO, NWBFile

from app.tracks.dense import Dense, WholeWriter, dense, results_of
from app.tracks.header import checked_header
from app.tracks.person_names import id_of, person_name
from app.tracks.writer import Writer
from engine.errors import DataError
from engine.offline.recording import Recording
from engine.types import Result

ONE = "PoseEstimation"  # the container's name where there is one person: readers look for it
_CONFIDENCE = "response of the joint's heatmap, about 0 to 1"
_FRAME = "(0, 0) is the picture's top left corner; x to the right, y down"

logging.getLogger("hdmf").setLevel(logging.ERROR)


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer of a new file."""
    return WholeWriter(path, header, _save)


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header and the results of every PoseEstimation of the processing module `behavior`.

    Raises:
        DataError: there is none, or the people's keypoints or times differ.
    """
    try:
        with NWBHDF5IO(str(path), "r", load_namespaces=True) as file:
            found = file.read().processing["behavior"].data_interfaces.values()
            people = [one for one in found if isinstance(one, PoseEstimation)]
            names = [one.name for one in people]
            parts = [str(node) for node in people[0].skeleton.nodes[:]]  # groups are sorted by name
            limbs = np.asarray(people[0].skeleton.edges or []).reshape(-1, 2).tolist()
            series = [[one.pose_estimation_series[part] for part in parts] for one in people]
            xy = np.array([[s.data[:] for s in row] for row in series], np.float32)
            score = np.array([[s.confidence[:] for s in row] for row in series], np.float32)
            time = _times(series[0][0])
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise DataError(f"{path} has no pose estimation of NWB: {error!s:.200}") from error
    ids = tuple(id_of(name, n) for n, name in enumerate(names))
    xy, score = xy.transpose(2, 0, 1, 3)[..., :2], score.transpose(2, 0, 1)
    there = np.isfinite(xy).all(axis=3)
    person = (np.where(there, score, 0).sum(axis=2) / len(parts)).astype(np.float32)
    header: dict[str, Any] = {"source": path.stem, "size": [0, 0], "rate": None, "keypoints": parts}
    found_all = Dense(ids, time, xy, score, person)
    header = {**header, "skeleton": limbs}
    return checked_header(header, str(path)), results_of(found_all, (0, 0))


def _save(path: Path, recording: Recording) -> None:
    found = dense(recording)
    source = str(recording.header.get("source", ""))
    began = _recorded(Path(source))
    nwb = NWBFile(f"posestream: {source}", source or "posestream", began, file_create_date=began)
    module = nwb.create_processing_module("behavior", "people's keypoints")
    parts = list(recording.skeleton.names)
    limbs = np.array(recording.skeleton.limbs, np.uint8).reshape(-1, 2)
    skeleton = Skeleton(name="person", nodes=parts, edges=limbs)
    module.add(Skeletons(skeletons=[skeleton]))
    for n, number in enumerate(found.ids):
        module.add(
            PoseEstimation(
                name=ONE if len(found.ids) == 1 else person_name(number),
                pose_estimation_series=_series(found, n, parts),
                description=f"the person with id {number}",
                scorer=str(recording.header.get("weights", {}).get("name", "posestream")),
                source_software="posestream",
                skeleton=skeleton,
            )
        )
    with NWBHDF5IO(str(path), "w") as file:
        file.write(nwb)


def _series(found: Dense, person: int, parts: list[str]) -> list[PoseEstimationSeries]:
    series: list[PoseEstimationSeries] = []
    for k, part in enumerate(parts):
        series.append(
            PoseEstimationSeries(
                name=part,
                description=f"place of {part}",
                data=found.xy[:, person, k],
                unit="pixels",
                reference_frame=_FRAME,
                timestamps=series[0] if series else found.time,
                confidence=found.score[:, person, k],
                confidence_definition=_CONFIDENCE,
            )
        )
    return series


def _times(series: PoseEstimationSeries) -> Any:
    if series.timestamps is not None:
        return np.asarray(series.timestamps[:], np.float64)
    return (series.starting_time or 0.0) + np.arange(len(series.data)) / series.rate


def _recorded(source: Path) -> datetime:
    return datetime.fromtimestamp(source.stat().st_mtime if source.is_file() else 0, UTC)
