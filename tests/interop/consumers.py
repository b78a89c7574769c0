"""What the tests of other programs' readers share."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from app.tracks.table import FORMATS, open_writer, write_all
from engine.offline.recording import unseen_frame
from engine.skeleton import COCO
from engine.types import JointState, Poses, Result
from tests.support.walking import walking

SIZE = (640, 360)
HEADER = {
    "source": "clip.mp4",
    "kind": "video",
    "size": list(SIZE),
    "rotation": 0,
    "rate": 25.0,
    "keypoints": list(COCO.names),
    "skeleton": [list(limb) for limb in COCO.limbs],
}


def consumer(name: str) -> ModuleType:
    """A program that reads our files; the test is skipped where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"needs {name}: pip install 'posestream[interop]' ({error})")


def written(folder: Path, name: str, results: list[Result], header: dict = HEADER) -> Path:
    """A file of results in a format."""
    path = FORMATS[name].path(folder, "clip")
    write_all([open_writer(FORMATS[name], path, header)], iter(results))
    return path


__all__ = [
    "COCO",
    "HEADER",
    "SIZE",
    "JointState",
    "Poses",
    "consumer",
    "unseen_frame",
    "walking",
    "written",
]
