"""Mode: videos and images in; keypoint tracks and overlays out, written as they come."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import OutputError, PoseError
from engine.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from app.inputs import Job, Outputs
    from app.progress import Bars
    from app.stopping import Stop
    from app.writers.writer import Writer
    from engine.estimator import PoseEstimator
    from engine.pipeline import Stage
    from engine.skeleton import Skeleton
    from engine.sources.source import Source
    from engine.types import Result

CAPACITY = 16  # frames decoded ahead
INTERRUPTED = 130  # exit code, as shells expect it after Ctrl-C


def command(
    inputs: Annotated[
        list[str], typer.Argument(help="Videos, images, folders or patterns such as 'clips/*.mp4'.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("out"),
    weights: Annotated[
        str | None, typer.Option(help="A name from `weights list`, or a file.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="w32, w48 or compact.")] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Short side in pixels; default: the checkpoint's own.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, fp32, fp16, bf16.")] = None,
    overlay: Annotated[bool, typer.Option(help="Write videos with the skeletons drawn.")] = True,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="A TOML file; see assets/settings.toml.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change any other setting."),
    ] = None,
) -> None:
    """Turn videos and images into keypoint tracks and overlays."""
    from rich.console import Console

    chosen = {
        "engine.weights": weights and json.dumps(weights),
        "engine.network": network,
        "engine.input_size": input_size,
        "engine.device": device,
        "engine.precision": precision,
        "output.overlay": None if overlay else "false",
    }
    changes = [f"{key}={value}" for key, value in chosen.items() if value is not None]
    settings = load_settings(settings_file, (*changes, *(set_ or ())))
    summary = process_files(inputs, out, settings, console=Console(stderr=True))
    raise typer.Exit(summary.exit_code)


@dataclass(slots=True)
class Report:
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

    def count(self, result: Result) -> None:
        """Add one frame."""
        self.frames += 1
        self.people += len(result.poses)
        self.dropped = result.dropped
        self.ids.update(number for number in result.poses.ids.tolist() if number >= 0)


@dataclass(slots=True)
class Summary:
    """What became of all inputs."""

    reports: list[Report] = field(default_factory=list)
    interrupted: bool = False

    @property
    def failed(self) -> list[Report]:
        """The inputs of which something is missing."""
        return [report for report in self.reports if report.error is not None]

    @property
    def exit_code(self) -> int:
        """0 if everything is there, 1 if something is missing, 130 after Ctrl-C."""
        return INTERRUPTED if self.interrupted else int(bool(self.failed))


def _default_estimator(settings: Settings) -> AbstractContextManager[PoseEstimator]:
    from engine.estimator import open_estimator

    return open_estimator(settings)


def process_files(
    inputs: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    console: Console | None = None,
    open_estimator: Callable[[Settings], AbstractContextManager[Any]] = _default_estimator,
) -> Summary:
    """Process every input in turn; one that fails does not stop the others.

    Args:
        inputs: files, folders, patterns or URLs.
        out: folder for the results, made if it does not exist.
        console: where progress and results are told; None: nowhere.
        open_estimator: opens the network once, for all inputs.

    Raises:
        PoseError: nothing at all can be done: no weights, no device, no folder to write to.
    """
    from app.inputs import plan
    from app.progress import Bars
    from app.stopping import stop_on_signal

    jobs, problems = plan(inputs)
    summary = Summary([Report(text, error=str(error)) for text, error in problems.items()])
    _make_folder(out)
    with Bars(console) as bars, stop_on_signal(bars.say) as stop:
        for report in summary.reports:
            bars.done(report)
        if jobs:
            with open_estimator(settings) as estimator:
                bars.say(_setting_out(estimator))
                for job in jobs:
                    if stop.asked:
                        break
                    files = _outputs(job, jobs, out)
                    report = _process(job, files, settings, estimator, bars, stop)
                    summary.reports.append(report)
                    bars.done(report)
        summary.interrupted = stop.asked
        bars.end(summary)
    return summary


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {out}: {error.strerror}") from error


def _outputs(job: Job, jobs: Sequence[Job], out: Path) -> Outputs:
    from app.inputs import outputs
    from engine.sources.container import is_url

    return outputs(job, out, [Path(other.source) for other in jobs if not is_url(other.source)])


def _process(
    job: Job,
    files: Outputs,
    settings: Settings,
    estimator: PoseEstimator,
    bars: Bars,
    stop: Stop,
) -> Report:
    """Run one source through the engine into its files."""
    from engine.sources import open_source

    report = Report(job.source)
    began = time.perf_counter()
    try:
        source = open_source(job.source)
        with _writing(source, files, settings, estimator, report) as writers:
            bars.start(source)
            with closing(_results(source, settings, estimator)) as results:
                for result in results:
                    for writer in writers:
                        writer.write(result)
                    report.count(result)
                    bars.advance(report.frames)
                    if stop.asked:
                        report.error = "interrupted"
                        break
    except PoseError as error:
        report.error = str(error)
    report.seconds = time.perf_counter() - began
    return report


def _results(
    source: Source, settings: Settings, estimator: PoseEstimator
) -> Generator[Result, None, None]:
    from engine.inbox import Inbox
    from engine.pipeline import run

    inbox = Inbox([source.name], keep="all", capacity=CAPACITY)
    stages = _stages(settings, estimator.skeleton)
    yield from run([source], inbox, estimator, lambda name: stages, full_batches=True)


def _stages(settings: Settings, skeleton: Skeleton) -> list[Stage]:
    from engine.smoothing import Smoother
    from engine.tracking import Tracker

    stages: list[Stage] = []
    if settings.tracking.enabled:
        stages.append(Tracker(settings.tracking, skeleton))
    if settings.smoothing.enabled:
        stages.append(Smoother(settings.smoothing, skeleton))
    return stages


@contextmanager
def _writing(
    source: Source,
    files: Outputs,
    settings: Settings,
    estimator: PoseEstimator,
    report: Report,
) -> Iterator[list[Writer]]:
    """Writers that are closed with how the source ended, whatever happens in the block."""
    from app.sinks import open_writers
    from app.writers.writer import Ending

    writers: list[Writer] = []
    try:
        try:
            open_writers(writers, source, files, settings, estimator)
        except OutputError:
            source.close()
            raise
        report.outputs = list(files) if settings.output.overlay else [files.ndjson, files.csv]
        yield writers
    except BaseException as error:
        report.error = str(error) or type(error).__name__
        raise
    finally:
        ending = Ending(report.frames, report.people, report.dropped, report.error)
        for writer in writers:
            try:
                writer.close(ending)
            except OutputError as error:
                report.error = report.error or str(error)
            report.notes += [note] if (note := getattr(writer, "note", "")) else []


def _setting_out(estimator: PoseEstimator) -> str:
    checkpoint = estimator.checkpoint
    return (
        f"{checkpoint.name} ({checkpoint.network_name}) at {estimator.input_size} px "
        f"on {estimator.device.name}"
    )
