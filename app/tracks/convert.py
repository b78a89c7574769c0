"""Mode: tracks in one format into others."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer


def command(
    tracks: Annotated[Path, typer.Argument(help="Tracks in any of the formats.")],
    to: Annotated[str, typer.Option("--to", help="Formats to write, such as csv,parquet,trc.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; default: beside the tracks.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="The format of the input, if its name misleads.")
    ] = None,
) -> None:
    """Turn tracks from one format into another: ndjson, csv, parquet, coco, openpose, trc, mot."""
    for path in convert(tracks, to, out, from_):
        print(path)


def convert(tracks: Path, to: str, out: Path | None = None, from_: str | None = None) -> list[Path]:
    """Read tracks and write them in other formats, frame by frame.

    Args:
        tracks: a file or, for OpenPose, a folder.
        to: names of formats, separated by commas.
        out: folder for the results; None: where the tracks are.
        from_: the format of `tracks`; None: as its name says.

    Returns:
        where the results are; for TRC the beginning of the files' names.

    Raises:
        PoseError: no such format, or a file that cannot be read or written.
    """
    from app.tracks.rounding import rounded
    from app.tracks.sink import Sink
    from app.tracks.table import format_of, formats_named, open_writer, read
    from engine.errors import OutputError
    from engine.files import make_folder

    kind = formats_named(from_)[0] if from_ else format_of(tracks)
    folder, name = out or tracks.parent, tracks.name.removesuffix(kind.ending.rstrip("/"))
    name = name if name != tracks.name else tracks.stem
    header, results = read(tracks, kind)
    paths = [target.path(folder, name) for target in formats_named(to)]
    if any(path.exists() and path.samefile(tracks) for path in paths):
        raise OutputError(f"{tracks} would be written over; choose another folder with -o")
    make_folder(folder)
    with Sink() as sink:
        for target, path in zip(formats_named(to), paths, strict=True):
            sink.open(target.name, partial(open_writer, target, path, header))
        for result in results:
            sink.write(replace(result, poses=rounded(result.poses)))
    return paths
