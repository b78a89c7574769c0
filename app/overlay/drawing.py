"""Puts the marks of a scene on pixels with OpenCV: for videos, which need no screen and no Qt."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from app.overlay.heat import with_heat
from app.overlay.look import Look
from app.overlay.marks import (
    RIM,
    Colour,
    Discs,
    Lines,
    MakePlate,
    Mark,
    Plate,
    Scene,
    Target,
    scene_of,
)
from app.overlay.traces import NO_TRACES, Traces
from engine.settings import DisplaySettings
from engine.skeleton import Skeleton
from engine.types import Frame, Poses

Pixels = NDArray[np.uint8]
_BITS = 4  # positions are drawn to 1/16 pixel
_TILES = 5  # squares across a blurred head: too few to recognise a face
_DESIGN = 720  # rows of a picture whose lines are as thick as on the screen


def draw(
    pixels: Pixels,
    poses: Poses,
    skeleton: Skeleton,
    display: DisplaySettings,
    scale: float = 1.0,
) -> Pixels:
    """Draw everyone on a copy of the picture.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        poses: people, in pixels of the image they were found in; NaN is not drawn.
        scale: pixels of this picture per pixel of that image.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    size = (round(pixels.shape[1] / scale), round(pixels.shape[0] / scale))
    target = Target(size, scale, unit=max(1.0, pixels.shape[0] / _DESIGN))
    return render(pixels, scene_of(poses, Look(skeleton, display), "", target))


def draw_frame(
    frame: Frame,
    poses: Poses,
    look: Look,
    traces: Traces = NO_TRACES,
    plates: MakePlate | None = None,
) -> Pixels:
    """A frame in its own size with all that is to be seen of it; (H, W, 3) uint8 RGB."""
    target = Target(frame.size, unit=max(1.0, frame.size[1] / _DESIGN))
    scene = scene_of(poses, look, frame.source, target, traces)
    pixels = frame.pixels
    if traces.heat and not scene.black:
        pixels = with_heat(pixels, traces.heat)
    return render(pixels, scene, plates or hershey_plate)


def render(pixels: Pixels, scene: Scene, plates: MakePlate | None = None) -> Pixels:
    """Put a scene on a copy of its picture, (H, W, 3) uint8 RGB."""
    picture = np.zeros_like(pixels) if scene.black else pixels.copy()
    if scene.mirrored:
        picture = np.ascontiguousarray(picture[:, ::-1])
    for x, y, radius in scene.mosaics:
        _mosaic(picture, x, y, radius)
    for mark in scene.marks:
        before = picture.copy() if mark.opacity < 1 else None
        _put(picture, mark, plates or hershey_plate)
        if before is not None:
            cv2.addWeighted(picture, mark.opacity, before, 1 - mark.opacity, 0, picture)
    return picture


def resized(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture in another size, (width, height)."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


def _put(picture: Pixels, mark: Mark, plates: MakePlate) -> None:
    match mark:
        case Lines():
            _lines(picture, mark)
        case Discs():
            _discs(picture, mark)
        case Plate():
            _plate(picture, mark, plates(mark.text, mark.ground, mark.ink, mark.size))


def _fixed(xy: NDArray[np.float64]) -> list[list[int]]:
    """Positions as OpenCV takes them: the centre of pixel 0 is 0.5 for us and 0 for OpenCV."""
    rounded: list[list[int]] = np.rint((xy - 0.5) * (1 << _BITS)).astype(np.int32).tolist()
    return rounded


def _lines(picture: Pixels, mark: Lines) -> None:
    rims = ((RIM, mark.width + 2),) if mark.rim else ()
    for colour, width in (*rims, (mark.rgb, mark.width)):  # no rim crosses a limb
        for corners in _quads(mark.ends, width):
            cv2.fillConvexPoly(picture, corners, colour, cv2.LINE_AA, _BITS)


def _quads(ends: NDArray[np.float64], width: float) -> NDArray[np.int32]:
    """(N, 4, 2) corners of lines of this width; OpenCV's own have whole pixels and round ends."""
    a, b = ends[:, :2], ends[:, 2:]
    along = b - a
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    # OpenCV smooths an edge by half a pixel outwards.
    across = np.stack([-along[:, 1], along[:, 0]], -1) / length * max(width - 1, 0.2) / 2
    corners = np.stack([a - across, a + across, b + across, b - across], 1)
    return np.rint((corners - 0.5) * (1 << _BITS)).astype(np.int32)


def _discs(picture: Pixels, mark: Discs) -> None:
    sizes = np.rint(mark.radius * (1 << _BITS)).astype(int).tolist()
    rim = 1 << _BITS
    for spot, size, colour, ring in zip(
        _fixed(mark.xy), sizes, mark.colours, mark.rings, strict=True
    ):
        cv2.circle(picture, spot, size + rim, RIM, -1, cv2.LINE_AA, _BITS)
        cv2.circle(picture, spot, size, colour, 1 if ring else -1, cv2.LINE_AA, _BITS)


def _plate(picture: Pixels, mark: Plate, ready: Pixels) -> None:
    """Above its place, but always inside the picture."""
    h, w = min(ready.shape[0], picture.shape[0]), min(ready.shape[1], picture.shape[1])
    x = min(max(round(mark.at[0] - w / 2), 0), picture.shape[1] - w)
    y = min(max(round(mark.at[1] - h), 0), picture.shape[0] - h)
    under = picture[y : y + h, x : x + w]
    cover = ready[:h, :w, 3:].astype(np.uint16)
    under[:] = (ready[:h, :w, :3] * cover + under * (255 - cover)) // 255


def _mosaic(picture: Pixels, x: float, y: float, radius: float) -> None:
    """Replace the round part of the picture by a few squares of its mean colours."""
    x0, y0 = max(round(x - radius), 0), max(round(y - radius), 0)
    x1, y1 = min(round(x + radius), picture.shape[1]), min(round(y + radius), picture.shape[0])
    if x1 <= x0 or y1 <= y0:
        return
    part = picture[y0:y1, x0:x1]
    few = cv2.resize(part, (_TILES, _TILES), interpolation=cv2.INTER_AREA)
    tiled = cv2.resize(few, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
    rows, columns = np.ogrid[y0:y1, x0:x1]
    round_part = (rows + 0.5 - y) ** 2 + (columns + 0.5 - x) ** 2 <= radius**2
    part[round_part] = tiled[round_part]


@lru_cache(maxsize=256)
def hershey_plate(text: str, ground: Colour, ink: Colour, size: float) -> Pixels:
    """A plate in OpenCV's own letters, (h, w, 4) uint8 RGBA. They have ASCII only."""
    scale = size / 21  # a capital letter of this font is 21 pixels high
    plain = text.replace("°", "")
    (width, height), _ = cv2.getTextSize(plain, cv2.FONT_HERSHEY_DUPLEX, scale, 1)
    pad = max(2, round(size / 3))
    made = np.zeros((height + 2 * pad, width + 2 * pad, 4), np.uint8)
    made[...] = (*ground, 255)
    colour = (*ink, 255)
    at = (pad, height + pad)
    cv2.putText(made, plain, at, cv2.FONT_HERSHEY_DUPLEX, scale, colour, 1, cv2.LINE_AA)
    return made
