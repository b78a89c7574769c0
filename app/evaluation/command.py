"""Mode: COCO images and annotations → accuracy, results and a diagnosis.

The settings are the paper's (mirrored pass, one scale, everybody found is judged) whatever the
user's settings file says; options and `--set` change them, and every report names them.
What takes torch or pycocotools is imported when the command is called.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.signals import INTERRUPTED
from app.user_settings import (
    Cluster,
    Device,
    InputSize,
    Network,
    Precision,
    Set,
    Weights,
    changes,
    cluster_address,
)
from engine.errors import SettingsError
from engine.network.choice import suited
from engine.settings import PAPER_GROUPING, GroupingSettings, Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console

    from app.evaluation.run import Evaluation, EvaluationJob, Progress

VAL2017 = ("annotations/person_keypoints_val2017.json", "val2017")  # below --data


def command(
    annotations: Annotated[
        Path | None, typer.Option(help="COCO person_keypoints annotation file.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of the annotated images.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="COCO's own layout: annotations/ and val2017/ in it.")
    ] = None,
    weights: Weights = None,
    network: Network = None,
    input_size: InputSize = None,
    flip: Annotated[
        bool | None,
        typer.Option("--flip/--no-flip", help="Average a second pass, mirrored; default: yes."),
    ] = None,
    scales: Annotated[str | None, typer.Option(help="Passes to average, such as 2,1,0.5.")] = None,
    device: Device = None,
    precision: Precision = None,
    batch: Annotated[int | None, typer.Option(help="Images per network call.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first images.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for results and reports; default: eval/NAME-SIZE.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Start over and discard an unfinished run.")
    ] = False,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out missing or damaged images.")
    ] = False,
    set_: Set = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(metavar="A.json B.json", help="Two results.json: is B better than A?"),
    ] = None,
    parity: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Compare runtimes or settings: torch,openvino-int8."),
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            metavar="NAME=A,B …", help="Measure all combinations: 'weights=a,b input-size=256,320'."
        ),
    ] = None,
    cluster: Cluster = None,
) -> None:
    """Measure accuracy on COCO and diagnose the errors."""
    from rich.console import Console

    console = Console()
    staying = {"--compare": compare is not None, "--parity": parity is not None}
    address = cluster_address(cluster, staying)
    annotations, images = _paths(annotations, images, data)
    if compare is not None:
        from app.evaluation.compare import compare_results

        compare_results(*compare, annotations, console, out)
        return
    chosen = {
        "engine.weights": weights,
        "engine.network": network,
        "engine.input_size": input_size,
        "engine.flip": flip,
        "engine.scales": None if scales is None else _numbers(scales),
        "engine.device": device,
        "engine.precision": precision,
        "engine.batch": batch,
    }
    given = changes(set_, chosen)
    if annotations is None or images is None:
        raise SettingsError("eval needs --annotations FILE and --images DIR, or --data DIR")
    job = _job(annotations, images, _suited(given), out, limit, skip_missing)
    job = replace(job, resume=resume, force=force)
    if parity is not None:
        from app.evaluation.configurations import configurations
        from app.evaluation.parity import check_parity

        sides = {name: _suited([*given, *its]) for name, its in configurations(parity).items()}
        if not all(found.holds for found in check_parity(job, sides, console)):
            raise typer.Exit(1)
        return
    try:
        with _measuring(job, address) as job, _progress() as progress:
            if sweep is not None:
                _sweep(sweep, job, given, progress, console)
                return
            from app.evaluation.run import evaluate

            evaluation = evaluate(job, progress)
    except KeyboardInterrupt:
        typer.echo("stopped; finished images are kept: add --resume to continue", err=True)
        raise typer.Exit(INTERRUPTED) from None
    _show(evaluation, console)


@contextmanager
def _measuring(job: EvaluationJob, address: str | None) -> Iterator[EvaluationJob]:
    """The job, measured by this machine or by a cluster."""
    if address is None:
        yield job
        return
    from app.cluster.evaluation import cluster_measure

    with cluster_measure(address, job.settings, job.open) as measure:
        yield replace(job, open=measure.open, measure=measure)


def _sweep(
    text: str, job: EvaluationJob, given: Sequence[str], progress: Progress, console: Console
) -> None:
    """Measure every combination of a sweep, and print one table."""
    from app.evaluation.run import evaluate
    from app.evaluation.sweep import Configuration, points, sweep, table

    folder = job.out or Path("eval") / "sweep"

    def measured(point: Configuration) -> Evaluation:
        progress.step(point.name)
        settings = _suited([*given, *point.changes])
        return evaluate(replace(job, settings=settings, out=folder / point.name), progress)

    found = list(sweep(points(text), measured))
    console.print(table(found))
    console.print(f"Reports: {folder}/*/report.html", highlight=False, soft_wrap=True)


def _job(
    annotations: Path,
    images: Path,
    settings: Settings,
    out: Path | None,
    limit: int | None,
    skip_missing: bool,
) -> EvaluationJob:
    from app.evaluation.run import EvaluationJob

    return EvaluationJob(
        annotations=annotations,
        images=images,
        settings=settings,
        out=out,
        limit=limit,
        skip_missing=skip_missing,
    )


def paper_settings(changes: Sequence[str] = ()) -> Settings:
    """The paper's protocol, with `section.key=value` changes.

    Raises:
        SettingsError: a key is unknown or a value is out of range.
    """
    default = GroupingSettings()
    paper = (
        f"grouping.{name}={value}"
        for name, value in PAPER_GROUPING.model_dump().items()
        if value != getattr(default, name)
    )
    return load_settings(None, ("engine.flip=true", *paper, *changes))


def _suited(changes: Sequence[str]) -> Settings:
    """The same for the checkpoint that is meant, with the peaks and tags that suit it."""
    return suited(paper_settings(changes))


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise SettingsError(f"--scales takes numbers such as 2,1,0.5, got {text!r}") from None


def _paths(
    annotations: Path | None, images: Path | None, data: Path | None
) -> tuple[Path | None, Path | None]:
    if data is None:
        return annotations, images
    return annotations or data / VAL2017[0], images or data / VAL2017[1]


@contextmanager
def _progress() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as ProgressBar

    from app.evaluation.run import Progress

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    )  # fmt: skip
    console = Console(stderr=True)
    silent = not console.is_terminal
    with ProgressBar(*columns, console=console, transient=True, disable=silent) as bar:
        images = bar.add_task("images", total=None)
        yield Progress(
            images=lambda done, total: bar.update(images, completed=done, total=total),
            step=lambda name: bar.update(images, description=name),
        )


def _show(evaluation: Evaluation, console: Console) -> None:
    from app.evaluation.report import table

    report = evaluation.report
    console.print(table.for_terminal(report))
    for line in (*table.notes(report), table.time_line(report)):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(f"Report: {evaluation.folder / 'report.html'}", highlight=False, soft_wrap=True)
