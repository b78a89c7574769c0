"""Files that are made once and kept: complete, or not there."""

from __future__ import annotations

import atexit
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)


def kept(folder: Path | None, name: str, make: Callable[[Path], None]) -> Path:
    """A file in the cache, made unless it is there.

    Args:
        folder: of the cache; None, or one that cannot be written: the file lasts as long as the
            program, and for the latter one line says so.
        name: of the file; a different content has a different name.
        make: writes it to the path it is given, which has the same suffix; may write a second file
            beside it, with the suffix .bin.
    """
    if folder and (folder / name).is_file():
        return folder / name
    place = writable(folder)
    path = place / name
    if path.is_file():
        return path
    partial = place / f"part-{os.getpid()}-{name}"
    make(partial)
    second = partial.with_suffix(".bin")
    if second.is_file():  # first, so that the main file is never there alone
        second.replace(path.with_suffix(".bin"))
    partial.replace(path)
    return path


def writable(folder: Path | None) -> Path:
    """The folder, made if necessary, or a temporary one where it cannot be written to."""
    if folder is None:
        return _temporary()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        _warn_once(folder, error.strerror or str(error))
        return _temporary()


@cache
def _warn_once(folder: Path, reason: str) -> None:
    log.warning(
        "cannot keep compiled models in %s (%s): they are made again at every start; "
        "make it writable, or point XDG_CACHE_HOME to another folder",
        folder,
        reason,
    )


@cache
def _temporary() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="posestream-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
