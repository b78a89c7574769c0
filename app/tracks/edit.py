"""Mode: ids of finished tracks changed – merge, split, swap, drop, rename – and changed back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from app.tracks.edits import Edit

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Merge, split, swap, drop and rename the ids of tracks; show and undo such edits.",
)

Tracks = Annotated[Path, typer.Argument(help="An NDJSON file that `process` wrote.")]
Id = Annotated[int, typer.Argument(min=0, help="The id of a person.")]
Unused = Annotated[int, typer.Argument(min=0, help="An id that is not in the tracks.")]
Start = Annotated[float | None, typer.Option("--from", help="Seconds; default: the beginning.")]
End = Annotated[float | None, typer.Option("--to", help="Seconds; default: the end.")]


@app.command()
def merge(
    tracks: Tracks,
    keep: Annotated[int, typer.Argument(min=0, help="The id that stays.")],
    others: Annotated[list[int], typer.Argument(min=0, help="The ids that become it.")],
) -> None:
    """Make several ids one. Where two of them are in a frame, the better one stays."""
    _add(tracks, "merge", (keep, *others))


@app.command()
def split(
    tracks: Tracks,
    person: Id,
    at: Annotated[float, typer.Option("--at", help="Seconds; from here on it is another person.")],
) -> None:
    """Give a person a new id from a moment on."""
    from app.tracks.edits import EditedTracks, new_id

    fresh = new_id(EditedTracks(tracks).ids())
    _add(tracks, "split", (person, fresh), at)


@app.command()
def swap(tracks: Tracks, one: Id, other: Id, start: Start = None, end: End = None) -> None:
    """Exchange two ids, from a moment on or between two moments; default: everywhere."""
    _add(tracks, "swap", (one, other), start, end)


@app.command()
def drop(tracks: Tracks, person: Id, start: Start = None, end: End = None) -> None:
    """Remove a person, from a moment on or between two moments; default: everywhere."""
    _add(tracks, "drop", (person,), start, end)


@app.command()
def rename(tracks: Tracks, old: Id, new: Unused) -> None:
    """Give a person an id that is not in use."""
    _add(tracks, "rename", (old, new))


@app.command(name="log")
def show(tracks: Tracks) -> None:
    """Show the edits made so far."""
    from app.tracks.edits import EditedTracks

    for number, edit in enumerate(EditedTracks(tracks).edits, 1):
        print(f"{number}. {_said(edit)}")


@app.command()
def undo(
    tracks: Tracks,
    everything: Annotated[
        bool, typer.Option("--all", help="Undo all edits: the original bytes.")
    ] = False,
) -> None:
    """Undo the last edit."""
    from app.tracks.edits import EditedTracks

    edited = EditedTracks(tracks)
    for edit in edited.undo(len(edited.edits) if everything else 1):
        print(f"undone: {_said(edit)}")
    _mention(edited.left)


@app.command()
def replay(
    tracks: Tracks, log: Annotated[Path, typer.Argument(help="A file NAME.edits.jsonl.")]
) -> None:
    """Apply the edits of a log to tracks that have none, for example after a new run."""
    from app.tracks import edits

    edits.replay(tracks, log)


def _add(
    tracks: Path,
    kind: str,
    ids: tuple[int, ...],
    start: float | None = None,
    end: float | None = None,
) -> None:
    from app.tracks.edits import Edit, EditedTracks

    edit = Edit(kind, ids, start, end)  # type: ignore[arg-type]
    edited = EditedTracks(tracks)
    edited.add(edit)
    print(_said(edit))
    _mention(edited.left)


def _mention(left: list[Path]) -> None:
    for file in left:
        print(f"{file} is left as it is: this program did not write it, or it was changed since")


def _said(edit: Edit) -> str:
    start = "" if edit.start is None else f" from {edit.start:g} s"
    end = "" if edit.end is None else f" to {edit.end:g} s"
    return f"{edit.edit} {' '.join(map(str, edit.ids))}{start}{end}"
