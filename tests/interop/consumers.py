"""What the tests of other programs' readers share."""

import importlib
import os
from pathlib import Path
from types import ModuleType

import pytest

from app.tracks.table import FORMATS, open_writer
from engine.types import Result
from tests.support.tracks import write_all
from tests.support.walking import HEADER

MUST = os.environ.get("FAIL_WITHOUT_CONSUMERS") == "1"  # CI's job that installs all of them


def consumer(name: str) -> ModuleType:
    """A program that reads our files; the test is skipped where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        if MUST:
            raise
        pytest.skip(f"needs {name}: pip install 'posestream[interop]' ({error})")


def written(folder: Path, name: str, results: list[Result], header: dict = HEADER) -> Path:
    """A file of results in a format."""
    path = FORMATS[name].path(folder, "clip")
    write_all([open_writer(FORMATS[name], path, header)], iter(results))
    return path
