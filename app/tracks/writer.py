"""What every writer offers, and what it is told at the end."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from engine.errors import OutputError
from engine.types import Result


@dataclass(frozen=True, slots=True)
class Ending:
    """How a source ended."""

    frames: int = 0
    people: int = 0  # summed over the frames
    dropped: int = 0
    error: str | None = None  # what cut it short or went missing; None: everything is there

    @property
    def complete(self) -> bool:
        """Whether every frame of the source is in the file."""
        return self.error is None


class Writer(Protocol):
    """A sink for the results of one source."""

    def write(self, result: Result) -> None:
        """Append one frame.

        Raises:
            OutputError: it cannot be written; what was written before stays readable.
        """
        ...

    def close(self, ending: Ending) -> None:
        """Finish the file. May be called twice, also after a failed write."""
        ...


def cannot_write(path: Path, error: OSError) -> OutputError:
    """The error to raise when the operating system refuses, with what to do."""
    what = {
        errno.ENOSPC: "the disk is full; free some space or choose another folder with -o",
        errno.EDQUOT: "your disk quota is used up; choose another folder with -o",
        errno.EACCES: "permission denied; choose another folder with -o",
        errno.EROFS: "the disk is read-only; choose another folder with -o",
        errno.ENOENT: "its folder does not exist",
    }.get(error.errno or 0, error.strerror or str(error))
    return OutputError(f"cannot write {path}: {what}")
