"""Errors that were not foreseen: one line for the user, the traceback in a log file."""

from __future__ import annotations

import time
import traceback
from pathlib import Path

from engine.errors import PoseError
from engine.files import HIDDEN

LOG = "errors.log"


def explained(error: BaseException, folder: Path, what: str) -> str:
    """An error as one line; the traceback of one that was not foreseen goes into a log.

    Args:
        folder: of the outputs; the log is `.posestream/errors.log` in it.
        what: the input it is about.
    """
    if isinstance(error, PoseError):
        return str(error)
    text = " ".join(str(error).split())
    line = f"unexpected {type(error).__name__}" + (f": {text[:300]}" if text else "")
    log = folder / HIDDEN / LOG
    when = time.strftime("%Y-%m-%d %H:%M:%S")
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8", errors="replace") as file:
            file.write(f"--- {when} {what}\n{''.join(traceback.format_exception(error))}\n")
    except OSError:
        return line
    return f"{line} (the traceback is in {log})"
