"""How strongly the network responds to one joint, laid over a picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.geometry import Fit

_PICTURE, _COLOUR = 0.6, 0.9  # shares in the sum


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """The heatmap of one joint in one frame."""

    joint: str  # its name
    placed: Fit  # where the image lies in the network's input
    level: NDArray[np.uint8]  # (H, W) response per pixel of the network's input, 255: certain

    @classmethod
    def of(cls, joint: str, placed: Fit, response: NDArray[np.float32]) -> Heat:
        """From the (H, W) response 0..1, which may be overwritten afterwards."""
        return cls(joint, placed, np.clip(response * 255, 0, 255).astype(np.uint8))


def with_heat(
    picture: NDArray[np.uint8],
    heat: Heat,
    whole: tuple[float, float, float, float] | None = None,
    *,
    mirrored: bool = False,
) -> NDArray[np.uint8]:
    """Lay a heatmap over a picture, black where nothing was found.

    Args:
        picture: an image in any size or a part of it, (h, w, 3) uint8 RGB or (h, w, 4) uint8 BGRX.
        whole: left, top, width and height of the whole image in pixels of the picture; None: this
            is the whole.
        mirrored: whether the picture is.

    Returns:
        another of the same shape and order of colours.
    """
    h, w, channels = picture.shape
    w0, h0 = heat.placed.image
    corners = np.array([(0, 0), (w0, 0), (0, h0)], np.float32)
    x, y, wide, high = whole or (0.0, 0.0, float(w), float(h))
    left, right = (x + wide, x) if mirrored else (x, x + wide)
    onto = np.array([(left, y), (right, y), (left, y + high)], np.float32)
    there = cv2.getAffineTransform(heat.placed.to_input(corners), onto)
    spread = cv2.warpAffine(heat.level, there, (w, h), flags=cv2.INTER_LINEAR)
    order = cv2.COLOR_BGR2RGB if channels == 3 else cv2.COLOR_BGR2BGRA
    colour = cv2.cvtColor(cv2.applyColorMap(spread, cv2.COLORMAP_INFERNO), order)
    return np.asarray(cv2.addWeighted(picture, _PICTURE, colour, _COLOUR, 0), np.uint8)
