"""The `data` commands: bring data sets into the layout that `eval` and `train` read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from engine.errors import DataError, OutputError
from engine.fetching.archive import Progress as Files
from engine.fetching.archive import extract
from engine.fetching.download import Progress as Bytes
from engine.fetching.download import download
from engine.files import write_whole
from engine.reading.typed import object_from_json, read_bytes

app = typer.Typer(help="Fetch and pack data sets.", no_args_is_help=True, add_completion=False)


@dataclass(frozen=True, slots=True)
class Archive:
    """One zip file of a data set, and what is needed of it."""

    path: str  # below the data set's address
    size: int  # bytes
    sha256: str
    wanted: str  # a file, or the folder that ends in /
    files: int  # how many files that is

    def is_wanted(self, name: str) -> bool:
        """Whether a name in the archive is needed."""
        return name == self.wanted or (self.wanted.endswith("/") and name.startswith(self.wanted))

    def is_extracted(self, folder: Path) -> bool:
        """Whether everything is there."""
        target = folder / self.wanted
        if not self.wanted.endswith("/"):
            return target.is_file()
        return target.is_dir() and sum(_is_whole(file) for file in target.iterdir()) >= self.files


@dataclass(frozen=True, slots=True)
class DataSet:
    """Archives that make up a data set."""

    url: str
    archives: tuple[Archive, ...]
    next_step: str  # what to run when it is there


# COCO publishes no digests; these are of the files it serves, as many projects have pinned them.
DATA_SETS = {
    "coco-val2017": DataSet(
        url="http://images.cocodataset.org",
        archives=(
            Archive(
                path="annotations/annotations_trainval2017.zip",
                size=252_907_541,
                sha256="113a836d90195ee1f884e704da6304dfaaecff1f023f49b6ca93c4aaae470268",
                wanted="annotations/person_keypoints_val2017.json",
                files=1,
            ),
            Archive(
                path="zips/val2017.zip",
                size=815_585_330,
                sha256="4f7e2ccb2866ec5041993c9cf2a952bbed69647b115d0f74da7ce8f4bef82f05",
                wanted="val2017/",
                files=5000,
            ),
        ),
        next_step="eval --data {folder} --weights w32-512",
    )
}


@app.command("fetch")
def fetch_command(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(DATA_SETS)}.")],
    out: Annotated[Path, typer.Option(help="Folder for it; created.")] = Path("data/coco"),
    mirror: Annotated[
        str | None, typer.Option(help="Address of a copy with the same layout.")
    ] = None,
    keep_archives: Annotated[
        bool, typer.Option("--keep-archives", help="Do not delete the archives afterwards.")
    ] = False,
) -> None:
    """Fetch a data set, check it and unpack it. Run it again after a break: it goes on."""
    if name not in DATA_SETS:
        raise DataError(f"there is no data set {name!r}; known: {', '.join(DATA_SETS)}")
    wanted = DATA_SETS[name]
    fetch(wanted, out, mirror or wanted.url, keep_archives=keep_archives)
    console = Console()
    console.print(
        f"{name} is in {out}. Next: {wanted.next_step.format(folder=out)}", soft_wrap=True
    )


def fetch(wanted: DataSet, folder: Path, url: str, *, keep_archives: bool = False) -> None:
    """Bring every archive's files into a folder; what is there already is left alone.

    Raises:
        DownloadError: an archive cannot be fetched or is not the one expected.
        DataError: an archive has not the files it should have.
        OutputError: the disk does not take it.
    """
    for archive in wanted.archives:
        if archive.is_extracted(folder):
            continue
        file = folder / Path(archive.path).name
        with _byte_bar(file.name) as progress:
            download(
                f"{url.rstrip('/')}/{archive.path}",
                file,
                sha256=archive.sha256,
                size=archive.size,
                progress=progress,
            )
        with _file_bar(f"unpacking {archive.wanted}") as done:
            count = extract(file, folder, archive.is_wanted, done)
        if count != archive.files:
            raise DataError(
                f"{file} has {count} files named {archive.wanted}, expected {archive.files}"
            )
        if not keep_archives:
            file.unlink()


@app.command("example")
def example_command(
    out: Annotated[Path, typer.Argument(help="Folder for it; created.")],
    images: Annotated[int, typer.Option(min=1, max=9999, help="How many images to draw.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws others.")] = 0,
) -> None:
    """Draw a tiny data set with keypoints of its own, to try training on."""
    from engine.synthesis.puppets import draw_puppets

    puppets = draw_puppets(out, images, seed=seed)
    typer.echo(
        f"{puppets} puppets in {images} images: {out / 'annotations.json'}, {out / 'images'}"
    )


@app.command("pack")
def pack_command(
    annotations: Annotated[Path, typer.Option(help="A COCO keypoint file.")],
    images: Annotated[Path, typer.Option(help="The folder of its images.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the shards; created.")],
    name: Annotated[
        str | None, typer.Option(help="Of the shards; default: the annotation file's.")
    ] = None,
    short_side: Annotated[
        int, typer.Option(min=32, help="Short side in pixels; larger pictures are scaled down.")
    ] = 384,
    quality: Annotated[
        int, typer.Option(min=1, max=100, help="JPEG quality of scaled pictures.")
    ] = 92,
    shard_mb: Annotated[float, typer.Option(min=0.1, help="Largest size of a shard, MB.")] = 60,
) -> None:
    """Pack annotations and images into shards that move easily and train the same."""
    from engine.training.annotations import load_pack
    from engine.training.pack import Packing, pack

    packing = Packing(short_side=short_side, quality=quality, most=int(shard_mb * 1e6))
    with _file_bar("packing") as done:
        shards = pack(annotations, images, out, name or annotations.stem, packing, done)
    whole = load_pack(out)
    size = sum(shard.stat().st_size for shard in shards) / 1e6
    typer.echo(
        f"{whole.people} people in {len(whole.pictures)} images: {len(shards)} shards, "
        f"{size:.1f} MB, in {out}. Next: train --data {out}"
    )


@app.command("unlabelled")
def unlabelled_command(
    annotations: Annotated[Path, typer.Option(help="A COCO keypoint file.")],
    images: Annotated[Path, typer.Option(help="The folder of its images.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The new annotation file.")],
    weights: Annotated[str, typer.Option(help="What finds people: a name or a file.")] = "compact",
    min_score: Annotated[
        float, typer.Option(min=0, max=1, help="Least score of a person found, 0..1.")
    ] = 0.25,
) -> None:
    """Mark people without a label as unknown: training no longer takes them for background."""
    from engine.network.weights import load_checkpoint
    from engine.training.measure import open_validation_set
    from engine.training.unlabelled import find_unlabelled, marked

    if out.exists():
        raise OutputError(f"{out} is there already: remove it, or give another --out")
    checkpoint = load_checkpoint(weights)
    opened = open_validation_set(annotations, images, checkpoint.input_size)
    with _file_bar("looking for people") as done:
        found = find_unlabelled(opened, checkpoint, min_score=min_score, progress=done)
    people = sum(len(boxes) for boxes in found.values())
    content = object_from_json(read_bytes(annotations), f"{annotations}: not a COCO keypoint file")
    write_whole(out, json.dumps(marked(content, found)).encode())
    typer.echo(
        f"{people} people without a label in {len(found)} of {len(opened.images)} images; "
        f"next: train --annotations {out} --images {images}"
    )


def _is_whole(file: Path) -> bool:
    return file.suffix != ".part"


@contextmanager
def _byte_bar(name: str) -> Iterator[Bytes]:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    rate = (TransferSpeedColumn(), TimeRemainingColumn())
    with _bar(*columns, *rate) as bar:
        task = bar.add_task(name, total=None)
        yield lambda here, total: bar.update(task, completed=here, total=total)


@contextmanager
def _file_bar(name: str) -> Iterator[Files]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with _bar(*columns) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _bar(*columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
