"""Backgrounds of rendered people: parts of photographs without people, or painted rooms.

Pictures are (H, W, 3) uint8 RGB. Photographs are for training data only; the demo clip paints all.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
MARGIN = 0.15  # of a person's box, kept away from its sides as well
ENOUGH = 0.35  # least share of a photograph's side that a person-free part may have

PHOTOGRAPHS_TRIED = 12

_Part = tuple[int, int, int, int]  # left, top, right, bottom, pixels


class Photographs:
    """Photographs with COCO annotations, from which the people are cut away or blurred."""

    def __init__(self, images: Path, annotations: Path) -> None:
        content: dict[str, Any] = json.loads(annotations.read_text())
        self._images = images
        self._photos = content["images"]
        self._boxes: dict[int, list[list[float]]] = {photo["id"]: [] for photo in self._photos}
        for annotation in content["annotations"]:
            self._boxes[annotation["image_id"]].append(annotation["bbox"])

    def picture(self, rng: Generator, width: int, height: int) -> Picture:
        """A person-free picture of the size asked for, from a photograph drawn at random."""
        photo, boxes, part = self._choice(rng, width / height)
        pixels = _photograph(self._images / photo["file_name"])
        if part is None:
            pixels = _blurred(pixels, boxes)
            part = _fitting_part(rng, pixels.shape[1], pixels.shape[0], width / height)
        left, top, right, bottom = part
        if rng.random() < 0.5:
            pixels = pixels[:, ::-1]
            left, right = pixels.shape[1] - right, pixels.shape[1] - left
        return cv2.resize(pixels[top:bottom, left:right], (width, height)).astype(np.uint8)

    def _choice(
        self, rng: Generator, aspect: float
    ) -> tuple[dict[str, Any], list[_Part], _Part | None]:
        """A photograph, its people's boxes and, if one is found, a part without people."""
        for _ in range(PHOTOGRAPHS_TRIED):
            photo = self._photos[int(rng.integers(len(self._photos)))]
            w, h = photo["width"], photo["height"]
            boxes = [_grown(box, w, h) for box in self._boxes[photo["id"]]]
            part = _free_part(rng, boxes, w, h, aspect)
            if part is not None:
                break
        return photo, boxes, part


def _photograph(path: Path) -> Picture:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if pixels is None:
        raise FileNotFoundError(f"no readable photograph at {path}")
    return np.ascontiguousarray(pixels[..., ::-1]).astype(np.uint8)


def painted(rng: Generator, width: int, height: int) -> Picture:
    """A made-up place: wall and floor or sky and ground, with furniture-like blocks and texture."""
    horizon = rng.uniform(0.35, 0.8)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    upper = _gradient(rng, rows / horizon)
    lower = _gradient(rng, (rows - horizon) / (1 - horizon))
    canvas = np.where(rows < horizon, upper, lower) * np.ones((1, width, 1), np.float32)
    for _ in range(int(rng.integers(0, 9))):
        _add_block(canvas, rng, horizon)
    grain = sum(_noise(rng, height, width, cell) for cell in (4, 16, 64))
    canvas *= 1 + rng.uniform(0.01, 0.06) * np.asarray(grain)[..., None]
    return np.asarray(np.clip(canvas, 0, 1) * 255, dtype=np.uint8)


def _gradient(rng: Generator, along: NDArray[np.float32]) -> NDArray[np.float32]:
    first, second = rng.uniform(0.1, 0.95, (2, 3)) * 0.3 + rng.uniform(0.1, 0.95) * 0.7
    share = np.clip(along, 0, 1)
    return np.asarray(first * (1 - share) + second * share, dtype=np.float32)


def _add_block(canvas: NDArray[np.float32], rng: Generator, horizon: float) -> None:
    height, width = canvas.shape[:2]
    w, h = int(rng.uniform(0.05, 0.4) * width), int(rng.uniform(0.05, 0.5) * height)
    left = int(rng.integers(-w // 2, width - w // 2))
    foot = int(np.clip(horizon + rng.normal(0, 0.15), 0.05, 1.2) * height)
    colour = rng.uniform(0.05, 0.95, 3) * 0.6 + rng.uniform(0.05, 0.95) * 0.4
    block = canvas[max(foot - h, 0) : max(foot, 0), max(left, 0) : max(left + w, 0)]
    shade = np.linspace(1, rng.uniform(0.6, 1), max(block.shape[1], 1), dtype=np.float32)
    block[...] = (colour * shade[None, : block.shape[1], None]).astype(np.float32)
    if rng.random() < 0.4 and block.size:
        pitch = int(rng.integers(4, 24))
        block[::pitch] *= 0.7
        block[:, ::pitch] *= 0.8


def _noise(rng: Generator, height: int, width: int, cell: int) -> NDArray[np.float32]:
    small = rng.normal(0, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _grown(box: list[float], width: int, height: int) -> _Part:
    x, y, w, h = box
    dx, dy = MARGIN * w + 4, MARGIN * h + 4
    left, top = max(int(x - dx), 0), max(int(y - dy), 0)
    return left, top, min(int(x + w + dx), width), min(int(y + h + dy), height)


def _free_part(
    rng: Generator, boxes: list[_Part], width: int, height: int, aspect: float
) -> _Part | None:
    """A part of the given aspect that touches no box, drawn at random; None if none is found."""
    for _ in range(12):
        side = rng.uniform(ENOUGH, 1.0) * min(width, height * aspect)
        w, h = int(side), int(side / aspect)
        left = int(rng.integers(0, max(width - w, 0) + 1))
        top = int(rng.integers(0, max(height - h, 0) + 1))
        apart = (left + w <= b[0] or b[2] <= left or top + h <= b[1] or b[3] <= top for b in boxes)
        if all(apart):
            return left, top, left + w, top + h
    return None


def _fitting_part(rng: Generator, width: int, height: int, aspect: float) -> _Part:
    w = int(min(width, height * aspect))
    h = int(w / aspect)
    left, top = int(rng.integers(0, width - w + 1)), int(rng.integers(0, max(height - h, 0) + 1))
    return left, top, left + w, top + h


def _blurred(pixels: Picture, boxes: list[_Part]) -> Picture:
    """The picture with everything in the boxes blurred beyond recognition."""
    result = pixels.copy()
    for left, top, right, bottom in boxes:
        inside = result[top:bottom, left:right]
        if inside.size:
            coarse = cv2.resize(inside, (3, 3), interpolation=cv2.INTER_AREA)
            inside[...] = cv2.resize(coarse, inside.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return result
