"""A text file that holds whole lines only, also after an error while it is written."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Protocol

from engine.errors import OutputError
from engine.files import cannot_write


class LineSink(Protocol):
    """Something that takes whole lines: a file, standard output, a socket."""

    def add(self, line: str) -> None:
        """Take a line without its end."""
        ...

    def close(self) -> None:
        """Take no more. May be called twice."""
        ...


def encoded(line: str) -> bytes:
    """A line as it is written; a file name may hold bytes that are no characters."""
    return line.encode(errors="replace") + b"\n"


def is_header(line: str) -> bool:
    """Whether this line is a header, which says what the following lines mean."""
    return line.startswith('{"type":"header"')


class SharedLines:
    """Lines that one of several writers must not close."""

    def __init__(self, lines: LineSink) -> None:
        self.add = lines.add

    def close(self) -> None:
        """Leave them open."""


class Lines:
    """Lines appended one by one; each is on its way to the disk when `add` returns.

    Nothing is buffered here, so a killed program leaves every line it added. When the disk is full,
    the file is cut back to its last whole line.
    """

    def __init__(self, path: Path, *, keep: int = 0) -> None:
        """Create the file, replacing one from an earlier run but for its first `keep` bytes.

        Raises:
            OutputError: it cannot be created.
        """
        self._path = path
        self._whole = keep  # bytes of all whole lines
        try:
            self._file = path.open("r+b" if keep else "wb", buffering=0)
            if keep:
                self._file.truncate(keep)
                self._file.seek(keep)
        except OSError as error:
            raise cannot_write(path, error) from error

    def add(self, line: str) -> None:
        """Append a line; `line` has no line end.

        Raises:
            OutputError: it cannot be written.
        """
        rest = memoryview(encoded(line))
        size = len(rest)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._cut()
            raise cannot_write(self._path, error) from error
        self._whole += size

    def sync(self) -> int:
        """Wait until all lines are on the disk; the file's length in bytes."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from error
        return self._whole

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def _cut(self) -> None:
        if self._path.is_file():  # not a pipe, or a device such as /dev/full
            self._file.truncate(self._whole)
            self._file.seek(self._whole)


class StandardOutput:
    """Each line is out when `add` returns, so that a pipe's reader sees it at once."""

    def add(self, line: str) -> None:
        """Write a line.

        Raises:
            OutputError: the reader has closed the pipe.
        """
        data = encoded(line)
        try:
            sys.stdout.flush()
            while data:
                data = data[os.write(sys.stdout.fileno(), data) :]
        except BrokenPipeError as error:
            raise OutputError("the reader of standard output has closed it") from error
        except OSError as error:
            raise cannot_write(Path("standard output"), error) from error

    def close(self) -> None:
        """Standard output stays open: it is not ours."""
