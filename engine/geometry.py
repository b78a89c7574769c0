"""How an image is fitted into the network input, and every half-pixel rule.

The published AP depends on these numbers to the last pixel, so they follow the reference
implementation's test pipeline: the short side becomes the input size, the long side is rounded up
to a multiple of 64, and the image is centred on a black canvas. Only where that would make an input
out of all proportion (a strip of 2000x8 pixels) the long side is limited instead, and the image
lies between black bars; no image of COCO comes near this limit.
Coordinates: x right, y down, pixel (0, 0) covers [0, 1)².
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

DIVISOR = 64  # every branch of the network, and every half-size pass, needs whole cells
LONGEST = 16  # long side of an input, in short sides
MOST_PIXELS = 1 << 23  # of an input at scale 1


@dataclass(frozen=True, slots=True)
class Fit:
    """Where an image lies in the network input of the base scale."""

    image: tuple[int, int]  # (w, h) pixels
    size: tuple[int, int]  # (W, H) of the network input at scale 1, pixels
    smallest: float  # the smallest scale, to which the multiple of 64 applies
    short: int  # short side of the input at the smallest scale, pixels
    center: tuple[int, int]  # image pixel that falls on the middle of the input
    extent: tuple[float, float]  # width and height of the input in image pixels

    def size_at(self, scale: float) -> tuple[int, int]:
        """(W, H) of the network input at a scale."""
        return _input_size(self.image, self.short, self.smallest, scale)

    def affine_at(self, scale: float = 1.0) -> NDArray[np.float64]:
        """(2, 3) matrix from image to input pixels of a scale, for cv2.warpAffine.

        It maps pixel indices to pixel indices without a half-pixel correction, as the reference.
        """
        return _affine(self, scale)

    def to_image(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 2) input pixels of the base scale -> (..., 2) image pixels.

        Computed in float32 like the reference, whose keypoints the golden numbers record.
        """
        out = np.empty(xy.shape, np.float32)
        for axis in (0, 1):
            per_cell = np.float32(self.extent[axis] / self.size[axis])
            start = np.float32(self.center[axis]), np.float32(self.extent[axis] * 0.5)
            out[..., axis] = xy[..., axis] * per_cell + start[0] - start[1]
        return out

    def to_input(self, xy: NDArray[np.float32]) -> NDArray[np.float32]:
        """(..., 2) image pixels -> (..., 2) input pixels of the base scale."""
        extent = np.asarray(self.extent, np.float32)
        start = np.asarray(self.center, np.float32) - extent / 2
        scale = np.asarray(self.size, np.float32) / extent
        return np.asarray((xy - start) * scale, np.float32)


def fit(image: tuple[int, int], input_size: int, scales: Sequence[float] = (1.0,)) -> Fit:
    """Fit an image of (w, h) pixels into a network whose short side is `input_size`."""
    return _fit(image, input_size, tuple(scales))


@lru_cache(maxsize=64)  # the frames of a source have one size
def _fit(image: tuple[int, int], input_size: int, scales: tuple[float, ...]) -> Fit:
    w, h = image
    smallest = min(scales)
    short = _up_to_divisor(smallest * input_size)
    size = _input_size(image, short, smallest, 1.0)
    # Round half to even, and in the reference's order: 425 -> 212, 427 -> 214.
    center = (round(w / 2), round(h / 2))
    by_width = (float(w), size[1] / size[0] * w)
    by_height = (size[0] / size[1] * h, float(h))
    whole = _long_side(image, short) <= _longest(short, smallest)
    extent = by_width if (w < h) == whole else by_height
    return Fit(image, size, smallest, short, center, extent)


@lru_cache(maxsize=64)
def _affine(placed: Fit, scale: float) -> NDArray[np.float64]:
    """See `Fit.affine_at`; read-only, because it is given to everyone who asks."""
    w, h = placed.size_at(scale)
    source = _corner_points(placed.center[0], placed.center[1], placed.extent[0] * 0.5)
    target = _corner_points(w * 0.5, h * 0.5, w * 0.5)
    matrix = np.asarray(cv2.getAffineTransform(source, target), np.float64)
    matrix.flags.writeable = False
    return matrix


def _input_size(
    image: tuple[int, int], short: int, smallest: float, scale: float
) -> tuple[int, int]:
    long = _up_to_divisor(min(_long_side(image, short), _longest(short, smallest)))
    sides = int(short * scale / smallest), int(long * scale / smallest)
    return sides if image[0] < image[1] else (sides[1], sides[0])


def _long_side(image: tuple[int, int], short: int) -> float:
    w, h = image
    # Division before multiplication: the reference's float rounding decides on a multiple of 64.
    return short / w * h if w < h else short / h * w


def _longest(short: int, smallest: float) -> int:
    """The limit of the long side at the smallest scale, a multiple of 64."""
    most = min(LONGEST * short, MOST_PIXELS * smallest**2 / short)
    return max(short, int(most) // DIVISOR * DIVISOR)


def _up_to_divisor(length: float) -> int:
    return math.ceil(length / DIVISOR) * DIVISOR


def _corner_points(x: float, y: float, reach: float) -> NDArray[np.float32]:
    # The middle, a point straight above, and the third corner of their right angle; the third
    # from the float32 of the second, because that rounding is in the reference's matrices.
    middle = np.array((x, y), np.float32)
    above = np.array((x, y - reach), np.float32)
    aside = above - np.array((middle[1] - above[1], 0), np.float32)
    return np.stack((middle, above, aside))


def opencv_version() -> str:
    """Of the OpenCV that is imported; pip may name another."""
    return str(cv2.__version__)
