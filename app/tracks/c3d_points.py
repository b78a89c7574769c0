"""The points of a C3D file, read without a library.

ezc3d, which writes these files here, crashes on damaged ones. A file consists of blocks of 512
bytes: a header, parameters in groups, and numbers frame by frame, which are float32 or 16-bit.
Little-endian files only, as all current systems write them.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.reading.typed import read_bytes

_BLOCK = 512
_KEY, _INTEL = 0x50, 84  # what begins a header, and the processor of little-endian numbers
_TEXT, _BYTE, _WORD, _FLOAT = -1, 1, 2, 4  # types of parameters, by bytes a value


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """T frames of P points."""

    labels: list[str]  # (P,)
    unit: str  # empty where the file does not tell
    rate: float  # frames per second, 0 where the file does not tell
    people: list[str]  # names of those without one in their labels, as this program writes them
    xyz: NDArray[np.float64]  # (T, P, 3) in `unit`, NaN where absent


def read_points(path: Path) -> Points:
    """All points of a file.

    Raises:
        DataError: it is not C3D, or damaged.
    """
    data = read_bytes(path)
    try:
        return _points(data)
    except (ValueError, LookupError, struct.error) as error:
        raise DataError(f"{path} is not a C3D file: {error!s:.200}") from error


def _points(data: bytes) -> Points:
    if len(data) < _BLOCK or data[1] != _KEY:
        raise ValueError("it does not begin like one")
    count, analog, first, last = struct.unpack_from("<4H", data, 2)
    scale, start = struct.unpack_from("<fH", data, 12)
    at = (start - 1) * _BLOCK
    found = _Parameters(data[: max(0, at)], (data[0] - 1) * _BLOCK)
    labels = found.labels(count)
    if len(labels) < count:
        raise ValueError(f"it has {count} points and {len(labels)} labels")
    frames = _frames(found, first, last)
    kind = "<f4" if scale < 0 else "<i2"  # this is how a file says which
    row = 4 * count + analog
    if at + frames * row * np.dtype(kind).itemsize > len(data):
        raise ValueError(f"{frames} frames of {count} points are announced, and it is too short")
    values = np.frombuffer(data, kind, frames * row, at).reshape(frames, row)[:, : 4 * count]
    places = values.reshape(frames, count, 4).astype(np.float64)
    factor = 1.0 if scale < 0 else scale
    xyz = np.where(places[..., 3:] < 0, np.nan, places[..., :3] * factor)
    rate = next(iter(found.numbers("POINT", "RATE")), struct.unpack_from("<f", data, 20)[0])
    if not 0 <= rate < math.inf:
        raise ValueError(f"its rate is {rate:g} frames per second")
    unit = "".join(found.texts("POINT", "UNITS")[:1])
    return Points(labels, unit, rate, found.texts("POSESTREAM", "PERSON"), xyz)


def _frames(found: _Parameters, first: int, last: int) -> int:
    """How many; the header holds 16 bits, a group of parameters may know more."""
    ends = [found.numbers("TRIAL", f"ACTUAL_{end}_FIELD") for end in ("START", "END")]
    if all(len(end) == 2 for end in ends):  # two words, the lower one first
        first, last = (int(low) % 65536 + int(high) % 65536 * 65536 for low, high in ends)
    return max(0, last - first + 1)


class _Parameters:
    """What a file says of its points and its frames, by group and name in capitals."""

    def __init__(self, data: bytes, at: int) -> None:
        """Take the part of a file before the numbers, and where in it parameters begin."""
        if at < 0 or at + 4 > len(data) or data[at + 3] != _INTEL:
            raise ValueError("its parameters are missing, or its numbers not little-endian")
        self._data = data
        self._at: dict[tuple[int, str], int] = {}  # where the type of a value is
        self._groups: dict[str, int] = {}
        at += 4
        while at + 4 < len(data) and data[at] != 0:
            length, group = struct.unpack_from("<bb", data, at)
            name = data[at + 2 : at + 2 + abs(length)].decode(errors="replace").upper()
            at += 2 + abs(length)  # a negative length: the parameter is locked
            if group < 0:
                self._groups[name] = -group
            else:
                self._at[(group, name)] = at + 2
            step = struct.unpack_from("<h", data, at)[0]
            if step <= 0:
                break
            at += step

    def labels(self, most: int) -> list[str]:
        """The names of the points; a list holds 255 of them, so there may be several."""
        every = self.texts("POINT", "LABELS")
        for n in range(2, 2 + most // 255):
            every += self.texts("POINT", f"LABELS{n}")
        return every[:most]

    def texts(self, group: str, name: str) -> list[str]:
        """A parameter's texts; none where it is missing. Its first axis is their length."""
        kind, shape, raw = self._value(group, name)
        if kind != _TEXT or not raw:
            return []
        width = shape[0] if shape else 1
        texts = (raw[n : n + width] for n in range(0, len(raw), width))
        return [text.rstrip(b" \0").decode(errors="replace") for text in texts]

    def numbers(self, group: str, name: str) -> list[float]:
        """A parameter's numbers in a row; none where it is missing."""
        kind, _, raw = self._value(group, name)
        formats = {_BYTE: "u1", _WORD: "<i2", _FLOAT: "<f4"}
        return np.frombuffer(raw, formats[kind]).astype(float).tolist() if kind in formats else []

    def _value(self, group: str, name: str) -> tuple[int, list[int], bytes]:
        at = self._at.get((self._groups.get(group, 0), name))
        if at is None:
            return 0, [], b""
        kind, axes = struct.unpack_from("<bB", self._data, at)
        shape = list(self._data[at + 2 : at + 2 + axes])
        size = math.prod(shape) * abs(kind)
        raw = self._data[at + 2 + axes : at + 2 + axes + size]
        if len(shape) < axes or len(raw) < size:
            raise ValueError(f"{group}:{name} is cut")
        return kind, shape, raw
