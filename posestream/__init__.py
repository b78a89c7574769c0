"""People's skeletons from videos, for programs of your own: the public API.

    from posestream import process

    for result in process("clip.mp4"):
        print(result.frame.time, result.poses.ids, result.poses.xy.shape)

Importing this loads neither Qt nor, until something is processed, torch. docs/api.md has more.
What is not named in `__all__` may change in any version.
"""

from __future__ import annotations

from posestream._packages import import_ours

import_ours()

from pathlib import Path  # noqa: E402

from engine.api import (  # noqa: E402
    Frame,
    JointState,
    Poses,
    Recording,
    Result,
    Settings,
    load_settings,
    process,
    record,
)
from engine.errors import PoseError  # noqa: E402

__all__ = [
    "Frame",
    "JointState",
    "PoseError",
    "Poses",
    "Recording",
    "Result",
    "Settings",
    "load_settings",
    "process",
    "read_tracks",
    "record",
]


def read_tracks(path: str | Path) -> Recording:
    """All of a file of tracks as arrays, in any of the formats of docs/formats.md.

    Args:
        path: a file, or for OpenPose and YOLO a folder.

    Raises:
        PoseError: it is missing or not what it should be.
    """
    from app.tracks.table import read_recording

    return read_recording(Path(path))
