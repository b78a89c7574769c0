"""Whether a file is as long as its own structure says.

What a header says of durations and numbers of frames may be old or guessed: a recorder that was
stopped, a tool that copied a tag. Whether bytes are missing at the end can be measured.
"""

from __future__ import annotations

from pathlib import Path

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067  # Matroska and WebM


def bytes_missing(path: Path) -> int | None:
    """How many bytes an AVI or Matroska file lacks at its end; None: its structure does not say."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(64)
        if head[:4] == b"RIFF":
            return _riff_missing(path, size)
    end = _matroska_end(head)
    return None if end is None else max(0, end - size)


def _riff_missing(path: Path, size: int) -> int | None:
    """A large AVI is several RIFF chunks, one after the other."""
    end = 0
    with path.open("rb") as file:
        while end + 8 <= size:
            file.seek(end)
            head = file.read(8)
            length = int.from_bytes(head[4:], "little")
            if head[:4] not in (b"RIFF", b"JUNK") or length in (0, 0xFFFFFFFF):
                break
            end += 8 + length + length % 2
    if end == 0:
        return None
    return max(0, end - size - 1)  # writers forget the padding byte


def _matroska_end(head: bytes) -> int | None:
    """Where the segment ends; None where it is not Matroska, or was written without its length."""
    if int.from_bytes(head[:4], "big") != _EBML:
        return None
    length, at = _length(head, 4)
    if length is None or at + length + 12 > len(head):
        return None
    at += length
    if int.from_bytes(head[at : at + 4], "big") != _SEGMENT:
        return None
    length, at = _length(head, at + 4)
    return None if length is None else at + length


def _length(data: bytes, at: int) -> tuple[int | None, int]:
    """An EBML length and where it ends; None where it is not known."""
    width = 9 - data[at].bit_length() if data[at] else 8
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), at + width
