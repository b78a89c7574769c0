"""Mode: videos and images in; keypoint tracks and overlays out, written as they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.options import changes
from app.user_settings import load_user_settings
from engine.errors import SettingsError
from engine.files import make_folder
from engine.settings import OutputSettings, Settings

if TYPE_CHECKING:
    from rich.console import Console

    from app.process.inputs import Job, Outputs
    from app.process.outcome import Outcome, Summary
    from app.process.progress import Bars
    from app.signals import Stop
    from engine.estimator import PoseEstimator

Opener = Callable[[Settings], AbstractContextManager[Any]]


def command(
    inputs: Annotated[
        list[str], typer.Argument(help="Videos, images, folders or patterns such as 'clips/*.mp4'.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")] = Path("out"),
    weights: Annotated[
        str | None, typer.Option(help="A name from `weights list`, or a file.")
    ] = None,
    network: Annotated[str | None, typer.Option(help="w32, w48, compact or shallow.")] = None,
    input_size: Annotated[
        int | None, typer.Option(help="Short side in pixels; default: the checkpoint's own.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps, xpu.")] = None,
    precision: Annotated[str | None, typer.Option(help="auto, fp32, fp16, bf16, int8.")] = None,
    profile: Annotated[str | None, typer.Option(help="fast, balanced, accurate.")] = None,
    overlay: Annotated[
        bool | None,
        typer.Option(
            "--overlay/--no-overlay", help="Videos with the skeletons drawn; default: yes."
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Formats of the tracks, with commas; default: ndjson,csv. See docs/formats.md.",
        ),
    ] = None,
    angles: Annotated[
        bool, typer.Option("--angles", help="Write joint angles, degrees, as CSV and .mot.")
    ] = False,
    save_frames: Annotated[
        bool, typer.Option("--save-frames", help="Write the pictures that COCO and YOLO refer to.")
    ] = False,
    relink: Annotated[
        bool, typer.Option("--relink", help="Rejoin pieces of tracks after the last frame.")
    ] = False,
    fill_gaps: Annotated[
        float | None, typer.Option(help="Fill gaps of tracks up to so many seconds.")
    ] = None,
    zero_phase: Annotated[
        bool, typer.Option("--zero-phase", help="Smooth both ways in time, without lag.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write an HTML page about each video's tracks.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Do again what is finished; begin stopped work anew.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Inputs at once, each in a process, on the CPU.")
    ] = 1,
    settings_file: Annotated[
        Path | None, typer.Option("--settings", help="A TOML file; see assets/settings.toml.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change any other setting."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON to standard output.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print errors only, no progress.")
    ] = False,
) -> None:
    """Turn videos and images into keypoint tracks and overlays."""
    from rich.console import Console

    chosen = {
        "engine.weights": weights,
        "engine.network": network,
        "engine.input_size": input_size,
        "engine.device": device,
        "engine.precision": precision,
        "engine.profile": profile,
        "output.overlay": overlay,
        "output.formats": formats_of(formats, angles=angles, save_frames=save_frames),
        "output.report": report or None,
        "offline.relink": relink or None,
        "offline.fill_gaps": fill_gaps,
        "offline.zero_phase": zero_phase or None,
    }
    settings = load_user_settings(settings_file, changes(set_, chosen))
    console = Console(stderr=True)
    summary = process_files(
        inputs, out, settings, force=force, workers=workers, console=console, quiet=quiet
    )
    if as_json:
        print(json.dumps(summary.plain(), ensure_ascii=False))
    raise typer.Exit(summary.exit_code)


def formats_of(text: str | None, *, angles: bool, save_frames: bool) -> list[str] | None:
    """The formats of --format and of the options that add some; None: none of them was given."""
    more = [*(["angles", "angles-mot"] if angles else []), *(["frames"] if save_frames else [])]
    if text is None and not more:
        return None
    names = text.split(",") if text is not None else OutputSettings().formats
    return list(dict.fromkeys([*(name.strip() for name in names), *more]))


def _default_estimator(settings: Settings) -> AbstractContextManager[PoseEstimator]:
    from engine.estimator import open_estimator

    return open_estimator(settings)


def process_files(
    inputs: Sequence[str],
    out: Path,
    settings: Settings,
    *,
    force: bool = False,
    workers: int = 1,
    console: Console | None = None,
    quiet: bool = False,
    open_estimator: Opener = _default_estimator,
) -> Summary:
    """Process every input in turn; one that fails does not stop the others.

    Args:
        inputs: files, folders, patterns or URLs.
        out: folder for the results, made if it does not exist.
        force: do again what is finished, and begin anew what was stopped.
        workers: inputs at once, each in a process with an engine of its own; only on the CPU.
        console: where progress and results are told; None: nowhere.
        quiet: errors only.
        open_estimator: opens the network once, for all inputs.

    Raises:
        PoseError: nothing at all can be done: no weights, no device, no folder to write to.
    """
    from app.process.inputs import passed_over, plan
    from app.process.outcome import Outcome, Summary
    from app.process.progress import Bars
    from app.signals import stop_on_signal
    from engine.network.choice import better_weights
    from engine.network.thresholds import suited
    from engine.sources.addresses import shown

    advice = better_weights(settings.engine.device, settings.engine.weights)
    settings = suited(settings)
    jobs, problems = plan(inputs)
    summary = Summary([Outcome(shown(text), error=str(error)) for text, error in problems.items()])
    make_folder(out)
    tasks = [(job, _outputs(job, jobs, out, settings)) for job in jobs]
    with Bars(console, quiet=quiet) as bars, stop_on_signal(bars.say) as stop:
        for note in (*passed_over(inputs), *([str(advice)] if advice else [])):
            bars.say(note)
        for report in summary.reports:
            bars.done(report)
        run = _in_turn if workers == 1 or len(tasks) < 2 else partial(_at_once, workers=workers)
        for report in run(tasks, settings, open_estimator, force, bars, stop) if tasks else ():
            summary.reports.append(report)
            bars.done(report)
        summary.interrupted = stop.asked
        bars.end(summary)
    return summary


def _in_turn(
    tasks: Sequence[tuple[Job, Outputs]],
    settings: Settings,
    open_estimator: Opener,
    force: bool,
    bars: Bars,
    stop: Stop,
) -> Iterator[Outcome]:
    """One engine, one input after the other."""
    from app.process.one_input import process_one

    with open_estimator(settings) as estimator:
        bars.say(_setting_out(estimator))
        for job, files in tasks:
            if stop.asked:
                return
            yield process_one(job, files, settings, estimator, bars, stop, force=force)


def _at_once(
    tasks: Sequence[tuple[Job, Outputs]],
    settings: Settings,
    open_estimator: Opener,
    force: bool,
    bars: Bars,
    stop: Stop,
    *,
    workers: int,
) -> Iterator[Outcome]:
    """An engine per process, after one was opened here to see that it can be."""
    from app.process.pool import Task, process_many

    with open_estimator(settings) as estimator:
        if estimator.device.name.startswith("cuda"):
            raise SettingsError(
                f"--workers {workers} is for the CPU; one engine keeps {estimator.device.name} "
                "busy: leave it out, or add --device cpu"
            )
        bars.say(f"{_setting_out(estimator)}, {workers} inputs at once")
    work = [Task(job, files, settings, force) for job, files in tasks]
    yield from process_many(work, min(workers, len(work)), open_estimator, stop)


def _outputs(job: Job, jobs: Sequence[Job], out: Path, settings: Settings) -> Outputs:
    from app.process.inputs import outputs
    from engine.sources.addresses import is_url

    inputs = [Path(other.source) for other in jobs if not is_url(other.source)]
    return outputs(job, out, inputs, settings.output)


def _setting_out(estimator: PoseEstimator) -> str:
    checkpoint = estimator.checkpoint
    return (
        f"{checkpoint.name} ({checkpoint.network_name}) at {estimator.input_size} px "
        f"on {estimator.device.name} by {estimator.device.runtime}"
    )
