"""The kinds of marks that are drawn on a picture, in pixels of the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Colour = tuple[int, int, int]  # RGB 0..255
# (text, ground, ink, height of the text in pixels) -> (h, w, 4) uint8 RGBA
MakePlate = Callable[[str, Colour, Colour, float], NDArray[np.uint8]]

RIM: Colour = (16, 16, 20)  # under lines and discs, so that they stand out on any picture
WHITE: Colour = (255, 255, 255)


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Straight lines of one colour."""

    ends: Points  # (N, 4) x0, y0, x1, y1
    rgb: Colour
    width: float
    rim: float = 0.0  # pixels of a dark rim on each side
    opacity: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Discs:
    """The joints of one person."""

    xy: Points  # (N, 2)
    radius: NDArray[np.float64]  # (N,)
    colours: NDArray[np.uint8]  # (N, 3) RGB
    rings: NDArray[np.bool_]  # (N,)
    rim: float = 1.0  # pixels of a dark rim
    opacity: float = 1.0


@dataclass(frozen=True, slots=True)
class Plate:
    """A short text on a rounded ground."""

    text: str
    at: tuple[float, float]  # the middle of its lower edge
    ground: Colour
    ink: Colour
    size: float  # height of the text in pixels
    opacity: float = 1.0
    pinned: bool = True  # moved into the picture when its place is beyond the edge, or left out


Mark = Lines | Discs | Plate


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture with everything on it, from the bottom to the top."""

    black: bool = False  # nothing of the picture is shown
    mirrored: bool = False
    mosaics: list[tuple[float, float, float]] = field(default_factory=list)  # x, y, radius
    marks: list[Mark] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Target:
    """Where the image lies in the target, and how large a pixel of the design is there."""

    image: tuple[int, int]  # (width, height) of the frame
    scale: float = 1.0  # target pixels per pixel of the frame
    left: tuple[float, float] = (0.0, 0.0)  # of the frame's corner, target pixels
    unit: float = 1.0  # target pixels per pixel of the design
    seen: tuple[int, int] | None = None  # (width, height) of what is seen; None: all of the frame
