"""A small COCO data set for tests of training and packing: JPEGs, a crowd, a picture of nobody."""

import json

import cv2
import numpy as np

NAMES = ["left_eye", "right_eye", "tail"]


def write_photos(folder, count=5, size=(96, 128)):
    """Noisy JPEGs with one person each, and a picture of nobody."""
    rng = np.random.default_rng(3)
    images, annotations = [], []
    for number in range(count):
        pixels = cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), size[::-1])
        cv2.imwrite(str(folder / f"{number}.jpg"), pixels)
        h, w = size
        images.append({"id": number, "file_name": f"{number}.jpg", "width": w, "height": h})
        if number == count - 1:
            continue
        points = np.column_stack((rng.integers(20, 80, (3, 2)), [2, 1, 0])).ravel().tolist()
        person = {"bbox": [10, 10, 80, 70], "area": 5000.0, "iscrowd": 0, "keypoints": points}
        annotations.append({"id": number, "image_id": number, "category_id": 1, **person})
    annotations.append(
        {
            "id": 99,
            "image_id": 0,
            "category_id": 1,
            "iscrowd": 1,
            "bbox": [0, 0, 40, 20],
            "area": 800,
            "segmentation": {"size": [96, 128], "counts": [0, 20, 76, 20, 12172]},
        }
    )
    file = folder / "people.json"
    categories = [{"id": 1, "name": "person", "keypoints": NAMES, "skeleton": [[1, 3], [2, 3]]}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(content))
    return file
