"""Work that survives being killed: what is finished of an input, on disk with all it depends on.

The tracks are written line by line. Every `EVERY` frames they are forced to the disk, and then a
small note beside them, `.posestream/NAME.json`, is replaced in one step: so many frames in so many
bytes, and what the tracker and the smoother remember. A later run cuts the tracks back to that
length and goes on. The note of a finished input says so, and the input is not done again while its
content and the settings that matter are the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from app.tracks import ndjson
from app.tracks.lines import Lines
from app.tracks.ndjson_writer import NdjsonWriter
from app.tracks.writer import Ending
from engine.errors import DataError
from engine.files import HIDDEN, cannot_write, write_whole
from engine.sources.source import Source, SourceInfo
from engine.types import Frame, Result

EVERY = 64  # frames between two notes, at least
_VERSION = 2
# Sections of the settings that change files made from the tracks, but not the tracks.
_HARMLESS = ("display", "output", "offline")


class Remembering(Protocol):
    """Stages that can be stopped and started again."""

    def state(self) -> Any:
        """All it remembers, as JSON values."""

    def restore(self, state: Any) -> None:
        """Go on from there."""


class Journal:
    """The tracks of one input and the note of how far they are.

    `frames` of them are there already: `replay` gives those, `write` takes the rest.
    """

    def __init__(
        self,
        tracks: Path,
        note: Path,
        header: Mapping[str, Any],
        content: str | None,
        *,
        raw: bool,
        batch: int = 1,
        force: bool = False,
    ) -> None:
        """Begin, or go on with what an earlier run left.

        Args:
            tracks: the NDJSON file.
            note: where the note belongs; its folder is made.
            header: of the tracks; what it says of settings and weights must stay the same.
            content: hash of the input; None: it can be read only once, so nothing is resumed.
            raw: see `NdjsonWriter`.
            batch: frames per trip through the network; notes are made between two of them, so
                that batches are composed as they would have been.
            force: begin anew whatever is there.

        Raises:
            OutputError: a file cannot be written.
        """
        self._tracks, self._note, self._raw = tracks, note, raw
        self._header = dict(header)
        self._key = _key(header, content) if content is not None else None
        self._every = -(-EVERY // batch) * batch
        if self._key is not None and tracks.parent.name == HIDDEN:
            self._key += "-hidden"  # not to be taken for the file that users see
        found = {} if force or self._key is None else _read_note(note, self._key, tracks)
        self.finished = bool(found.get("finished"))
        self.done: str | None = found.get("done")  # see `mark_done`
        self.frames = int(found.get("frames", 0))
        self.states: list[Any] = found.get("states", [])
        self._bytes = int(found.get("bytes", 0))
        self._written = self.frames
        self._writer: NdjsonWriter | None = None
        self._lines: Lines | None = None
        self._last: Frame | None = None

    def replay(self) -> Iterator[Result]:
        """The frames that are there, with black pictures."""
        results = ndjson.read(self._tracks)[1] if self.frames else iter(())
        for result in islice(results, self.frames):
            self._last = result.frame
            yield result
        if not self.finished and self._writer is None:
            self.begin()

    def write(self, result: Result, stages: Sequence[Remembering]) -> None:
        """Append one frame; `stages` are those that made it, in their state after it."""
        assert self._writer is not None, "replay first, then write"
        self._writer.write(result)
        self._written += 1
        if self._written % self._every == 0:
            self._save(finished=False, states=[stage.state() for stage in stages])

    def close(self, ending: Ending) -> None:
        """Finish the tracks; complete ones will not be made again."""
        if self._writer is None or self._lines is None:
            return
        self._writer.close(ending)
        if ending.complete:
            self._bytes = self._tracks.stat().st_size
            self._save(finished=True, states=[], synced=True)
            self.finished = True

    def mark_done(self, made: str) -> None:
        """Note that everything that follows from the finished tracks is there, complete.

        Args:
            made: stands for the choice of what was made, and how.
        """
        if self._key is not None and self.finished:
            note = {**json.loads(self._note.read_bytes()), "done": made}
            write_whole(self._note, json.dumps(note).encode())

    def begin(self) -> None:
        """Open the file to write what is not there yet; `replay` does so at its end.

        Raises:
            OutputError: it cannot be written.
        """
        try:
            self._tracks.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self._tracks.parent, error) from error
        self._lines = Lines(self._tracks, keep=self._bytes)
        self._writer = NdjsonWriter(
            _Open(self._lines), self._header, raw=self._raw, last=self._last
        )

    def _save(self, *, finished: bool, states: list[Any], synced: bool = False) -> None:
        if self._key is None or self._lines is None:
            return
        size = self._bytes if synced else self._lines.sync()
        note = {
            "version": _VERSION,
            "key": self._key,
            "finished": finished,
            "frames": self._written,
            "bytes": size,
            "states": states,
        }
        write_whole(self._note, json.dumps(note).encode())


class _Open:
    """Lines that reach the disk before they are closed."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def add(self, line: str) -> None:
        self._lines.add(line)

    def close(self) -> None:
        self._lines.sync()
        self._lines.close()


class Rest:
    """A source of which the first frames have been taken already."""

    def __init__(self, source: Source, frames: Iterator[Frame]) -> None:
        self.name, self._source, self._frames = source.name, source, frames

    @property
    def info(self) -> SourceInfo:
        """The source's own."""
        return self._source.info

    def frames(self) -> Iterator[Frame]:
        """What is left."""
        return self._frames

    def close(self) -> None:
        """Close the source."""
        self._source.close()


def choice(settings: Mapping[str, Any]) -> str:
    """A hash of the settings that say what is made of the tracks, and how."""
    matters = {name: settings[name] for name in _HARMLESS}
    return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()


def content_hash(files: Sequence[Path]) -> str:
    """SHA-256 over the contents of an input's files, in order."""
    whole = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            whole.update(hashlib.file_digest(stream, "sha256").digest())
    return whole.hexdigest()


def _key(header: Mapping[str, Any], content: str) -> str:
    settings = {k: v for k, v in header.get("settings", {}).items() if k not in _HARMLESS}
    matters = {**header, "settings": settings, "content": content}
    return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()


def _read_note(note: Path, key: str, tracks: Path) -> dict[str, Any]:
    """The note, if it is about this work and the tracks are there; else nothing."""
    try:
        found = json.loads(note.read_bytes())
    except (OSError, ValueError):
        return {}
    fits = isinstance(found, dict) and found.get("version") == _VERSION and found.get("key") == key
    if not fits or not tracks.is_file():
        return {}
    if not found["finished"] and tracks.stat().st_size < found["bytes"]:
        return {}  # finished ones may have been edited since
    try:
        ndjson.read(tracks)
    except DataError:
        return {}
    return dict(found)
