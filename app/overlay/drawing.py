"""Puts the marks of a scene on pixels: for the window, screenshots and overlay videos alike."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from app.overlay.heat import with_heat
from app.overlay.layout import scene_of
from app.overlay.look import Look
from app.overlay.marks import (
    Colour,
    Discs,
    Lines,
    MakePlate,
    Plate,
    Scene,
    Target,
)
from app.overlay.strokes import strokes
from app.overlay.traces import NO_TRACES, Traces
from engine.settings import DisplaySettings
from engine.skeleton import Skeleton
from engine.types import Frame, Poses

Pixels = NDArray[np.uint8]
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
    put(picture, scene, plates or hershey_plate)
    return picture


def put(picture: Pixels, scene: Scene, plates: MakePlate) -> None:
    """Put what is hidden and all marks on a picture that is mirrored already, if it is to be.

    Args:
        picture: (h, w, 3) uint8 RGB or (h, w, 4) uint8 BGRX; rows may lie apart.
    """
    for x, y, radius in scene.mosaics:
        _mosaic(picture, x, y, radius)
    pen = strokes(picture)
    for mark in scene.marks:
        match mark:
            case Lines():
                pen.lines(mark)
            case Discs():
                pen.discs(mark)
            case Plate() if mark.pinned or _is_in(picture, mark.at):
                pen.plate(mark, plates(mark.text, mark.ground, mark.ink, mark.size))


def _is_in(picture: Pixels, at: tuple[float, float]) -> bool:
    h, w = picture.shape[:2]
    return bool(0 <= at[0] <= w and 0 <= at[1] <= h)


def resized(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """The picture in another size, (width, height)."""
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)


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
