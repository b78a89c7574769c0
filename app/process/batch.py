"""All inputs of one `process`: in turn with one engine, or several at once in worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.process.delivery import marked, process_and_deliver, staging
from app.process.inputs import passed_over, plan
from app.process.outcome import Outcome, Summary
from app.process.outputs import place
from app.process.progress import Bars
from app.signals import Stop, stop_on_signal
from engine.errors import SettingsError
from engine.files import make_folder
from engine.settings import Settings
from engine.sources.addresses import shown
from engine.sources.excerpt import WHOLE, Part
from engine.sources.stores import is_stored

if TYPE_CHECKING:
    from rich.console import Console

    from app.process.pool import Task
    from engine.estimator import PoseEstimator

Opener = Callable[[Settings], AbstractContextManager[Any]]


def open_default(settings: Settings) -> AbstractContextManager[PoseEstimator]:
    """Open the network that the settings name."""
    from engine.network.opening import open_estimator

    return open_estimator(settings)


def process_files(
    inputs: Sequence[str],
    out: Path | str,
    settings: Settings,
    *,
    part: Part = WHOLE,
    force: bool = False,
    workers: int = 1,
    console: Console | None = None,
    quiet: bool = False,
    open_estimator: Opener = open_default,
) -> Summary:
    """Process every input; one that fails does not stop the others.

    Args:
        inputs: files, folders, patterns, URLs, or "-" for standard input.
        out: folder for the results, made if it does not exist, or the address of a stored one.
        part: which frames of each input.
        force: redo what is finished, restart what was stopped, and replace files that are
            in the way, from whatever program.
        workers: inputs at once, each in a process with an engine of its own; only on the CPU.
        console: where progress and results are shown; None: nowhere.
        quiet: errors only.
        open_estimator: opens the network once, for all inputs.

    Raises:
        PoseError: nothing at all can be done: no weights, no device, no folder to write to.
    """
    from engine.network.choice import better_weights, suited

    advice = better_weights(settings.engine.device, settings.engine.weights)
    settings = suited(settings)
    jobs, problems = plan(inputs, part)
    summary = Summary([Outcome(shown(text), error=str(error)) for text, error in problems.items()])
    address = str(out).rstrip("/") if is_stored(str(out)) else None
    if address is not None and workers > 1:
        raise SettingsError("--workers writes to local folders: use --cluster local for addresses")
    folder = Path(out) if address is None else staging(address)
    make_folder(folder)
    if address is not None and jobs:
        marked(address)
    batch = _Batch(settings, open_estimator, workers, address)
    with Bars(console, quiet=quiet) as bars, stop_on_signal(bars.say) as stop:
        for note in (*passed_over(inputs), *([str(advice)] if advice else [])):
            bars.say(note)
        for report in summary.reports:
            bars.done(report)
        tasks = _tasks(jobs, folder, settings, force=force)
        for report in batch.run(tasks, bars, stop):
            summary.reports.append(report)
            bars.done(report)
        summary.interrupted = stop.asked
        bars.end(summary)
    return summary


def _tasks(jobs: Sequence[Any], out: Path, settings: Settings, *, force: bool) -> list[Task]:
    from app.process.pool import Task

    files = place(jobs, out, settings.output, force=force)
    return [Task(*pair, settings, force) for pair in zip(jobs, files, strict=True)]


@dataclass(frozen=True, slots=True)
class _Batch:
    """How tasks are run."""

    settings: Settings
    open_estimator: Opener
    workers: int
    address: str | None = None  # where the results are sent

    def run(self, tasks: Sequence[Task], bars: Bars, stop: Stop) -> Iterator[Outcome]:
        """Yield each input's outcome as it is done."""
        if not tasks:
            return
        several = self.workers > 1 and len(tasks) > 1
        yield from (self._at_once if several else self._in_turn)(tasks, bars, stop)

    def _in_turn(self, tasks: Sequence[Task], bars: Bars, stop: Stop) -> Iterator[Outcome]:
        """One engine, one input after the other."""
        from app.process.one_input import alone, process_one

        with self.open_estimator(self.settings) as estimator:
            bars.say(_about(estimator))
            for job, files, settings, force in tasks:
                if stop.asked:
                    return
                arguments = (job, files, settings, estimator)
                one = partial(process_one, *arguments, bars, stop, force=force)
                if self.address is not None:
                    sent = (*arguments, self.address, one)
                    one = partial(process_and_deliver, *sent, force=force)
                yield alone(job, files, one)

    def _at_once(self, tasks: Sequence[Task], bars: Bars, stop: Stop) -> Iterator[Outcome]:
        """An engine per process, after one was opened here to see that it can be."""
        from app.process.pool import process_many

        with self.open_estimator(self.settings) as estimator:
            if estimator.device.name.startswith("cuda"):
                raise SettingsError(
                    f"--workers {self.workers} is for the CPU; one engine keeps "
                    f"{estimator.device.name} busy: leave it out, or add --device cpu"
                )
            bars.say(f"{_about(estimator)}, {self.workers} inputs at once")
        yield from process_many(tasks, min(self.workers, len(tasks)), self.open_estimator, stop)


def _about(estimator: PoseEstimator) -> str:
    checkpoint = estimator.checkpoint
    return (
        f"{checkpoint.name} ({checkpoint.network_name}) at {estimator.input_size} px "
        f"on {estimator.device.name} by {estimator.device.runtime}"
    )
