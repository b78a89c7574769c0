"""The interface of all writers, and how a source ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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
