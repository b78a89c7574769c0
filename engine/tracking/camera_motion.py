"""Camera motion between two frames: a pan, shake, or a cut to another scene.

Phase correlation of small grey pictures proposes a shift; it is accepted only if it aligns the
background, so a person who fills the picture is not taken for the camera. A cut is a picture that
matches the one before at no shift.
Method: Kuglin and Hines 1975.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.tracking.compiled import compiled_loops
from engine.tracking.json_arrays import EncodedArray, decode_array, encode_array

_T = TypeVar("_T", bound=np.generic)

_SIDE = 96  # cells of the longer side of the small picture, about
_SAMPLES = 4  # pixels looked at in each row and column of a cell, at most
_MOVED = 0.5  # cells: smaller shifts are within the error of the method
_BETTER = 0.7  # a shift must bring the difference between the pictures down to this part
_ENOUGH = 0.15  # of the cells must be free of people to judge by
_GREY = 6  # levels that a cell's brightness must differ by to have changed
_OTHER = 12  # levels that it differs by in most cells after a cut
_UNLIKE = 0.4  # correlation of pictures below which they show different scenes; within one: 0.8
_MARGIN = 0.15  # of the box of a person's joints: as much is not free around it
_TILES = 4  # each way: a moving camera changes the picture in at least half of them


class CameraStep(NamedTuple):
    """What the camera did between two frames."""

    shift: NDArray[np.float64]  # (2,) pixels (x, y) that the background moved; zeros if unclear
    cut: bool  # another scene began


STILL = CameraStep(np.zeros(2), cut=False)


class View(NamedTuple):
    """What is compared of a frame."""

    small: NDArray[np.uint8]  # (h, w) green, reduced
    free: NDArray[np.bool_]  # (h, w) False where people are
    cell: int  # pixels of the frame per cell of these


class CameraMotion:
    """The camera's motion over the frames of one source, given in order."""

    def __init__(self) -> None:
        self.last: View | None = None  # of the frame before

    def __call__(self, pixels: NDArray[np.uint8], xy: NDArray[np.floating]) -> CameraStep:
        """The motion since the frame of the last call.

        Args:
            pixels: (H, W, 3) RGB.
            xy: (P, K, 2) the people in this frame, image pixels, NaN where absent.
        """
        before, self.last = self.last, view(pixels, xy)
        return between(before, self.last)

    def state(self) -> EncodedArray | None:
        """The last frame as JSON values, for `restore`."""
        return encode_view(self.last)

    def restore(self, state: EncodedArray | None) -> None:
        """Continue from a `state`."""
        self.last = decode_view(state)


def encode_view(seen: View | None) -> EncodedArray | None:
    """A view as JSON values."""
    if seen is None:
        return None
    return {"small": encode_array(seen.small), "free": encode_array(seen.free), "cell": seen.cell}


def decode_view(state: EncodedArray | None) -> View | None:
    """The view that `encode_view` was given."""
    return (
        View(decode_array(state["small"]), decode_array(state["free"]), state["cell"])
        if state
        else None
    )


def view(pixels: NDArray[np.uint8], xy: NDArray[np.floating]) -> View:
    """Reduce a frame to what is compared; arguments as of `CameraMotion`."""
    small, cell = _shrink(pixels)
    loops = compiled_loops()
    if loops and xy.dtype == np.float32:
        free = np.ones(small.shape, np.bool_)
        loops.cover(free, np.ascontiguousarray(xy, np.float32), cell, _MARGIN)
        return View(small, free, cell)
    return View(small, _free_of_people(small.shape, xy / cell), cell)


def between(before: View | None, after: View) -> CameraStep:
    """The motion from one frame to the next; `before` is None at the start of a source."""
    if before is None or min(before.small.shape) < 16:
        return STILL
    if before.small.shape != after.small.shape:
        return CameraStep(np.zeros(2), cut=True)
    moving, other = _differ(before, after)
    if not moving and not other:  # nearly always: no search for a shift is needed
        return STILL
    shift = _propose(before.small, after.small)
    enough = moving and bool(np.abs(shift).max() >= _MOVED)
    if enough and _agrees(before, after, shift):
        return CameraStep(shift * after.cell, cut=False)
    return CameraStep(np.zeros(2), other and _is_unlike(before.small, after.small, shift))


def _differ(before: View, after: View) -> tuple[bool, bool]:
    """Whether the pictures differ in most parts free of people; and by a lot in most cells."""
    loops = compiled_loops()
    if loops:
        small, free = (before.small, after.small), (before.free, after.free)
        return loops.differ(small, free, _TILES, (_GREY, _OTHER))
    difference = np.abs(after.small.astype(np.int16) - before.small)
    seen = after.free & before.free
    moving = _everywhere((difference > _GREY) & seen, seen)
    return moving, bool((difference > _OTHER).mean() >= 0.5)


def _shrink(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], int]:
    """The picture as (h, w) cells of green, and the side of a cell in pixels."""
    cell = max(1, round(max(pixels.shape[:2]) / _SIDE))
    h, w, n = pixels.shape[0] // cell, pixels.shape[1] // cell, min(cell, _SAMPLES)
    at = [(2 * i + 1) * cell // (2 * n) for i in range(n)]  # spread over the cell
    loops = compiled_loops()
    if loops:
        return loops.shrink(pixels, cell, at), cell
    sums = np.zeros((h, w), np.uint16)
    for y in at:
        row = pixels[y : h * cell : cell, :, 1]
        for x in at:
            sums += row[:, x : w * cell : cell]
    return (sums // n**2).astype(np.uint8), cell


def _free_of_people(shape: tuple[int, ...], xy: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(h, w) False within the box of any person; `xy` (P, K, 2) in cells."""
    free = np.ones(shape, np.bool_)
    absent = np.isnan(xy[..., :1])
    seen = ~absent.all(axis=(1, 2))
    xy, absent = xy[seen], absent[seen]
    low = np.where(absent, np.inf, xy).min(axis=1)
    high = np.where(absent, -np.inf, xy).max(axis=1)
    margin = 1 + _MARGIN * (high - low)
    corners = np.concatenate((low - margin, high + margin + 1), axis=1)
    for left, top, right, bottom in np.maximum(corners, 0).astype(int).tolist():
        free[top:bottom, left:right] = False
    return free


def _propose(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The shift (x, y) in cells that most of the picture agrees on."""
    h, w = before.shape
    window = np.outer(np.hanning(h + 2)[1:-1], np.hanning(w + 2)[1:-1])
    a, b = (np.fft.rfft2((p - p.mean(dtype=np.float64)) * window) for p in (before, after))
    cross = b * np.conj(a)
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-9), (h, w))
    y, x = np.unravel_index(int(np.argmax(surface)), surface.shape)
    near = surface[np.ix_(np.arange(y - 1, y + 2) % h, np.arange(x - 1, x + 2) % w)].clip(0)
    steps = np.array((-1.0, 0.0, 1.0))
    part = np.array([near.sum(axis=0) @ steps, near.sum(axis=1) @ steps]) / max(near.sum(), 1e-9)
    whole = np.array([_signed(int(x), w), _signed(int(y), h)])
    shift: NDArray[np.float64] = whole + part
    return shift


def _signed(cell: int, size: int) -> int:
    """The far half of the correlation surface stands for movements to the left or up."""
    return cell - size if cell > size // 2 else cell


def _agrees(before: View, after: View, shift: NDArray[np.float64]) -> bool:
    """Whether the shift explains the parts of both pictures that are free of people."""
    dx, dy = np.round(shift).astype(int)
    if dx == dy == 0:  # half a cell: look at the side it leans to
        dx, dy = (np.abs(shift) >= _MOVED) * np.sign(shift).astype(int)
    means = []
    for x, y in ((dx, dy), (0, 0)):
        old, new = _overlap(before.small, -x, -y), _overlap(after.small, x, y)
        free = _overlap(before.free, -x, -y) & _overlap(after.free, x, y)
        if free.sum() < _ENOUGH * free.size:
            return False
        difference = np.abs(new.astype(np.int16) - old)
        means.append(float(difference[free].mean()))
    return means[0] < _BETTER * means[1]


def _everywhere(changed: NDArray[np.bool_], free: NDArray[np.bool_]) -> bool:
    """Whether most parts of the picture changed, not only one object in it."""
    if not changed.any():
        return False
    rows, columns = (np.linspace(0, side, _TILES + 1).astype(int) for side in free.shape)
    counts = [
        np.add.reduceat(np.add.reduceat(mask.astype(int), rows[:-1], axis=0), columns[:-1], axis=1)
        for mask in (changed, free)
    ]
    seen = counts[1] > 0
    return bool(seen.any() and (counts[0][seen] > 0.1 * counts[1][seen]).mean() >= 0.5)


def _is_unlike(
    before: NDArray[np.uint8], after: NDArray[np.uint8], shift: NDArray[np.float64]
) -> bool:
    """Whether two pictures are not alike at any shift."""
    x, y = np.round(shift).astype(int)
    moved = _overlap(before, -x, -y), _overlap(after, x, y)
    small = moved[0].size < 0.3 * before.size  # small overlaps match by chance
    return _alike(before, after) < _UNLIKE and (small or _alike(*moved) < _UNLIKE)


def _alike(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Correlation of two pictures, -1 to 1, whatever their brightness and contrast."""
    p, q = (picture - picture.mean(dtype=np.float64) for picture in (a, b))
    return float((p * q).sum() / max(np.sqrt((p**2).sum() * (q**2).sum()), 1e-9))


def _overlap(picture: NDArray[_T], x: int, y: int) -> NDArray[_T]:
    """The picture without x columns and y rows at its near (far) side."""
    rows = slice(max(y, 0), picture.shape[0] + min(y, 0))
    return picture[rows, max(x, 0) : picture.shape[1] + min(x, 0)]
