"""`process -o -`: NDJSON to standard output as the frames come, and no files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from app.process import sinks
from app.process.batch import Opener, open_default
from app.process.inputs import Job, plan
from app.process.outcome import Outcome, Summary
from app.process.progress import Bars
from app.signals import Stop, stop_on_signal
from app.tracks.lines import LineSink, SharedLines, StandardOutput
from app.tracks.ndjson_writer import NdjsonWriter
from app.tracks.rounding import rounded
from app.tracks.sink import Sink
from engine.errors import OutputError, SettingsError
from engine.inbox import Inbox
from engine.pipeline import run
from engine.settings import Settings
from engine.sources.addresses import shown
from engine.sources.excerpt import WHOLE, Part
from engine.sources.source import Source
from engine.tracking.stages import Stages, smoothed
from engine.types import Result

if TYPE_CHECKING:
    from rich.console import Console

    from engine.estimator import PoseEstimator

_CAPACITY = 16  # frames decoded ahead


def process_to_lines(
    inputs: Sequence[str],
    settings: Settings,
    *,
    part: Part = WHOLE,
    console: Console | None = None,
    quiet: bool = False,
    lines: LineSink | None = None,
    open_estimator: Opener = open_default,
) -> Summary:
    """Process every input in turn and write its NDJSON lines; of several, each names its source.

    Args:
        lines: where they go; default: standard output. For the others see `process_files`.

    Raises:
        PoseError: nothing at all can be done, or the output takes no more lines.
    """
    from engine.network.choice import suited

    if settings.offline.needed or settings.output.report:
        raise SettingsError(
            "--relink, --fill-gaps, --zero-phase and --report look at a whole video: give -o a "
            "folder instead of -"
        )
    settings = suited(settings)
    lines = lines or StandardOutput()
    jobs, problems = plan(inputs, part)
    summary = Summary([Outcome(shown(text), error=str(error)) for text, error in problems.items()])
    with (
        Bars(console, quiet=quiet) as bars,
        stop_on_signal(bars.say) as stop,
        open_estimator(settings) as found,
    ):
        for report in summary.reports:
            bars.done(report)
        for job in jobs if not stop.asked else ():
            report = _process(job, settings, found, lines, stop, several=len(jobs) > 1)
            summary.reports.append(report)
            bars.done(report)
        summary.interrupted = stop.asked
        bars.end(summary)
    return summary


def _process(
    job: Job,
    settings: Settings,
    estimator: PoseEstimator,
    lines: LineSink,
    stop: Stop,
    *,
    several: bool,
) -> Outcome:
    report = Outcome(shown(job.source))
    mark = {"source": report.source} if several else {}
    try:
        with closing(job.open()) as source:
            facts = sinks.header(source, settings, estimator, job.part)
            writer = NdjsonWriter(SharedLines(lines), facts, raw=smoothed(settings), mark=mark)
            with Sink(writer) as sink:
                report.counts = sink.counts
                for result in _results(source, settings, estimator):
                    sink.write(result)
                    if stop.asked:
                        sink.error = report.error = "interrupted"
                        break
    except OutputError:
        raise  # of all inputs
    except Exception as error:  # noqa: BLE001 - the boundary: the other inputs continue
        report.error = str(error) or type(error).__name__
    return report


def _results(source: Source, settings: Settings, estimator: PoseEstimator) -> Iterator[Result]:
    stages = Stages(settings, estimator.skeleton)
    inbox = Inbox([source.name], keep="all", capacity=_CAPACITY)
    results = run([source], inbox, estimator, lambda name: (stages,), full_batches=True)
    with closing(results):  # type: ignore[type-var]
        for result in results:
            yield Result(result.frame, rounded(result.poses), result.dropped, result.times)
