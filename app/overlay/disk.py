"""A file for FFmpeg to write to that keeps quiet about a full disk."""

from __future__ import annotations

from pathlib import Path

from engine.errors import OutputError
from engine.files import cannot_write


class DiskFile:
    """Takes what FFmpeg writes; after the first failure the rest is forgotten.

    FFmpeg 8.1 crashes when it has to finish an MP4 after a write that failed. So it sees none:
    the failure is kept in `error` for the writer to raise, everything later is ignored, and what
    reached the disk is cut back to its last whole part.
    """

    def __init__(self, path: Path) -> None:
        """Create the file, replacing one from an earlier run.

        Raises:
            OutputError: it cannot be created.
        """
        self.error: OutputError | None = None
        self._path = path
        self._at = 0
        self._end = 0
        try:
            self._file = path.open("wb", buffering=0)
        except OSError as error:
            raise cannot_write(path, error) from error

    def write(self, data: bytes) -> int:
        """Write at the current position; always as much as was given, or so it says."""
        if self.error is None:
            self._try(data)
        self._at += len(data)
        self._end = max(self._end, self._at)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a position counted from the start, from here, or from the end."""
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def tell(self) -> int:
        """The current position."""
        return self._at

    def seekable(self) -> bool:
        """A finished MP4 has its index filled in at the start."""
        return True

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._file.close()

    def _try(self, data: bytes) -> None:
        rest = memoryview(data)
        try:
            if self._file.tell() != self._at:
                self._file.seek(self._at)
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self.error = cannot_write(self._path, error)
            if self._path.is_file():  # not a pipe, or a device such as /dev/full
                self._file.truncate(_whole_boxes(self._path))


def _whole_boxes(path: Path) -> int:
    """The length in bytes of an MP4 up to the last box that is all there.

    FFmpeg refuses to open a file that ends inside the index of a fragment.
    """
    size, end = path.stat().st_size, 0
    with path.open("rb") as file:
        while end < size:
            file.seek(end)
            length = int.from_bytes(file.read(4), "big")
            if length < 8 or end + length > size:
                break
            end += length
    return end
