"""A frame as the screen shows it: whole or a part of it, in its size, with its people."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from app.live.viewport import Viewport
from app.overlay.drawing import put
from app.overlay.heat import Heat, with_heat
from app.overlay.layout import scene_of
from app.overlay.look import Look
from app.overlay.marks import MakePlate, Scene, Target
from app.overlay.traces import NO_TRACES, Traces
from engine.types import Frame, Poses, no_people

Pixels = NDArray[np.uint8]


def drawn(
    frame: Frame,
    poses: Poses,
    viewport: Viewport,
    look: Look,
    traces: Traces,
    plates: MakePlate,
) -> Pixels:
    """What is seen of a frame, with all that is drawn on it; as `picture_of` returns it."""
    scene = scene_in(frame, poses, viewport, look, traces)
    if scene.black:
        left, top, right, bottom = viewport.seen(frame.size)
        picture = np.zeros((bottom - top, right - left, 4), np.uint8)
    else:
        picture = picture_of(frame.pixels, viewport, traces.heat, mirrored=scene.mirrored)
    put(picture, scene, plates)
    return picture


def scene_in(
    frame: Frame, poses: Poses, viewport: Viewport, look: Look, traces: Traces = NO_TRACES
) -> Scene:
    """All that is drawn on what is seen of a frame."""
    if poses.xy.shape[1] != len(look.skeleton):  # after a change of model one of both comes first
        poses = no_people(len(look.skeleton))
    x, y, wide, _ = viewport.whole(frame.size)
    left, top, right, bottom = viewport.seen(frame.size)
    corner, seen = (x - left, y - top), (right - left, bottom - top)
    target = Target(frame.size, wide / frame.size[0], corner, viewport.ratio, seen)
    return scene_of(poses, look, frame.source, target, traces)


def picture_of(
    pixels: Pixels, viewport: Viewport, heat: Heat | None = None, *, mirrored: bool = False
) -> Pixels:
    """What is seen of a frame.

    Args:
        pixels: (H, W, 3) uint8 RGB, the whole frame.
        heat: a heatmap to lay over it.
        mirrored: show it so.

    Returns:
        (h, w, 4) uint8 BGRX in the size of `viewport.seen`, C-contiguous: what Qt copies to the
        screen without converting.
    """
    image = pixels.shape[1], pixels.shape[0]
    left, top, right, bottom = viewport.seen(image)
    x, y, wide, high = viewport.whole(image)
    size = right - left, bottom - top
    if viewport.zoom == 1.0:
        seen = _resized(pixels, size)
    else:
        seen = _part(pixels, (x - left, y - top, wide, high), size, mirrored)
    made = np.asarray(cv2.cvtColor(seen, cv2.COLOR_RGB2BGRA), np.uint8)
    if mirrored and viewport.zoom == 1.0:
        made = np.asarray(cv2.flip(made, 1), np.uint8)
    if heat is None:
        return made
    return with_heat(made, heat, (x - left, y - top, wide, high), mirrored=mirrored)


def _resized(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """The whole frame, averaged or enlarged to (width, height)."""
    pixels = _halved(pixels, size[0] / pixels.shape[1])
    if (pixels.shape[1], pixels.shape[0]) == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _halved(pixels: Pixels, scale: float) -> Pixels:
    """Halve until what is left to do is less than halving.

    It averages all pixels, at a fraction of the cost of INTER_AREA by any factor.
    """
    for _ in range(_halvings(scale)):
        half = max(pixels.shape[1] // 2, 1), max(pixels.shape[0] // 2, 1)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    return pixels


def _halvings(scale: float) -> int:
    return max(math.floor(-math.log2(scale)), 0)


def _part(
    pixels: Pixels, whole: tuple[float, float, float, float], size: tuple[int, int], mirrored: bool
) -> Pixels:
    """The part of a frame that falls on `size` pixels when the whole lies at `whole`."""
    ends = [
        _span(corner, length, pixels.shape[1 - axis], size[axis], mirrored and axis == 0)
        for axis, (corner, length) in enumerate(zip(whole[:2], whole[2:], strict=True))
    ]
    scale = whole[2] / pixels.shape[1]
    each = 2 << _halvings(scale)  # the same pixels are averaged wherever the part lies
    (x0, x1), (y0, y1) = (_around(span, each) for span in ends)
    cut = pixels[y0:y1, x0:x1]
    few = _halved(cut, scale)
    onto = np.zeros((2, 3))
    for axis, ((first, last), low) in enumerate(zip(ends, (x0, y0), strict=True)):
        fewer = few.shape[1 - axis] / cut.shape[1 - axis]
        step = (last - first) / size[axis]
        onto[axis, axis] = step * fewer
        onto[axis, 2] = (first + step / 2 - low) * fewer - 0.5  # OpenCV's pixel 0 is centred on 0
    smooth = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(few, onto, size, flags=smooth, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(made, np.uint8)


def _span(
    corner: float, length: float, pixels: int, size: int, mirrored: bool
) -> tuple[float, float]:
    """The first and the last place of the frame, along one axis, that the target shows."""
    first, last = (pixels * (at - corner) / length for at in (0, size))
    return (pixels - first, pixels - last) if mirrored else (first, last)


def _around(span: tuple[float, float], each: int) -> tuple[int, int]:
    """Multiples of `each` around a span, with the pixels beside it that smoothing needs."""
    low, high = sorted(span)
    return max((int(low) // each - 1) * each, 0), (int(high) // each + 2) * each
