"""One picture as the network will see it: a random view, mirrored or not, in random light.

A view is an affine map; pixels and joints go through the same matrix, so they cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Affine = NDArray[np.float64]  # (2, 3): picture pixels -> view pixels, pixel (0, 0) covers [0, 1)^2


@dataclass(frozen=True, slots=True)
class Views:
    """Which views of a picture to draw."""

    scene: float = 1.0  # share of views that frame the whole scene; the others frame one person
    scene_zoom: tuple[float, float] = (0.75, 1.5)  # 1: the scene's shorter side is `short_side`
    short_side: int | None = None  # pixels; None: of the view, so that the scene just fits
    person_zoom: tuple[float, float] = (0.6, 1.1)  # 1: the person's box just fits
    rotation: float = 30.0  # largest angle, degrees; four views in ten stay upright
    spoil: float = 1.0  # how many of the usual blurs, noises and hidden rectangles
    enlarge: float = 3.0  # at most so many view pixels for one picture pixel
    paste: float = 0.0  # share of views into which one or two people of other pictures are pasted


def scene_view(
    rng: Generator,
    views: Views,
    picture: tuple[int, int],
    view: tuple[int, int],
    box: NDArray[np.float32],
) -> Affine:
    """Frame a scene, or a window of it near a person where the view is smaller than the scene.

    Args:
        rng: the source of chance.
        views: what to choose from.
        picture: height and width.
        view: height and width.
        box: x, y, width, height of the person the window should show, picture pixels.
    """
    size, window = np.array(picture[::-1]), np.array(view[::-1])
    scale = (views.short_side or window.min()) / size.min() * log_uniform(rng, views.scene_zoom)
    scale = min(float(scale), views.enlarge)
    chance = rng.uniform(-1, 1, 2)
    half = window / scale / 2
    near = np.clip(box[:2] + box[2:] / 2 + 0.7 * chance * half, half, np.maximum(half, size - half))
    larger = size * scale > window
    centre = np.where(larger, near, size / 2)
    shift = np.where(larger, 0, chance * (window - size * scale) / 2)
    return _affine(rng, views, centre, scale, shift, view)


def person_view(
    rng: Generator, views: Views, box: NDArray[np.float32], view: tuple[int, int]
) -> Affine:
    """Frame one person, given as x, y, width, height; the view's size is height, width."""
    height, width = view
    zoom = log_uniform(rng, views.person_zoom)
    scale = min(width / box[2], height / box[3]) * zoom
    free = np.maximum((width, height) - box[2:] * scale, 0) / 2 + 0.08 * np.array(view[::-1])
    shift = rng.uniform(-1, 1, 2) * free
    return _affine(rng, views, box[:2] + box[2:] / 2, scale, shift, view)


def similar(
    scale: float, angle: float, centre: NDArray[np.floating], target: NDArray[np.floating]
) -> Affine:
    """Enlarge by `scale` and turn by `angle`, radians, so that `centre` comes to `target`."""
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.column_stack((linear, target - linear @ centre))


def mirrored(affine: Affine, width: int) -> Affine:
    """The same view seen in a mirror; `width` is the view's, pixels."""
    flip = np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0]])
    return flip[:, :2] @ affine + [[0, 0, width], [0, 0, 0]]


def warp(pixels: NDArray[np.uint8], affine: Affine, view: tuple[int, int]) -> NDArray[np.uint8]:
    """Resample (H, W, 3) pixels into a view of (height, width); black where the picture ends."""
    # OpenCV puts integers at pixel centres: the corner convention moves by half a pixel both sides.
    centred = affine.copy()
    centred[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    out = cv2.warpAffine(pixels, centred, view[::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(out, np.uint8)


def move(points: NDArray[np.float32], affine: Affine) -> NDArray[np.float32]:
    """Map (..., 2) picture pixels to view pixels."""
    return (points @ affine[:, :2].T + affine[:, 2]).astype(np.float32)


def corners(boxes: NDArray[np.float32], affine: Affine) -> NDArray[np.float32]:
    """(Q, 4, 2) view pixels, in order around each of the (Q, 4) boxes x, y, width, height."""
    x, y, w, h = boxes.T
    around = np.stack((x, y, x + w, y, x + w, y + h, x, y + h), axis=1).reshape(-1, 4, 2)
    return move(around, affine)


def relight(rng: Generator, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Change brightness, contrast, gamma, colour balance and saturation of (H, W, 3) pixels."""
    level = np.arange(256, dtype=np.float32)[:, None] / 255
    gamma = np.exp(rng.normal(0, 0.15))
    contrast = np.exp(rng.normal(0, 0.05, 3) + rng.normal(0, 0.15))
    shift = rng.normal(0, 0.05) + rng.normal(0, 0.02, 3)
    curve = ((level**gamma - 0.5) * contrast + 0.5 + shift) * 255
    table = np.clip(curve, 0, 255).astype(np.uint8)[None]
    lit = cv2.LUT(pixels, table)
    if rng.random() < 0.3:
        grey = cv2.cvtColor(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        amount = rng.uniform(0, 1)
        lit = cv2.addWeighted(lit, 1 - amount, grey, amount, 0)
    return np.asarray(lit, np.uint8)


def degrade(rng: Generator, pixels: NDArray[np.uint8], usual: float = 1.0) -> NDArray[np.uint8]:
    """Sometimes blur, add noise or hide a rectangle of (H, W, 3) pixels; may write to them.

    `usual` scales how often: 0 is never.
    """
    kind = rng.random() / max(usual, 1e-9)
    if kind < 0.12:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 1.5)), np.uint8)
    elif kind < 0.2:
        noise = rng.normal(0, rng.uniform(3, 15), pixels.shape).astype(np.int16)
        pixels = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.25 * usual:
        h, w = pixels.shape[:2]
        y, x = int(rng.integers(h)), int(rng.integers(w))
        size = int(min(h, w) * rng.uniform(0.08, 0.25))
        pixels[max(0, y - size // 2) : y + size // 2, max(0, x - size // 2) : x + size // 2] = (
            rng.integers(0, 256, 3)
        )
    return pixels


def _affine(
    rng: Generator,
    views: Views,
    centre: NDArray[np.floating],
    scale: float,
    shift: NDArray[np.floating],
    view: tuple[int, int],
) -> Affine:
    upright = rng.random() < 0.4
    turn = np.deg2rad(rng.uniform(-views.rotation, views.rotation))
    scale = min(float(scale), views.enlarge)
    return similar(scale, 0.0 if upright else turn, centre, np.array(view[::-1]) / 2 + shift)


def log_uniform(rng: Generator, bounds: tuple[float, float]) -> float:
    """A number between two bounds, as likely to be twice as half of their middle."""
    return float(np.exp(rng.uniform(*np.log(bounds))))
