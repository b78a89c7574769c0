"""The interface of all writers, how a source ended, and closing at the end of a block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

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


class ClosedWithItsBlock(ABC):
    """A context manager: `close` at the end of its block, with the block's error if any."""

    @abstractmethod
    def close(self, error: str | None = None) -> None:
        """Close; `error` says what cut it short."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
            return
        try:
            self.close(str(error) or type(error).__name__)
        except Exception as failure:  # noqa: BLE001 - the block's own error comes first
            error.add_note(f"and closing failed: {failure}")
