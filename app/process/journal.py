"""Crash-safe journal: finished frames and the stages' state on disk.

The tracks are written line by line. Every `EVERY` frames they are forced to the disk, and then
`.posestream/NAME.json` is replaced in one step: so many frames in so many bytes with this checksum,
and the state of tracker and smoother. A later run cuts the tracks to that length and continues.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from app.tracks import ndjson
from app.tracks.lines import Lines, encoded
from app.tracks.ndjson_writer import NdjsonWriter
from app.tracks.writer import Ending
from engine.files import read_state, write_state
from engine.types import Frame, Result

EVERY = 64  # frames between two savings, at least
_VERSION = 4
# Sections of the settings that change files made from the tracks, but not the tracks.
_FOLLOW_UP = ("display", "output", "offline")
_CHUNK = 1 << 20


class Remembering(Protocol):
    """A stage that can be stopped and started again."""

    def state(self) -> Any:
        """All it remembers, as JSON values."""

    def restore(self, state: Any) -> None:
        """Continue from there."""


class Journal:
    """Writer: the tracks of one input, and how far they are.

    The first `frames` results are there already: `replay` gives them, and `write` passes over them.
    """

    def __init__(
        self,
        tracks: Path,
        file: Path,
        header: Mapping[str, Any],
        content: str | None,
        *,
        raw: bool,
        batch: int = 1,
        force: bool = False,
    ) -> None:
        """Look at what an earlier run left; nothing is written yet.

        Args:
            tracks: the NDJSON file.
            file: of the journal.
            header: of the tracks; what it says of settings and weights must stay the same.
            content: hash of the input; None: it can be read only once, so nothing is resumed.
            raw: see `NdjsonWriter`.
            batch: frames per network call; the journal is saved between two of them, so that
                batches are composed as they would have been.
            force: start over whatever is there.

        Raises:
            DataError: the journal is damaged.
        """
        self.tracks, self._file, self._raw = tracks, file, raw
        self.damaged = False  # the tracks did not hold what the journal says
        self._header = dict(header)
        # What the tracks depend on; None: nothing is resumed.
        self.key = None if content is None else _key(header, content, tracks)
        self._every = -(-EVERY // batch) * batch
        found = {} if force or self.key is None else self._found()
        self.finished = bool(found.get("finished"))
        self.frames = int(found.get("frames", 0))
        self.states: list[Any] = found.get("states", [])
        self._bytes, self._crc = int(found.get("bytes", 0)), int(found.get("crc", 0))
        self._passed = 0  # results given to `write`
        self._remembering: Sequence[Remembering] = ()
        self._writer: NdjsonWriter | None = None
        self._lines: _Summed | None = None
        self._last: Frame | None = None

    def _found(self) -> dict[str, Any]:
        """What the journal says, if it is about this work and true of the tracks."""
        found = read_state(self._file, _VERSION) or {}
        if found.get("key") != self.key:
            return {}
        if not found["finished"] and _crc(self.tracks, found["bytes"]) != found["crc"]:
            self.damaged = found["frames"] > 0
            return {}
        return dict(found)

    def intact(self) -> bool:
        """Whether the finished tracks still hold what was written."""
        size = self.tracks.stat().st_size if self.tracks.is_file() else -1
        return size == self._bytes and _crc(self.tracks, size) == self._crc

    def begin_anew(self) -> None:
        """Forget what an earlier run left."""
        self.finished, self.frames, self.states = False, 0, []
        self._bytes = self._crc = 0

    def open(self) -> None:
        """Open the tracks to write what is not there yet.

        Raises:
            OutputError: they cannot be written.
        """
        if self.finished or self._writer is not None:
            return
        self.tracks.parent.mkdir(parents=True, exist_ok=True)
        self._lines = _Summed(Lines(self.tracks, keep=self._bytes), self._crc)
        self._writer = NdjsonWriter(self._lines, self._header, raw=self._raw, last=self._last)
        if not self.frames:
            self._save(finished=False, states=[])

    def replay(self) -> Iterator[Result]:
        """The frames that are there, with black pictures."""
        results = ndjson.read(self.tracks)[1] if self.frames else iter(())
        for result in islice(results, self.frames):
            self._last = result.frame
            yield result

    def continue_with(self, *remembering: Remembering) -> None:
        """Name what makes the results, and give it the state after the frames that are there."""
        self._remembering = remembering
        for each, state in zip(remembering, self.states, strict=False):
            each.restore(state)

    def write(self, result: Result) -> None:
        """Append one frame, unless it is there already."""
        self._passed += 1
        if self.finished or self._passed <= self.frames:
            return
        self.open()
        assert self._writer is not None
        self._writer.write(result)
        if self._passed % self._every == 0:
            self._save(finished=False, states=[each.state() for each in self._remembering])

    def close(self, ending: Ending) -> None:
        """Finish the tracks; complete ones are not made again."""
        self.open()
        if self._writer is None:
            return
        self._writer.close(ending)
        if ending.complete:
            self.finished = True
            self._save(finished=True, states=[])

    def _save(self, *, finished: bool, states: list[Any]) -> None:
        if self.key is None or self._lines is None:
            return
        state = {
            "key": self.key,
            "finished": finished,
            "frames": self._passed,
            "bytes": self._lines.sync(),
            "crc": self._lines.crc,
            "states": states,
        }
        write_state(self._file, _VERSION, state)


class _Summed:
    """Lines with a running checksum; they reach the disk before they are closed."""

    def __init__(self, lines: Lines, crc: int) -> None:
        self._lines, self.crc = lines, crc
        self._size = 0
        self._closed = False

    def add(self, line: str) -> None:
        """Append a line."""
        self._lines.add(line)
        self.crc = zlib.crc32(encoded(line), self.crc)

    def sync(self) -> int:
        """Wait for the disk; the file's length in bytes."""
        if not self._closed:
            self._size = self._lines.sync()
        return self._size

    def close(self) -> None:
        """Wait for the disk and close the file; may be called twice."""
        self.sync()
        self._closed = True
        self._lines.close()


def choice(settings: Mapping[str, Any]) -> str:
    """A hash of the settings that say how files are made of the tracks, but not which."""
    matters = {name: dict(settings[name]) for name in _FOLLOW_UP}
    for which in ("formats", "overlay", "report"):
        matters["output"].pop(which, None)
    return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()


def _key(header: Mapping[str, Any], content: str, tracks: Path) -> str:
    settings = {k: v for k, v in header.get("settings", {}).items() if k not in _FOLLOW_UP}
    matters = {**header, "settings": settings, "content": content, "tracks": tracks.name}
    matters["place"] = tracks.parent.name  # hidden tracks are not those that users see
    return hashlib.sha256(json.dumps(matters, sort_keys=True).encode()).hexdigest()


def _crc(path: Path, size: int) -> int | None:
    """The CRC-32 of a file's first bytes; None where it has fewer."""
    crc = 0
    try:
        with path.open("rb") as file:
            while size > 0:
                data = file.read(min(size, _CHUNK))
                if not data:
                    return None
                crc, size = zlib.crc32(data, crc), size - len(data)
    except OSError:
        return None
    return crc
