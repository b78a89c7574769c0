"""What became of the inputs of `process`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.signals import INTERRUPTED
from app.tracks.writer import Ending
from engine.types import Result


@dataclass(slots=True)
class Outcome:
    """What became of one input."""

    source: str
    outputs: list[Path] = field(default_factory=list)
    frames: int = 0
    people: int = 0  # summed over the frames
    ids: set[int] = field(default_factory=set)
    dropped: int = 0
    seconds: float = 0.0  # that it took
    error: str | None = None
    notes: list[str] = field(default_factory=list)
    skipped: bool = False  # everything was there already

    def count(self, result: Result) -> None:
        """Add one frame."""
        self.frames += 1
        self.people += len(result.poses)
        self.dropped = result.dropped
        self.ids.update(number for number in result.poses.ids.tolist() if number >= 0)

    def plain(self) -> dict[str, object]:
        """The same for JSON."""
        return {
            "source": self.source,
            "complete": self.error is None,
            "up_to_date": self.skipped,
            "frames": self.frames,
            "people": self.people,
            "ids": sorted(self.ids),
            "dropped": self.dropped,
            "seconds": round(self.seconds, 3),
            "outputs": [str(path) for path in self.outputs],
            "notes": self.notes,
            "error": self.error,
        }

    @property
    def ending(self) -> Ending:
        """The same for a file's last line."""
        return Ending(self.frames, self.people, self.dropped, self.error)


@dataclass(slots=True)
class Summary:
    """What became of all inputs."""

    reports: list[Outcome] = field(default_factory=list)
    interrupted: bool = False

    @property
    def failed(self) -> list[Outcome]:
        """The inputs of which something is missing."""
        return [report for report in self.reports if report.error is not None]

    @property
    def exit_code(self) -> int:
        """0 if everything is there, 1 if something is missing, 130 after Ctrl-C."""
        return INTERRUPTED if self.interrupted else int(bool(self.failed))

    def plain(self) -> dict[str, object]:
        """The same for JSON; `process --json` prints it."""
        return {
            "complete": not self.failed and not self.interrupted,
            "interrupted": self.interrupted,
            "inputs": [report.plain() for report in self.reports],
        }
