"""Write tests/golden/warps.json: checksums of seeded pictures warped with the reference's matrices.

python -m tests.measure.golden_warps
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import cv2
import numpy as np

from tests.support.golden import GOLDEN, golden_json

SHAPES = {(640, 480), (640, 427), (480, 640), (1280, 720), (333, 500)}


def picture(width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A picture of seeded noise, (height, width, 3)."""
    return np.random.RandomState(width + height).randint(0, 256, (height, width, 3), np.uint8)


def warps() -> list[dict[str, Any]]:
    """One row for each shape, input size and scale: the matrix is the reference's own."""
    rows = []
    for case in golden_json("preprocess_sizes.json"):
        size = (case["w"], case["h"])
        if size not in SHAPES:
            continue
        # The recorded matrix leads to scale 1; those of other scales are measured with photographs.
        matrix = np.array(case["M"], np.float64).reshape(2, 3)
        warped = cv2.warpAffine(picture(*size), matrix, tuple(case["base"]))
        kept = {name: case[name] for name in ("w", "h", "input", "scales")}
        rows.append({**kept, "crc": zlib.crc32(warped.tobytes())})
    return rows


if __name__ == "__main__":
    lines = ",\n".join(json.dumps(row) for row in warps())
    (GOLDEN / "warps.json").write_text(f"[\n{lines}\n]\n")
