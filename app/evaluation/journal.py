"""Crash-safe journal of an evaluation: the results of finished images on disk.

A file of JSON lines, each with a checksum: first what the results depend on, then one line per
image. A line that was being written when the program died is cut off on opening.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

from app.tracks.unexpected import explained
from engine.coco.metrics import ResultRow
from engine.errors import OutputError
from engine.files import hold

SYNC_EVERY = 2.0  # s; a power cut costs at most this much work, a killed program none
NAME = "journal.jsonl"
_VERSION = 2


class EvaluationJournal:
    """Results by image id; every `add` has been written to the file when it returns."""

    def __init__(
        self,
        folder: Path,
        depends_on: Mapping[str, Any],
        images: int,
        *,
        resume: bool,
        force: bool = False,
    ) -> None:
        """Start a journal, or continue an existing one.

        Args:
            folder: where it lies; created.
            depends_on: JSON values; a journal that began with others is not continued.
            images: how many images make it complete.
            resume: continue what is there, if anything is.
            force: start over and discard what is there.

        Raises:
            OutputError: an unfinished journal is there and `resume` is off, it began with other
                settings, or the folder cannot be written.
        """
        self.rows: dict[int, list[ResultRow]] = {}
        self._file = folder / NAME
        self._folder = folder
        header = json.loads(json.dumps({**depends_on, "version of the journal": _VERSION}))
        there = self._file.exists() and not force
        kept = self._read(header, images, resume=resume) if there else 0
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._stream: BinaryIO = self._file.open("ab")
            if not hold(self._stream.fileno()):
                self._stream.close()
                raise OutputError(f"another command is evaluating into {folder}: choose another -o")
            self._stream.truncate(kept)
            if not kept:
                self._write(header)
        except OSError as error:
            raise _unwritable(self._file, error) from error
        self._synced = time.monotonic()

    def _read(self, header: Mapping[str, Any], images: int, *, resume: bool) -> int:
        """Read what is finished; how many bytes of the file are to be kept."""
        began, lines, kept = _whole_lines(self._file)
        if not resume:
            if began is not None and 0 < len(lines) < images:
                raise OutputError(
                    f"{self._file.parent} holds an unfinished evaluation ({len(lines)} of {images} "
                    "images): continue it with --resume, or start over with --force"
                )
            return 0
        if began is None:
            return 0
        _need_same(began, header, self._file.parent)
        self.rows = {int(line["image"]): line["people"] for line in lines}
        return kept

    def explain(self, error: Exception, what: str) -> str:
        """An error as one line; a traceback goes into a log in the folder."""
        return explained(error, self._folder, what)

    def add(self, image: int, people: list[ResultRow]) -> None:
        """Note an image as finished.

        Raises:
            OutputError: it cannot be written.
        """
        self.rows[image] = people
        try:
            self._write({"image": image, "people": people})
            if time.monotonic() - self._synced > SYNC_EVERY:
                os.fsync(self._stream.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            raise _unwritable(self._file, error) from error

    def _write(self, line: Mapping[str, Any]) -> None:
        text = json.dumps(line)
        self._stream.write(f'{text[:-1]}, "crc": "{_crc(text)}"}}\n'.encode())
        self._stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._stream:
            os.fsync(self._stream.fileno())


def _crc(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _checked(line: bytes) -> dict[str, Any]:
    """The values of a line.

    Raises:
        ValueError: they are not those that were written.
    """
    values = json.loads(line)
    crc = values.pop("crc", None) if isinstance(values, dict) else None
    if crc != _crc(json.dumps(values)):
        raise ValueError(f"a checksum differs: {line[:60].decode(errors='replace')}…")
    return dict(values)


def _whole_lines(file: Path) -> tuple[dict[str, Any] | None, list[dict[str, Any]], int]:
    """The first line, the others, and how many bytes they take; an unfinished end is left out."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise OutputError(f"cannot read {file}: {error.strerror}") from error
    content = content[: content.rfind(b"\n") + 1]
    try:
        lines = [_checked(line) for line in content.splitlines()]
        if not all(line.keys() == {"image", "people"} for line in lines[1:]):
            raise ValueError("a line is no result of an image")
    except (ValueError, RecursionError) as error:
        why = f"{error!s:.200}"
        raise OutputError(f"{file} is damaged ({why}): add --force to start over") from error
    return (lines[0], lines[1:], len(content)) if lines else (None, [], 0)


def _need_same(began: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    for key in sorted({*began, *now}):
        if began.get(key) != now.get(key):
            raise OutputError(
                f"cannot resume {folder}: it began with {key} {began.get(key)!r}, now it is "
                f"{now.get(key)!r}; use the same, or another --out"
            )


def _unwritable(file: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {file}: {error.strerror or error}")
