"""An annotation of a picture that is made smaller: keypoints, box, area and outline with it.

A crowd's outline is a mask in COCO's run-length code: the lengths of runs of 0 and 1 in turn, down
the columns, as a list or as a string of 6-bit digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from engine.coco.files import Entry
from engine.errors import DataError
from engine.reading.fields import Count, Pixels, Side
from engine.reading.typed import Model, typed
from engine.sources.pictures import MOST_PIXELS


class _Runs(Model):
    size: tuple[Annotated[Side, Field(gt=0)], Annotated[Side, Field(gt=0)]]  # height, width
    counts: list[Count] | str


_OUTLINE = TypeAdapter[_Runs | list[list[Pixels]]](_Runs | list[list[Pixels]])


def scaled(annotation: Entry, x: float, y: float, place: str = "annotation") -> dict[str, Any]:
    """The annotation of a picture x times as wide and y times as high; other fields stay.

    Raises:
        DataError: its outline is none; the message begins with `place`.
    """
    out = dict(annotation)
    if points := annotation.get("keypoints"):
        out["keypoints"] = [_round(v * (x, y, 1)[i % 3]) for i, v in enumerate(points)]
    if box := annotation.get("bbox"):
        out["bbox"] = _times(box, x, y)
    if isinstance(annotation.get("area"), int | float):
        out["area"] = _round(annotation["area"] * x * y)
    if given := annotation.get("segmentation"):
        outline = typed(given, _OUTLINE, f"{place}: segmentation")
        if isinstance(outline, list):
            out["segmentation"] = [_times(polygon, x, y) for polygon in outline]
        else:
            out["segmentation"] = _resized(outline, x, y, place)
    return out


def _times(values: list[float], x: float, y: float) -> list[float]:
    return [_round(v * (x, y)[i % 2]) for i, v in enumerate(values)]


def _round(value: float) -> float:
    return round(value, 2)


def _resized(outline: _Runs, x: float, y: float, place: str) -> dict[str, Any]:
    (h, w), counts = outline.size, outline.counts
    try:
        mask = mask_of(_digits(counts) if isinstance(counts, str) else counts, h, w)
    except ValueError as error:
        raise DataError(f"{place}: segmentation: {error}") from error
    size = (max(1, round(w * x)), max(1, round(h * y)))
    smaller = cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST)
    return {"size": [size[1], size[0]], "counts": run_lengths(np.asarray(smaller, np.uint8))}


def mask_of(counts: Sequence[int], height: int, width: int) -> NDArray[np.uint8]:
    """(height, width) uint8 of 0 and 1 from run lengths; a code that is too short ends in 0.

    Raises:
        ValueError: the mask would be larger than any picture, or a run is negative.
    """
    total = height * width
    if not 0 < total <= MOST_PIXELS:
        raise ValueError(f"a mask of {width}x{height} pixels")
    if any(count < 0 for count in counts):
        raise ValueError("a negative run length")
    mask = np.zeros(total, np.uint8)
    at = 0
    for run, count in enumerate(counts):
        if run % 2:
            mask[at : at + min(count, total)] = 1
        at = min(at + count, total)
    return np.ascontiguousarray(mask.reshape(width, height).T)


def run_lengths(mask: NDArray[np.uint8]) -> list[int]:
    """Run lengths of an (H, W) mask of 0 and 1, beginning with the zeros."""
    cells = np.concatenate(([0], mask.T.ravel(), [2]))
    changes = np.flatnonzero(np.diff(cells.astype(np.int64)))
    counts: list[int] = np.diff(np.concatenate(([0], changes))).tolist()
    return counts


def _digits(text: str) -> list[int]:
    """Run lengths from their string: 5 bits a character, lowest first, the sixth: "goes on".

    From the fourth number on it is the difference to the last but one.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        digit = ord(character) - 48
        if not 0 <= digit < 64 or shift > 60:
            raise ValueError(f"run lengths cannot hold {character!r} here")
        value |= (digit & 31) << shift
        shift += 5
        if digit & 32:
            continue
        if digit & 16:  # the highest bit is the sign
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts
