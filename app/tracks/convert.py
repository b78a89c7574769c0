"""Mode: tracks in one format into others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.errors import OutputError

if TYPE_CHECKING:
    from app.tracks.ledger import Ledger, Output
    from app.tracks.table import Format
    from engine.types import Result

BY = "convert"


def command(
    tracks: Annotated[Path, typer.Argument(help="Tracks in any of the formats.")],
    to: Annotated[str, typer.Option("--to", help="Formats to write, such as csv,parquet,trc.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder; default: beside the tracks.")
    ] = None,
    from_: Annotated[
        str | None, typer.Option("--from", help="The format of the input, if its name misleads.")
    ] = None,
    person_height: Annotated[
        float | None,
        typer.Option(min=0.3, max=3.0, help="Write metres: how tall the people stand, m."),
    ] = None,
    scale_line: Annotated[
        str | None,
        typer.Option(
            metavar="X1,Y1,X2,Y2,METRES", help="Write metres: a line in pixels and its length, m."
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files that convert did not write.")
    ] = False,
) -> None:
    """Turn tracks from one format into others; see docs/formats.md for all names."""
    metres = Metres(person_height, scale_line) if person_height or scale_line else None
    for path in convert(tracks, to, out, from_, metres, force=force):
        print(path)


@dataclass(frozen=True, slots=True)
class Metres:
    """How the size of a pixel is found; see `app.tracks.metres`."""

    person_height: float | None = None  # m, standing
    line: str | None = None  # "x1,y1,x2,y2,metres"


def convert(
    tracks: Path,
    to: str,
    out: Path | None = None,
    from_: str | None = None,
    metres: Metres | None = None,
    *,
    force: bool = False,
) -> list[Path]:
    """Read tracks and write them in other formats, frame by frame.

    Args:
        tracks: a file or, for OpenPose, a folder.
        to: names of formats, separated by commas.
        out: folder for the results; None: where the tracks are.
        from_: the format of `tracks`; None: as its name says.
        metres: write metres instead of pixels, where the formats have a unit.
        force: replace files that this command did not write.

    Returns:
        where the results are; for TRC the beginning of the files' names.

    Raises:
        PoseError: no such format, a file that cannot be read or written, or one in the way.
    """
    from app.tracks.ledger import Ledger
    from app.tracks.rounding import rounded
    from app.tracks.switch import finish_switch
    from app.tracks.table import format_of, formats_named, read
    from engine.files import make_folder

    kind = formats_named(from_)[0] if from_ else format_of(tracks)
    folder, name = out or tracks.parent, tracks.name.removesuffix(kind.ending.rstrip("/"))
    name = name if name != tracks.name else tracks.stem
    targets = formats_named(to)
    finish_switch(tracks.parent, name)
    header, results = read(tracks, kind)
    results = (replace(result, poses=rounded(result.poses)) for result in results)
    if metres is not None:
        _need_units(targets, metres)
        header, results = _in_metres(tracks, kind, header, results, metres)
    unit = "" if metres is None else "_m"
    outputs = [target.output(folder, name, unit) for target in targets]
    make_folder(folder)
    ledger = Ledger(folder, name, force=force)
    for output in outputs:
        _check(output, ledger, tracks, force=force)
    ledger.begin(outputs, BY)
    write_formats(results, header, targets, [output.path for output in outputs])
    for output in outputs:
        ledger.finish(output, BY, "")
    return [output.path for output in outputs]


def write_formats(
    results: Iterable[Result],
    header: Mapping[str, Any],
    targets: Sequence[Format],
    paths: Sequence[Path],
) -> None:
    """Write results in several formats.

    Raises:
        PoseError: they cannot be read to their end, or a file cannot be written.
    """
    from app.tracks.sink import Sink
    from app.tracks.table import open_writer

    with Sink() as sink:
        for target, path in zip(targets, paths, strict=True):
            sink.open(target.name, partial(open_writer, target, path, header))
        for result in results:
            sink.write(result)


def _check(output: Output, ledger: Ledger, tracks: Path, *, force: bool) -> None:
    """Refuse to write over the tracks themselves, or over what this command did not write."""
    files = output.files()
    if any(file.exists() and file.samefile(tracks) for file in files):
        raise OutputError(f"{tracks} would be written over; choose another folder with -o")
    if force or not files or (ledger.by(output) == BY and ledger.replaceable(output)):
        return
    raise OutputError(
        f"{files[0]} is there and was not made by convert (it may hold more); choose another "
        "folder with -o, or replace it with --force"
    )


def _in_metres(
    tracks: Path, kind: Format, header: dict[str, Any], results: Iterator[Result], metres: Metres
) -> tuple[dict[str, Any], Iterator[Result]]:
    """The header with its unit and the results in metres; reads the file twice for a height."""
    from app.tracks.metres import by_height, by_line, in_metres
    from app.tracks.table import read_recording

    if metres.line is not None:
        scale = by_line(metres.line)
    else:
        scale = by_height(read_recording(tracks, kind), metres.person_height or 0.0)
    return {**header, "units": "m"}, in_metres(results, scale)


def _need_units(targets: Sequence[Format], metres: Metres) -> None:
    from engine.errors import SettingsError

    if metres.person_height and metres.line:
        raise SettingsError("give --person-height or --scale-line, not both")
    pixels = [target.name for target in targets if target.name not in ("trc", "c3d")]
    if pixels:
        raise SettingsError(f"only trc and c3d can hold metres, not {', '.join(pixels)}")
