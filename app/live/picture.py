"""The frame in the size of the screen, made on the engine thread so that painting it is a copy."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def fit_picture(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """The largest picture with these proportions that fits.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        size: (width, height) in screen pixels.

    Returns:
        (h, w, 4) uint8 BGRX, C-contiguous: what Qt copies to the screen without converting.
    """
    h, w = pixels.shape[:2]
    scale = min(size[0] / w, size[1] / h)
    to = (max(1, round(w * scale)), max(1, round(h * scale)))
    while pixels.shape[1] >= 2 * to[0] and pixels.shape[0] >= 2 * to[1]:
        # Halving averages all pixels, at a fraction of the cost of INTER_AREA by any factor.
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        pixels = np.asarray(cv2.resize(pixels, half, interpolation=cv2.INTER_AREA), np.uint8)
    if (pixels.shape[1], pixels.shape[0]) != to:
        pixels = np.asarray(cv2.resize(pixels, to, interpolation=cv2.INTER_LINEAR), np.uint8)
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGRA), np.uint8)
