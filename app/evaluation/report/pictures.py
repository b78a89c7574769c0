"""The worst images, small, with true and found people drawn over them as lines."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.coco.diagnosis.worst import WorstImage
from engine.coco.metrics import Judgement, labelled
from engine.skeleton import Skeleton
from engine.sources.coco_images import CocoImage, read_annotated

LONG_SIDE = 420  # pixels of a thumbnail
QUALITY = 80  # JPEG
DRAWN_FROM = 0.05  # joint score; below, a line says nothing


@dataclass(frozen=True, slots=True)
class Figure:
    """What the template needs of one image; numbers in its pixels."""

    width: int
    height: int
    jpeg: str  # base64
    line: str  # width of lines
    truth: str  # an SVG path
    found: str
    joints: list[tuple[str, str]]
    caption: str


def pictures(
    judgement: Judgement, worst: Sequence[WorstImage], images: Mapping[int, CocoImage]
) -> list[Figure]:
    """One figure per image; `images` by id."""
    return [_figure(judgement, one, images[one.image]) for one in worst]


def _figure(judgement: Judgement, worst: WorstImage, image: CocoImage) -> Figure:
    skeleton = judgement.truth.skeleton
    pixels = read_annotated(image)
    h, w = pixels.shape[:2]
    truth = [labelled(judgement.truth.annotations[i]) for i in worst.truth]
    found = [
        np.asarray(judgement.rows[i]["keypoints"], np.float64).reshape(-1, 3) for i in worst.drawn
    ]
    return Figure(
        w,
        h,
        base64.b64encode(thumbnail(pixels)).decode(),
        f"{max(w, h) / 200:.1f}",
        _limbs(truth, skeleton, 0),
        _limbs(found, skeleton, DRAWN_FROM),
        [(f"{x:.1f}", f"{y:.1f}") for p in found for x, y, score in p if score > DRAWN_FROM],
        _caption(worst, image.path),
    )


def _caption(worst: WorstImage, path: Path) -> str:
    errors = ", ".join(f"{count} {name}" for name, count in worst.errors.items())
    people = "1 person" if worst.people == 1 else f"{worst.people} people"
    return f"{path.name} · {people} · {errors or 'nothing named'}"


def _limbs(people: Sequence[NDArray[np.float64]], skeleton: Skeleton, threshold: float) -> str:
    lines = (
        f"M{p[a, 0]:.1f} {p[a, 1]:.1f}L{p[b, 0]:.1f} {p[b, 1]:.1f}"
        for p in people
        for a, b in skeleton.limbs
        if p[a, 2] > threshold and p[b, 2] > threshold
    )
    return "".join(lines)


def thumbnail(pixels: NDArray[np.uint8]) -> bytes:
    """A JPEG of (H, W, 3) uint8 RGB pixels, made smaller."""
    scale = LONG_SIDE / max(pixels.shape[:2])
    if scale < 1:
        h, w = (max(1, round(length * scale)) for length in pixels.shape[:2])
        pixels = np.asarray(cv2.resize(pixels, (w, h), interpolation=cv2.INTER_AREA), np.uint8)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1])
