"""Changes of ids in tracks that are finished, as a log that can be replayed and taken back.

The tracks as they were made are kept. An edited file is always those with the whole log applied, so
taking back the last edit means applying one less, and without any the original bytes are there
again. `NAME.edits.jsonl` lies beside the tracks, a JSON line per edit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, model_validator

from app.tracks.convert import write_formats
from app.tracks.ledger import Ledger, compare, mark_of_bytes
from app.tracks.ndjson import checked_lines, read
from app.tracks.rounding import rounded
from app.tracks.switch import Switch, finish_switch
from app.tracks.table import FORMATS
from engine.errors import DataError
from engine.files import HIDDEN, read_state, state_bytes
from engine.reading.fields import Seconds, TrackId
from engine.reading.typed import Model, from_json, read_bytes

Kind = Literal["merge", "split", "swap", "drop", "rename"]
MOST_ID = 2**31 - 1  # ids are 32-bit numbers in every format
_VERSION = 1
_SPACELESS = (",", ":")


@dataclass(frozen=True, slots=True)
class Edit:
    """One change.

    merge: the later ids become the first. split, rename: the first becomes the second, from a time
    on or altogether. swap: the two are exchanged. drop: the id's people are taken out.
    """

    edit: Kind
    ids: tuple[int, ...]
    start: float | None = None  # s, from here on; None: from the beginning
    end: float | None = None  # s, before here; None: to the end


class EditedTracks:
    """A tracks file with its log of edits."""

    def __init__(self, tracks: Path) -> None:
        """Look at the file and its log; a switch that a killed program began is finished.

        Raises:
            DataError: it is no NDJSON tracks file, or it, its log or the original is damaged.
        """
        if not tracks.is_file():
            raise DataError(f"no tracks at {tracks}")
        self._folder, self._name = tracks.parent, tracks.stem
        finish_switch(self._folder, self._name)
        self.tracks = tracks
        self.log = tracks.with_name(tracks.stem + ".edits.jsonl")
        self.original = tracks.parent / HIDDEN / (tracks.stem + ".original.ndjson")
        self._state = self.original.with_name(tracks.stem + ".edits.json")
        self.left: list[Path] = []  # files of other formats that were not changed, as not ours
        self._need_whole()
        read(tracks)
        self.edits = read_log(self.log) if self.log.exists() else []

    def _need_whole(self) -> None:
        """Check the log and the original against what was written, if there are edits."""
        ledger = Ledger(self._folder, self._name)
        output = FORMATS["ndjson"].output(self._folder, self._name)
        if output.path == self.tracks and ledger.condition(output) == "broken":
            raise DataError(
                f"{self.tracks} is damaged; make it again with `process`"
                + (" --force, and its edits with `edit replay`" if self.log.exists() else "")
            )
        marks = read_state(self._state, _VERSION)
        if marks is None:
            return
        for path, mark in ((self.log, marks["log"]), (self.original, marks["original"])):
            found = compare(path, mark)
            if found != "same":
                raise DataError(
                    f"{path} is {found}, so the edits cannot be applied again; restore it, or make "
                    "the tracks again with `process --force`"
                )

    def ids(self) -> set[int]:
        """Every id there is now."""
        frames = (line for line in _lines(self.tracks) if line["type"] == "frame")
        return {p["id"] for line in frames for p in line["people"] if p["id"] is not None}

    def add(self, edit: Edit) -> None:
        """Apply one more edit and write it to the log.

        Raises:
            DataError: it names an id there is not, or one that must be free.
            OutputError: a file cannot be written.
        """
        self._check(edit)
        self._save([*self.edits, edit])

    def undo(self, count: int = 1) -> list[Edit]:
        """Take back the last edits; those taken back, the last first."""
        taken = self.edits[len(self.edits) - min(count, len(self.edits)) :]
        if taken:
            self._save(self.edits[: -len(taken)])
        return taken[::-1]

    def _save(self, edits: list[Edit]) -> None:
        """Replace tracks, log and the files of other formats as one."""
        source = (self.original if self.edits else self.tracks).read_bytes()
        edited = b"".join(apply(source.splitlines(keepends=True), edits)) if edits else source
        switch = Switch(self._folder, self._name)
        switch.put(self.tracks, edited)
        if edits:
            log = "".join(json.dumps(_plain(e), separators=_SPACELESS) + "\n" for e in edits)
            marks = {"log": mark_of_bytes(log.encode()), "original": mark_of_bytes(source)}
            switch.put(self.log, log.encode())
            switch.put(self.original, source)
            switch.put(self._state, state_bytes(_VERSION, marks))
        else:
            switch.remove([self.log, self.original, self._state])
        self._follow(switch)
        switch.commit()
        self.edits = edits

    def _follow(self, switch: Switch) -> None:
        """Add the files of other formats that lie beside the tracks, and what the ledger says."""
        ledger = Ledger(self._folder, self._name)
        self.left, ours = [], []
        for kind in FORMATS.values():
            output = kind.output(self._folder, self._name)
            files = output.files()
            if kind.name in ("ndjson", "frames") or not files:
                continue
            if ledger.by(output) and ledger.condition(output) in ("whole", "broken"):
                ours.append(kind)
                switch.remove(files)
            else:
                self.left.append(files[0])
        header, results = read(switch.staging / self.tracks.name)
        paths = [kind.path(switch.staging, self._name) for kind in ours]
        write_formats((replace(r, poses=rounded(r.poses)) for r in results), header, ours, paths)
        for kind in (FORMATS["ndjson"], *ours):
            output = kind.output(self._folder, self._name)
            if not ledger.by(output):
                continue
            staged = kind.output(switch.staging, self._name)
            ledger.replace_marks(output, staged, switch.staging)
        if ledger.file.exists():
            switch.put(ledger.file, ledger.content)

    def _check(self, edit: Edit) -> None:
        known = self.ids()
        wanted = edit.ids if edit.edit in ("merge", "swap", "drop") else edit.ids[:1]
        for person in wanted:
            if person not in known:
                there = ", ".join(map(str, sorted(known)[:12])) or "none"
                raise DataError(f"{self.tracks} has no id {person}; its ids are {there}")
        if edit.edit == "rename" and edit.ids[1] in known:
            raise DataError(
                f"id {edit.ids[1]} is in use already; to make them one: merge {edit.ids[1]} "
                f"{edit.ids[0]}"
            )
        if any(not 0 <= person <= MOST_ID for person in edit.ids):
            raise DataError(f"ids go from 0 to {MOST_ID}, got {max(edit.ids)}")
        if any(t is not None and not 0 <= t < float("inf") for t in (edit.start, edit.end)):
            raise DataError(f"--from and --to take seconds from 0 up, got {edit.start}, {edit.end}")
        if edit.edit in ("merge", "swap") and len(set(edit.ids)) < 2:
            raise DataError(f"{edit.edit} takes two different ids, got {edit.ids}")


def apply(lines: Sequence[bytes], edits: Sequence[Edit]) -> Iterator[bytes]:
    """The lines of a tracks file after these edits; lines that nothing touches stay as they are."""
    removed = 0
    for text in lines:
        line = json.loads(text)
        if line["type"] == "frame":
            before = len(line["people"])
            line["people"] = _edited(line["people"], line["time"], edits)
            removed += before - len(line["people"])
        elif line["type"] == "end":
            line["people"] -= removed
        yield (json.dumps(line, separators=_SPACELESS, ensure_ascii=False) + "\n").encode()


def read_log(path: Path) -> list[Edit]:
    """The edits of a log.

    Raises:
        DataError: it is missing or damaged.
    """
    lines = read_bytes(path).splitlines()
    entries = [
        from_json(line, _EDIT, f"{path}, line {number}: not an edit")
        for number, line in enumerate(lines, 1)
    ]
    return [Edit(entry.edit, entry.ids, entry.start, entry.end) for entry in entries]


def replay(tracks: Path, log: Path) -> None:
    """Apply the edits of another log to tracks that have none, for example after a new run.

    Raises:
        DataError: the tracks are edited already, or an id is not there.
    """
    edited = EditedTracks(tracks)
    if edited.edits:
        raise DataError(f"{tracks} has edits of its own; take them back first: edit undo --all")
    for edit in read_log(log):
        edited.add(edit)


def new_id(ids: set[int]) -> int:
    """An id that is not in use."""
    return max(ids, default=-1) + 1


def _edited(people: list[dict[str, Any]], time: float, edits: Sequence[Edit]) -> list[Any]:
    for edit in edits:
        if (edit.start is None or time >= edit.start) and (edit.end is None or time < edit.end):
            people = _apply(people, edit)
    return people


def _apply(people: list[dict[str, Any]], edit: Edit) -> list[dict[str, Any]]:
    if edit.edit == "drop":
        return [person for person in people if person["id"] not in edit.ids]
    if edit.edit == "merge":
        become = dict.fromkeys(edit.ids[1:], edit.ids[0])
    elif edit.edit == "swap":
        become = {edit.ids[0]: edit.ids[1], edit.ids[1]: edit.ids[0]}
    else:
        become = {edit.ids[0]: edit.ids[1]}
    changed = [{**person, "id": become.get(person["id"], person["id"])} for person in people]
    return _once_each(changed)


def _once_each(people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each id once per frame: of people with one id the one with the higher score stays."""
    best: dict[int, dict[str, Any]] = {}
    for person in people:
        number = person["id"]
        if number is not None and person["score"] > best.get(number, {"score": -1})["score"]:
            best[number] = person
    return [person for person in people if person["id"] is None or best[person["id"]] is person]


def _plain(edit: Edit) -> dict[str, Any]:
    return {key: value for key, value in asdict(edit).items() if value is not None}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for text in checked_lines(path):
        yield json.loads(text)


class _Entry(Model):
    edit: Kind
    ids: Annotated[tuple[Annotated[TrackId, Field(ge=0)], ...], Field(min_length=1, max_length=999)]
    start: Seconds | None = None
    end: Seconds | None = None

    @model_validator(mode="after")
    def _as_many_ids_as_it_takes(self) -> _Entry:
        if (self.edit != "drop" and len(self.ids) < 2) or (self.edit in _TWO and len(self.ids) > 2):
            raise ValueError(f"{self.edit} takes two ids")
        return self


_TWO = ("swap", "split", "rename")
_EDIT = TypeAdapter(_Entry)
