"""A tiny data set to try training on: drawn puppets, seven keypoints of their own, in COCO format.

Nothing but the drawing library is needed, and every label is exact. A puppet faces the viewer, so
its left hand is on the right of the picture.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engine.errors import OutputError

NAMES = ("nose", "neck", "left_wrist", "right_wrist", "hips", "left_ankle", "right_ankle")
LINKS = ((1, 2), (2, 3), (2, 4), (2, 5), (5, 6), (5, 7))  # from 1, as COCO counts
SIZE = (256, 352)  # height, width in pixels


def draw_puppets(folder: Path, images: int = 8, *, seed: int = 0) -> int:
    """Write `images/*.jpg` and `annotations.json` into a folder.

    Returns:
        how many puppets there are: one or two in an image.

    Raises:
        OutputError: the files cannot be written.
    """
    rng = np.random.default_rng(seed)
    entries: list[dict[str, Any]] = []
    people: list[dict[str, Any]] = []
    try:
        (folder / "images").mkdir(parents=True, exist_ok=True)
        for number in range(1, images + 1):
            name = f"puppets-{number:02d}.jpg"
            pixels, found = _scene(rng, 1 + number % 2)
            _, jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 95])
            (folder / "images" / name).write_bytes(jpeg.tobytes())
            size = {"width": SIZE[1], "height": SIZE[0]}
            entries.append({"id": number, "file_name": name, **size})
            people += [_annotation(len(people) + i, number, xy) for i, xy in enumerate(found, 1)]
        category = {"id": 1, "name": "puppet", "keypoints": NAMES, "skeleton": LINKS}
        content = {"categories": [category], "images": entries, "annotations": people}
        (folder / "annotations.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}") from error
    return len(people)


def _annotation(number: int, image: int, xy: NDArray[np.float64]) -> dict[str, Any]:
    margin = 8.0
    low, high = xy.min(0) - margin, xy.max(0) + margin
    w, h = high - low
    points = np.column_stack((xy, np.full(len(xy), 2))).round(2)
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "keypoints": points.ravel().tolist(),
        "num_keypoints": len(xy),
        "bbox": [round(float(v), 2) for v in (*low, w, h)],
        "area": round(float(0.6 * w * h), 2),  # what of the box a body fills
    }


def _scene(rng: Generator, puppets: int) -> tuple[NDArray[np.uint8], list[NDArray[np.float64]]]:
    """(H, W, 3) uint8 BGR, and (7, 2) pixels of each puppet's keypoints."""
    h, w = SIZE
    coarse = rng.integers(90, 200, (4, 5, 3)).astype(np.uint8)
    pixels = np.asarray(cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC), np.uint8)
    width = w / puppets
    found = []
    for place in range(puppets):
        middle = (place + 0.5) * width + rng.uniform(-8, 8)
        xy = _pose(rng, np.array([middle, h / 2 + rng.uniform(-10, 10)]), rng.uniform(58, 66))
        _draw(pixels, xy, rng.integers(0, 256, 3))
        found.append(xy)
    return pixels, found


def _pose(rng: Generator, middle: NDArray[np.float64], unit: float) -> NDArray[np.float64]:
    """(7, 2) pixels; `unit` is the length of the trunk, and the hips are below the middle."""

    def away(degrees: float, length: float) -> NDArray[np.float64]:
        turn = np.deg2rad(degrees)
        return unit * length * np.array([np.sin(turn), np.cos(turn)])

    lean = rng.uniform(-8, 8)
    hips = middle + np.array([0.0, 0.3 * unit])
    neck = hips + away(180 + lean, 1)
    return np.stack(
        (
            neck + away(180 + lean, 0.5),
            neck,
            neck + away(rng.uniform(20, 130), 0.9),
            neck + away(-rng.uniform(20, 130), 0.9),
            hips,
            hips + away(rng.uniform(8, 40), 1.1),
            hips + away(-rng.uniform(8, 40), 1.1),
        )
    )


def _draw(pixels: NDArray[np.uint8], xy: NDArray[np.float64], shirt: NDArray[np.int64]) -> None:
    sixteenths = 4  # bits of a coordinate below the pixel
    # OpenCV puts integers at pixel centres.
    points = [tuple(int(v) for v in p) for p in np.rint((xy - 0.5) * 2**sixteenths).astype(int)]
    nose, neck, *hands, hips, left, right = points
    dark = (40, 40, 40)
    cloth = tuple(int(v) for v in shirt)
    for a, b, colour, thickness in (
        *((hips, foot, dark, 10) for foot in (left, right)),
        *((neck, hand, cloth, 8) for hand in hands),
        (neck, hips, cloth, 20),
    ):
        cv2.line(pixels, a, b, colour, thickness, cv2.LINE_AA, sixteenths)
    radius = int(np.linalg.norm(xy[0] - xy[1]) * 0.6 * 2**sixteenths)
    for centre, size, colour in (
        (nose, radius, (150, 190, 230)),
        (nose, 5 << sixteenths, (60, 60, 220)),
        *((hand, 7 << sixteenths, (150, 190, 230)) for hand in hands),
        *((foot, 8 << sixteenths, (30, 60, 110)) for foot in (left, right)),
    ):
        cv2.circle(pixels, centre, size, colour, -1, cv2.LINE_AA, sixteenths)
