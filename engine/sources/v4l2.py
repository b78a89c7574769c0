"""What cameras Linux knows and what they can do, asked of the kernel without opening a stream.

Layouts and request numbers are those of <linux/videodev2.h>, which is part of the kernel's stable
interface.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

CLASS = Path("/sys/class/video4linux")

_QUERYCAP = 0x80685600
_ENUM_FMT = 0xC0405602
_ENUM_FRAMESIZES = 0xC02C564A
_ENUM_FRAMEINTERVALS = 0xC034564B
_CAPTURE = 1  # V4L2_BUF_TYPE_VIDEO_CAPTURE and V4L2_CAP_VIDEO_CAPTURE
_DISCRETE = 1  # V4L2_FRMSIZE_TYPE_DISCRETE and V4L2_FRMIVAL_TYPE_DISCRETE
_MOST = 200  # entries of one list; a faulty driver may never end it

Ioctl = Callable[[int, int, bytearray], object]


@dataclass(frozen=True, slots=True)
class Mode:
    """One way in which a camera can deliver."""

    width: int
    height: int
    rate: float  # frames per second; 0 where the driver does not say
    coding: str  # four characters: MJPG, YUYV

    def __str__(self) -> str:
        rate = f" at {self.rate:g} fps" if self.rate else ""
        return f"{self.width}x{self.height}{rate}, {self.coding}"


def devices(folder: Path = CLASS) -> list[tuple[str, str]]:
    """(path, name) of every video device, /dev/video0 first."""
    if not folder.is_dir():
        return []
    entries = sorted(folder.glob("video*"), key=lambda entry: (len(entry.name), entry.name))
    return [(f"/dev/{entry.name}", _name(entry)) for entry in entries]


def modes(path: str, ioctl: Ioctl | None = None) -> list[Mode] | None:
    """What a device can deliver, the largest first; None if it is not a camera or not ours.

    Args:
        path: /dev/video0.
        ioctl: for tests; the system's own by default.
    """
    import fcntl  # not on Windows

    call = ioctl or fcntl.ioctl
    try:
        handle = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        if not _captures(call, handle):
            return None
        found = {mode for coding in _codings(call, handle) for mode in _sizes(call, handle, coding)}
        order = sorted(found, key=lambda m: (m.coding == "MJPG", m.width * m.height, m.rate))
        return order[::-1]
    finally:
        os.close(handle)


def _name(entry: Path) -> str:
    try:
        return (entry / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return entry.name


def _captures(call: Ioctl, handle: int) -> bool:
    answer = bytearray(104)
    try:
        call(handle, _QUERYCAP, answer)
    except OSError:
        return False
    whole, own = struct.unpack_from("<II", answer, 84)
    return bool((own or whole) & _CAPTURE)


def _codings(call: Ioctl, handle: int) -> Iterator[int]:
    for index in range(_MOST):
        answer = bytearray(64)
        struct.pack_into("<II", answer, 0, index, _CAPTURE)
        if not _answered(call, handle, _ENUM_FMT, answer):
            return
        yield struct.unpack_from("<I", answer, 44)[0]


def _sizes(call: Ioctl, handle: int, coding: int) -> Iterator[Mode]:
    for index in range(_MOST):
        answer = bytearray(44)
        struct.pack_into("<II", answer, 0, index, coding)
        if not _answered(call, handle, _ENUM_FRAMESIZES, answer):
            return
        kind, a, b, _, _, e = struct.unpack_from("<IIIIII", answer, 8)
        w, h = (a, b) if kind == _DISCRETE else (b, e)  # a range: its upper end
        yield Mode(w, h, _best_rate(call, handle, coding, w, h), _letters(coding))


def _best_rate(call: Ioctl, handle: int, coding: int, w: int, h: int) -> float:
    best = 0.0
    for index in range(_MOST):
        answer = bytearray(52)
        struct.pack_into("<IIII", answer, 0, index, coding, w, h)
        if not _answered(call, handle, _ENUM_FRAMEINTERVALS, answer):
            break
        kind, over, under = struct.unpack_from("<III", answer, 16)
        best = max(best, under / over if over else 0.0)
        if kind != _DISCRETE:  # a range begins with its shortest interval
            break
    return round(best, 2)


def _answered(call: Ioctl, handle: int, request: int, answer: bytearray) -> bool:
    try:
        call(handle, request, answer)
    except OSError:
        return False
    return True


def _letters(coding: int) -> str:
    return struct.pack("<I", coding).decode("ascii", "replace").strip()
