"""The outcome of each input of `process`."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.signals import INTERRUPTED
from app.tracks.sink import Counts


@dataclass(slots=True)
class Outcome:
    """The outcome of one input."""

    source: str
    outputs: list[str] = field(default_factory=list)  # files, or addresses of stored ones
    counts: Counts = field(default_factory=Counts)
    seconds: float = 0.0  # that it took
    error: str | None = None  # what cut the tracks short
    missing: list[str] = field(default_factory=list)  # other outputs that failed, and why
    notes: list[str] = field(default_factory=list)
    skipped: bool = False  # everything was there already

    @property
    def frames(self) -> int:
        """Frames that are in the tracks."""
        return self.counts.frames

    def plain(self) -> dict[str, object]:
        """The same for JSON."""
        return {
            "source": self.source,
            "complete": self.complete,
            "up_to_date": self.skipped,
            "frames": self.frames,
            "people": self.counts.people,
            "ids": sorted(self.ids),
            "dropped": self.counts.dropped,
            "seconds": round(self.seconds, 3),
            "outputs": list(self.outputs),
            "notes": self.notes,
            "error": self.error,
            "missing": self.missing,
        }

    @property
    def ids(self) -> set[int]:
        """The people in the tracks."""
        return self.counts.ids

    @property
    def complete(self) -> bool:
        """Whether everything that was asked for is there."""
        return self.error is None and not self.missing


@dataclass(slots=True)
class Summary:
    """The outcome of all inputs."""

    reports: list[Outcome] = field(default_factory=list)
    interrupted: bool = False

    @property
    def failed(self) -> list[Outcome]:
        """The inputs of which something is missing."""
        return [report for report in self.reports if not report.complete]

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
