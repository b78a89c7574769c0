"""Lines, discs and plates on the pixels of a picture.

Loops compiled of gpu_ops/native/strokes.c put them down. Where nothing is compiled OpenCV does it,
in more time and with edges smoothed slightly differently.
"""

from __future__ import annotations

import ctypes
from functools import cache
from types import SimpleNamespace
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from app.overlay.marks import RIM, Colour, Discs, Lines, Plate
from gpu_ops.compiled_file import ARRAY, DOUBLE, INT, LONG, CompiledFile, compiled_file

Pixels = NDArray[np.uint8]  # (h, w, 3) RGB or (h, w, 4) BGRX
_RING = 1.2  # rims' widths: of a ring's line
_BITS = 4  # OpenCV takes positions to 1/16 pixel


class Strokes(Protocol):
    """Puts marks down on one picture."""

    def lines(self, mark: Lines) -> None:
        """All rims first: none crosses a line."""
        ...

    def discs(self, mark: Discs) -> None:
        """Discs and rings, each with a rim."""
        ...

    def plate(self, mark: Plate, ready: Pixels) -> None:
        """Above its place, but always inside the picture; `ready` is (h, w, 4) uint8 RGBA."""
        ...


def strokes(picture: Pixels) -> Strokes:
    """On this picture, in place: the faster ones of those that work here."""
    return CompiledStrokes(picture) if _functions() else OpenCvStrokes(picture)


class _Canvas(ctypes.Structure):
    """Canvas of native/strokes.c."""

    _fields_ = (("pixels", ARRAY), *((name, LONG) for name in ("h", "w", "step", "channels")))


_CANVAS = ctypes.POINTER(_Canvas)
_ARGUMENTS: dict[str, tuple[object, ...]] = {  # of native/strokes.c, by the function's name
    "lines": (_CANVAS, ARRAY, LONG, INT, DOUBLE, DOUBLE),
    "discs": (_CANVAS, *(ARRAY,) * 4, LONG, DOUBLE, INT, DOUBLE, DOUBLE),
    "stamp": (_CANVAS, ARRAY, LONG, LONG, LONG, LONG, DOUBLE),
}


@cache
def _functions(file: CompiledFile | None = None) -> SimpleNamespace | None:
    """Those of the compiled file; None where there was no compiler."""
    file = file or compiled_file()
    return file.functions(_ARGUMENTS, {}) if file else None


class CompiledStrokes:
    """Each pixel is covered by the part of it that lies in the mark."""

    def __init__(self, picture: Pixels, file: CompiledFile | None = None) -> None:
        self._do: Any = _functions(file)
        self._picture = picture
        h, w, channels = picture.shape
        self._on = _Canvas(picture.ctypes.data, h, w, picture.strides[0], channels)

    def lines(self, mark: Lines) -> None:
        """As of `Strokes`."""
        ends = np.ascontiguousarray(mark.ends, np.float64)
        if mark.rim:
            wide = mark.width + 2 * mark.rim
            self._do.lines(self._on, ends, len(ends), _packed(RIM), wide, mark.opacity)
        self._do.lines(self._on, ends, len(ends), _packed(mark.rgb), mark.width, mark.opacity)

    def discs(self, mark: Discs) -> None:
        """As of `Strokes`."""
        arrays = mark.xy, mark.radius, mark.colours, mark.rings.view(np.uint8)
        ring, rim = _RING * mark.rim, (_packed(RIM), mark.rim)
        self._do.discs(self._on, *arrays, len(mark.xy), ring, *rim, mark.opacity)

    def plate(self, mark: Plate, ready: Pixels) -> None:
        """As of `Strokes`."""
        x, y, ready = _placed(self._picture, mark, ready)
        self._do.stamp(self._on, ready, *ready.shape[:2], x, y, mark.opacity)


class OpenCvStrokes:
    """Edges are smoothed outwards by half a pixel."""

    def __init__(self, picture: Pixels) -> None:
        self._picture = picture

    def lines(self, mark: Lines) -> None:
        """As of `Strokes`."""
        before = self._before(mark.opacity)
        rims = ((RIM, mark.width + 2 * mark.rim),) if mark.rim else ()
        for rgb, width in (*rims, (mark.rgb, mark.width)):
            for corners in _quads(mark.ends, width):
                colour = self._ordered(rgb)
                cv2.fillConvexPoly(self._picture, corners, colour, cv2.LINE_AA, _BITS)
        self._fade(before, mark.opacity)

    def discs(self, mark: Discs) -> None:
        """As of `Strokes`."""
        before = self._before(mark.opacity)
        sizes = np.rint(mark.radius * (1 << _BITS)).astype(int).tolist()
        rim, line = round(mark.rim * (1 << _BITS)), max(1, round(_RING * mark.rim))
        rows = zip(_fixed(mark.xy), sizes, mark.colours.tolist(), mark.rings.tolist(), strict=True)
        for spot, size, rgb, ring in rows:
            dark, colour = self._ordered(RIM), self._ordered(tuple(rgb))
            cv2.circle(self._picture, spot, size + rim, dark, -1, cv2.LINE_AA, _BITS)
            thickness = line if ring else -1
            cv2.circle(self._picture, spot, size, colour, thickness, cv2.LINE_AA, _BITS)
        self._fade(before, mark.opacity)

    def plate(self, mark: Plate, ready: Pixels) -> None:
        """As of `Strokes`."""
        x, y, ready = _placed(self._picture, mark, ready)
        under = self._picture[y : y + ready.shape[0], x : x + ready.shape[1], :3]
        over = ready[..., :3] if self._picture.shape[2] == 3 else ready[..., 2::-1]
        cover = (ready[..., 3:] * mark.opacity).astype(np.uint16)
        under[:] = (over * cover + under * (255 - cover)) // 255

    def _ordered(self, rgb: Colour) -> Colour:
        return rgb if self._picture.shape[2] == 3 else rgb[::-1]

    def _before(self, opacity: float) -> Pixels | None:
        return self._picture.copy() if opacity < 1 else None

    def _fade(self, before: Pixels | None, opacity: float) -> None:
        if before is not None:
            cv2.addWeighted(self._picture, opacity, before, 1 - opacity, 0, self._picture)


def _packed(rgb: Colour) -> int:
    return rgb[0] << 16 | rgb[1] << 8 | rgb[2]


def _placed(picture: Pixels, mark: Plate, ready: Pixels) -> tuple[int, int, Pixels]:
    """Its corner, and what of it fits into the picture."""
    h, w = min(ready.shape[0], picture.shape[0]), min(ready.shape[1], picture.shape[1])
    x = min(max(round(mark.at[0] - w / 2), 0), picture.shape[1] - w)
    y = min(max(round(mark.at[1] - h), 0), picture.shape[0] - h)
    return x, y, np.ascontiguousarray(ready[:h, :w])


def _fixed(xy: NDArray[np.float64]) -> list[list[int]]:
    """Positions as OpenCV takes them: the centre of pixel 0 is 0.5 for us and 0 for OpenCV."""
    rounded: list[list[int]] = np.rint((xy - 0.5) * (1 << _BITS)).astype(np.int32).tolist()
    return rounded


def _quads(ends: NDArray[np.float64], width: float) -> NDArray[np.int32]:
    """(N, 4, 2) corners of lines of this width; OpenCV's own have whole pixels and round ends."""
    a, b = ends[:, :2], ends[:, 2:]
    along = b - a
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], -1) / length * max(width - 1, 0.2) / 2
    corners = np.stack([a - across, a + across, b + across, b - across], 1)
    return np.rint((corners - 0.5) * (1 << _BITS)).astype(np.int32)
