"""The frame in the size of the screen, made on the engine thread so that painting it is a copy."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.geometry import Fit


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


def with_heat(
    picture: NDArray[np.uint8], placed: Fit, heat: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Lay a heatmap over a picture, black where nothing was found.

    Args:
        picture: (h, w, 4) uint8 BGRX, the whole image in the size of the screen.
        placed: where the image lies in the network's input.
        heat: (H, W) response 0..1 per pixel of the network's input.

    Returns:
        (h, w, 4) uint8 BGRX.
    """
    h, w = picture.shape[:2]
    corners = np.array([(0, 0), (placed.image[0], 0), (0, placed.image[1])], np.float32)
    onto = np.array([(0, 0), (w, 0), (0, h)], np.float32)
    there = cv2.getAffineTransform(placed.to_input(corners), onto)
    level = np.clip(heat * 255, 0, 255).astype(np.uint8)
    spread = cv2.warpAffine(level, there, (w, h), flags=cv2.INTER_LINEAR)
    colour = cv2.cvtColor(cv2.applyColorMap(spread, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2BGRA)
    return np.asarray(cv2.addWeighted(picture, 0.6, colour, 0.9, 0), np.uint8)
