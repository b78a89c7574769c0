"""The content of an NWB file of poses, made with pynwb and ndx-pose."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from ndx_pose import PoseEstimation, PoseEstimationSeries, Skeleton, Skeletons
from pynwb import NWBHDF5IO, NWBFile

from app.tracks.dense import Dense, dense
from app.tracks.person_names import DESCRIPTION, person_name
from engine.offline.recording import Recording

ONE = "PoseEstimation"  # the container's name where there is one person: readers look for it
_CONFIDENCE = "response of the joint's heatmap, about 0 to 1"
_FRAME = "(0, 0) is the picture's top left corner; x to the right, y down"

logging.getLogger("hdmf").setLevel(logging.ERROR)


def save(path: Path, recording: Recording) -> None:
    """Write a recording as a new file."""
    found = dense(recording)
    source = str(recording.header.get("source", ""))
    began = _recorded(Path(source))
    nwb = NWBFile(f"posestream: {source}", source or "posestream", began, file_create_date=began)
    module = nwb.create_processing_module("behavior", "people's keypoints")
    parts = list(recording.skeleton.names)
    # ndx-pose numbers keypoints of edges in 8 bits
    limbs = [limb for limb in recording.skeleton.limbs if max(limb) < 256]
    edges = np.array(limbs, np.uint8).reshape(-1, 2)
    skeleton = Skeleton(name="person", nodes=parts, edges=edges)
    module.add(Skeletons(skeletons=[skeleton]))
    for n, number in enumerate(found.ids):
        module.add(
            PoseEstimation(
                name=ONE if len(found.ids) == 1 else person_name(number),
                pose_estimation_series=_series(found, n, parts),
                description=DESCRIPTION.format(number),
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


def _recorded(source: Path) -> datetime:
    return datetime.fromtimestamp(source.stat().st_mtime if source.is_file() else 0, UTC)
