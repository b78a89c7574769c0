"""What an input's files hold, so that one that is replaced while it is processed is noticed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from engine.errors import SourceError
from engine.files import sha256
from engine.sources.addresses import shown
from engine.sources.source import Source, files_of, stored_of
from engine.sources.stored import content_version

_HEAD = 1 << 16  # bytes

Stamp = tuple[int, int, bytes]  # size, time of the last change in ns, hash of the head


class Content:
    """The files of one input as they were when work on it began."""

    def __init__(self, source: Source) -> None:
        """Read them.

        Raises:
            SourceError: a file cannot be read.
        """
        self._files = tuple(files_of(source))
        self._stamps = [_stamp(file) for file in self._files]
        self._stored = stored_of(source)
        # None: it can be read only once
        self.key = self._stored.version if self._stored else None
        if self._files:
            self.key = _hash(self._files)
        self.need_same()

    def need_same(self) -> None:
        """Check that no file was replaced or written to.

        Raises:
            SourceError: one was.
        """
        for file, before in zip(self._files, self._stamps, strict=True):
            if _stamp(file) != before:
                raise _changed(str(file))
        stored = self._stored
        if stored and content_version(stored.address, shown(stored.address)) != stored.version:
            raise _changed(shown(stored.address))

    def need_key(self, key: str, name: str) -> None:
        """Check that this is the content with a key; `name` is for the message.

        Raises:
            SourceError: it is not.
        """
        if self.key != key:
            raise _changed(name)


def _changed(name: str) -> SourceError:
    return SourceError(f"{name} was replaced or changed while it was processed; process it again")


def _hash(files: Sequence[Path]) -> str:
    """SHA-256 over the contents of the files, in order."""
    total = hashlib.sha256()
    try:
        for file in files:
            total.update(bytes.fromhex(sha256(file)))
    except OSError as error:
        raise SourceError(f"cannot read {files[0]}: {error.strerror}") from error
    return total.hexdigest()


def _stamp(file: Path) -> Stamp:
    try:
        facts = file.stat()
        with file.open("rb") as stream:
            head = hashlib.sha256(stream.read(_HEAD)).digest()
    except OSError as error:
        raise SourceError(f"cannot read {file}: {error.strerror}") from error
    return facts.st_size, facts.st_mtime_ns, head
