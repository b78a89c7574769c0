"""The `weights` commands: list, fetch, import and verify checkpoints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table

import assets
from app.user_settings import InputSize, NameOrFile
from engine.errors import WeightsError
from engine.fetching.download import Progress as DownloadProgress
from engine.network.registry import Accuracy, cache_folder, find, names, registry, standard_folders
from engine.network.thresholds import thresholds_of

app = typer.Typer(
    help="See, fetch, import and check checkpoints.", no_args_is_help=True, add_completion=False
)

Name = Annotated[str, typer.Argument(help="A name from `weights list`.")]
Folders = Annotated[
    str,
    typer.Option(
        "--folder", envvar="POSE_WEIGHTS", help="Folders to look in first, separated as in PATH."
    ),
]


@app.command("list")
def list_command(
    folders: Folders = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the known checkpoints, what they achieve and which are here."""
    where = standard_folders(folders)
    if as_json:
        print(json.dumps([_plain(name, where) for name in names(where)], indent=2))
        return
    console = Console()
    console.print(table(where))
    console.print(f"AP: COCO val2017 as published, with mirrored pass. Kept in {cache_folder()}")
    for line in thresholds(where):
        console.print(line, highlight=False, soft_wrap=True)


def table(folders: tuple[Path, ...]) -> Table:
    """One row per name: network, input, published AP, licence, where its file is."""
    shown = Table()
    for title in ("name", "network", "input", "AP", "AP 3 scales", "licence", "where"):
        shown.add_column(title, no_wrap=title == "name", overflow="fold")
    for name in names(folders):
        shown.add_row(name, *_facts(name), _place(name, folders))
    return shown


def thresholds(folders: tuple[Path, ...]) -> list[str]:
    """What live and process use instead of the program's defaults, and how it was found."""
    found = {name: thresholds_of(name, folders) for name in names(folders)}
    return [
        *(f"{name}: {its}" for name, its in found.items() if its.values),
        "Thresholds of the others: assets/settings.toml. Your own settings take precedence.",
    ]


def _plain(name: str, folders: tuple[Path, ...]) -> dict[str, object]:
    """What the table says of a checkpoint, for JSON; null for what is not known."""
    entry = registry().get(name)
    try:
        path: str | None = str(find(name, folders))
    except WeightsError:
        path = None
    one = entry and (entry.dev or entry.single_scale)
    several = entry and entry.multi_scale
    return {
        "name": name,
        "network": entry and entry.network,
        "input_size": entry and entry.input_size,
        "AP": one and one.AP,
        "measured_on": entry and ("dev" if entry.dev else "COCO val2017"),
        "AP_three_scales": several and several.AP,
        "licence": entry and entry.licence,
        "url": entry and entry.url,
        "path": path,
        "thresholds": dict(thresholds_of(name, folders).values),
    }


def _facts(name: str) -> tuple[str, ...]:
    entry = registry().get(name)
    if entry is None:  # imported by the user
        return ("", "", "", "", "")
    return (
        entry.network,
        str(entry.input_size),
        f"{_points(entry.dev)} (dev)" if entry.dev else _points(entry.single_scale),
        _points(entry.multi_scale),
        entry.licence,
    )


def _points(accuracy: Accuracy | None) -> str:
    return f"{100 * accuracy.AP:.1f}" if accuracy else "–"


def _place(name: str, folders: tuple[Path, ...]) -> str:
    try:
        path = find(name, folders)
    except WeightsError:
        return "to fetch" if registry()[name].url else "to import"
    places = {assets.path("weights"): "bundled", cache_folder(): "cached"}
    return places.get(path.parent, str(path))


@app.command("fetch")
def fetch_command(which: Annotated[list[str], typer.Argument(help="Names, or `all`.")]) -> None:
    """Download checkpoints, check their hashes and convert them."""
    from engine.network.fetch import fetch

    can_be_fetched = [name for name, entry in registry().items() if entry.url]
    for name in can_be_fetched if which == ["all"] else which:
        with bar(name) as report:
            stored = fetch(name, progress=report)
        typer.echo(f"{name}: {stored}")


@contextmanager
def bar(title: str) -> Iterator[DownloadProgress]:
    """A progress bar on the terminal, fed with bytes here and bytes in all."""
    columns = (
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda here, total: progress.update(task, completed=here, total=total)


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="A .pth or .safetensors checkpoint.")],
    name: Annotated[
        str | None,
        typer.Option(help="Keep it under this name; default: its own, or that of the file."),
    ] = None,
    replace: Annotated[bool, typer.Option(help="Replace a checkpoint of this name.")] = False,
) -> None:
    """Check a checkpoint you have and keep it, converted, under a name."""
    from engine.network.fetch import import_file

    stored = import_file(file, name, replace=replace)
    typer.echo(f"{stored.stem}: {stored}")


@app.command("verify")
def verify_command(
    name: NameOrFile,
    folders: Folders = "",
) -> None:
    """Load a checkpoint and compare its hash with the published or stored one."""
    from engine.network.fetch import verify

    checked = verify(name, standard_folders(folders))
    loaded = checked.checkpoint
    parameters = sum(parameter.numel() for parameter in loaded.network.parameters())
    typer.echo(
        f"{loaded.name}: {loaded.network_name}, {parameters / 1e6:.1f} M parameters, "
        f"{len(loaded.skeleton)} keypoints, input {loaded.input_size}; {checked.evidence}"
    )


@app.command("calibrate")
def calibrate_command(
    weights: NameOrFile,
    annotations: Annotated[Path, typer.Option(help="A COCO keypoint file, not trained on.")],
    images: Annotated[Path, typer.Option(help="The folder of its images.")],
    input_size: InputSize = None,
) -> None:
    """Choose the thresholds that suit a checkpoint, and keep them in its file."""
    from engine.network.storage import add_notes
    from engine.network.weights import load_checkpoint
    from engine.training.calibrate import calibrate
    from engine.training.measure import open_validation_set

    loaded = load_checkpoint(weights)
    validation = open_validation_set(annotations, images, input_size or loaded.input_size)
    choice = calibrate(validation, loaded)
    decoding = thresholds_of(weights).for_decoding
    found = choice.thresholds(validation.truth.name).over(decoding)
    typer.echo(f"{found}; precision {choice.precision:.3f}, recall {choice.recall:.3f}")
    if weights in registry():
        values = found.model_dump(exclude_none=True)
        row = ", ".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        typer.echo(f"for assets/weights.toml: defaults = {{ {row} }}")
        return
    add_notes(loaded.path, **found.header)
    typer.echo(f"kept in {loaded.path}: live and process use them unless you set your own")
