"""What the terminal shows while files are processed: a bar, a line per file, a summary."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from engine.sources.addresses import printable
from engine.sources.source import Source

if TYPE_CHECKING:
    from app.process.outcome import Outcome, Summary


EVERY = 30.0  # s between two lines of progress where there is no terminal


class Bars:
    """Progress on a console; silent without one, without a bar where it is not a terminal."""

    def __init__(self, console: Console | None, *, quiet: bool = False) -> None:
        """Begin; `quiet` leaves out all but errors."""
        self._console = console or Console(quiet=True)
        self._quiet = quiet
        self._name, self._total = "", 0
        self._began = self._told = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _FramesPerSecond(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=quiet or not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self._quiet:
            return
        self._console.print(escape(printable(text)), highlight=False, soft_wrap=True)

    def start(self, source: Source) -> None:
        """Begin the bar of a source."""
        info = source.info
        total = info.frames
        if total is None and info.duration and info.rate:
            total = round(info.duration * info.rate)
        self._progress.remove_task(self._task)
        self._task = self._progress.add_task(escape(source.name), total=total)
        self._name, self._total = source.name, total or 0
        self._began = self._told = time.monotonic()

    def show(self, text: str, done: int, total: int) -> None:
        """Show one bar for everything, in place of one per source."""
        self._progress.update(
            self._task, description=escape(text), completed=done, total=total, visible=True
        )
        if self._is_time():
            self.say(text)

    def advance(self, frames: int) -> None:
        """Show how many frames are done."""
        self._progress.update(self._task, completed=frames)
        if self._is_time():
            spent = time.monotonic() - self._began
            self.say(_how_far(self._name, frames, self._total, spent))

    def _is_time(self) -> bool:
        """Whether a line is due, for logs: there is no terminal, and the last one is old."""
        due = not self._console.is_terminal and time.monotonic() - self._told >= EVERY
        if due:
            self._told = time.monotonic()
        return due

    def done(self, report: Outcome) -> None:
        """Print the outcome of an input."""
        if report.skipped:
            self.say(f"{report.source}: up to date (--force does it again)")
        elif report.frames and report.outputs:
            self.say(_line(report))
        for note in report.notes:
            self.say(f"  note: {note}")
        errors = report.missing if report.error is None else [report.error, *report.missing]
        for error in errors:
            name = "" if report.source in error else f"{report.source}: "
            text = f"[red]error:[/red] {escape(printable(name + error))}"
            self._console.print(text, highlight=False, soft_wrap=True)

    def end(self, summary: Summary) -> None:
        """Print the summary, where there was more than one input or something is missing."""
        count, failed = len(summary.reports), summary.failed
        if count > 1 or failed:
            self.say(f"{count - len(failed)} of {count} inputs are complete")
        for report in failed if count > 1 else []:
            self.say(f"  not complete: {report.source}")


class _FramesPerSecond(ProgressColumn):
    """How fast frames have been coming lately."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f} frames/s" if speed else "")


def _how_far(name: str, frames: int, total: int, seconds: float) -> str:
    """The bar as a line, for logs."""
    speed = frames / seconds
    if total <= frames:
        return f"{name}: {frames} frames, {speed:.1f} frames/s"
    left = (total - frames) / speed / 60
    return f"{name}: {frames} of {total} frames, {speed:.1f} frames/s, {left:.0f} min left"


def _line(report: Outcome) -> str:
    counts = report.counts
    people = counts.people / counts.frames
    speed = counts.frames / report.seconds
    first = report.outputs[0]
    names = [Path(output).name for output in report.outputs]
    others = ", ".join(name[len(Path(first).stem) :] for name in names[1:])
    ids = f" with {len(counts.ids)} ids" if counts.ids else ""
    return (
        f"{report.source}: {report.frames} frames, {people:.1f} people per frame{ids}, "
        f"{speed:.1f} frames/s -> {first}" + (f", {others}" if others else "")
    )
