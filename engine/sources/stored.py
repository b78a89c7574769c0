"""A file in an object store, read in ranges.

A read asks the store for whole blocks and keeps the last few of them, so that decoding pictures and
copying sound from one video fetches each byte about once. Reading on doubles what is asked for, up
to a megabyte, and that is all the read-ahead there is.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from engine.errors import SourceError
from engine.sources.stores import open_store, reading, retried

BLOCK = 1 << 18  # bytes
_MOST_AT_ONCE = 4  # blocks of one request
_KEPT = 192  # blocks of all files together: 48 MiB


class _Blocks:
    """The blocks read last, of all files of this process."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int], bytes] = OrderedDict()
        self._lock = threading.Lock()  # pictures and sound are read by different threads

    def get(self, key: tuple[str, int]) -> bytes | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: tuple[str, int], block: bytes) -> None:
        with self._lock:
            self._kept[key] = block
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)


_blocks = _Blocks()


class StoredFile:
    """A file in a store that PyAV can read: `read`, `seek`, `tell`, `close`."""

    def __init__(self, address: str, name: str) -> None:
        """Ask the store for its size and version.

        Args:
            name: for messages.

        Raises:
            SourceError: it is not there, is empty, or may not be read.
        """
        self._system, self._path = open_store(address)
        self._address, self.name = address, name
        with reading(address, name):
            info = retried(lambda: self._system.info(self._path))
            self.version = _version(self._system, self._path, info)
        if info.get("type") == "directory":
            raise SourceError(f"{name} is a folder, not a file")
        self.size = int(info["size"])
        if self.size == 0:
            raise SourceError(f"{name} is empty (0 bytes); record or copy it again")
        self._at = 0
        self._next = -1  # block after the last request
        self._span = 1  # blocks of the next request

    def read(self, most: int = -1) -> bytes:
        """At most so many bytes from here on; fewer only at the end or the end of a block."""
        end = self.size if most < 0 else min(self._at + most, self.size)
        parts = []
        while self._at < end:
            number, start = divmod(self._at, BLOCK)
            part = self._block(number)[start : start + end - self._at]
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position counted from the start, from here, or from the end."""
        self._at = max(0, offset + (0, self._at, self.size)[whence])
        return self._at

    def tell(self) -> int:
        """The position of the next byte."""
        return self._at

    def seekable(self) -> bool:
        """Always."""
        return True

    def close(self) -> None:
        """Nothing is held open between two requests."""

    def _block(self, number: int) -> bytes:
        key = self._address + self.version, number
        found = _blocks.get(key)
        if found is not None:
            return found
        self._span = min(2 * self._span, _MOST_AT_ONCE) if number == self._next else 1
        start, end = number * BLOCK, min((number + self._span) * BLOCK, self.size)
        with reading(self._address, self.name):
            data = retried(lambda: self._system.cat_file(self._path, start=start, end=end))
        if len(data) != end - start:
            raise SourceError(f"{self.name} changed while it was read; run it again")
        for at in range(0, len(data), BLOCK):
            _blocks.put((key[0], number + at // BLOCK), data[at : at + BLOCK])
        self._next = number + self._span
        return bytes(data[:BLOCK])


def _version(system: Any, path: str, info: dict[str, Any]) -> str:
    """What changes when the content does: the store's tag, or the time of writing."""
    for key in ("ETag", "etag", "md5Hash", "content_md5"):
        if info.get(key):
            return str(info[key]).strip('"')
    return str(system.ukey(path))


def content_version(address: str, name: str) -> str:
    """Stands for the content of a stored file, without reading it."""
    return StoredFile(address, name).version
