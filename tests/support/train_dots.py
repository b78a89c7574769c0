"""A tiny network, and a data set of coloured dots, for tests of training."""

import json
from dataclasses import replace

import cv2
import numpy as np

from engine.training.annotations import load_annotations
from tests.support.tiny_checkpoint import TINY

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255]])
NAMES = ["left_eye", "right_eye", "tail"]


def sizes(keypoints, tag_slope=(0.0, 0.0)):
    return replace(TINY, keypoints=keypoints, tag_slope=tag_slope)


def write_data(folder, pictures=2, size=(120, 160)):
    """Pictures with three coloured dots each, as a COCO folder."""
    rng = np.random.default_rng(5)
    images, annotations = [], []
    for number in range(pictures):
        canvas = np.zeros((*size, 3), np.uint8)
        spots = np.array([[40, 40], [110, 45], [75, 95]]) + rng.integers(-8, 8, (3, 2))
        for (x, y), colour in zip(spots.tolist(), COLOURS, strict=True):
            cv2.circle(canvas, (x, y), 6, colour[::-1].tolist(), -1)
        cv2.imwrite(str(folder / f"{number}.png"), canvas)
        images.append({"id": number, "file_name": f"{number}.png"})
        points = np.column_stack((spots + 0.5, [2, 2, 2])).ravel().tolist()
        box = [30, 30, 90, 75]
        annotations.append({"id": number, "image_id": number, "bbox": box, "keypoints": points})
    file = folder / "dots.json"
    categories = [{"id": 1, "name": "dots", "keypoints": NAMES}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(content))
    return load_annotations(file, folder)


def centre_of(pixels, colour):
    """Middle of the dot of a colour in (H, W, 3) pixels, in pixel coordinates, and its area."""
    near = (np.abs(pixels.astype(int) - colour) < 100).all(2)
    rows, columns = np.nonzero(near)
    return np.array([columns.mean() + 0.5, rows.mean() + 0.5]), len(rows)
