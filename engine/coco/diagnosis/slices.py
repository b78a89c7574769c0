"""Recall by size, crowding and number of labelled keypoints.

Given as recall, because a wrong detection belongs to no slice: the mean over COCO's OKS thresholds
of the share of people found, which over all people is COCO's AR.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.coco.diagnosis.matching import ImageMatch, matched_oks
from engine.coco.metrics import Judgement

NEIGHBOUR_FROM = 0.1  # intersection over union of two boxes, as in Ronchi and Perona


@dataclass(frozen=True, slots=True)
class Slice:
    """People of one sort."""

    by: str  # size, crowding or keypoints
    name: str
    people: int
    recall: float  # AR: mean over OKS thresholds 0.5 to 0.95
    found: float  # share found at OKS 0.5
    mean_oks: float  # of all of them, 0 where not found


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    size: float  # root of the annotated area, pixels
    neighbours: int
    keypoints: int
    recall: NDArray[np.float64]  # (T,) found at each threshold
    oks: float


def slices(judgement: Judgement, matches: Sequence[ImageMatch]) -> tuple[Slice, ...]:
    """Everybody who counts, sliced in three ways; every slicing covers all people."""
    people = _people(judgement, matches)
    return (
        *_sliced(people, "size", lambda p: p.size, (32, 64, 96, 192), "px"),
        *_sliced(people, "crowding", lambda p: p.neighbours, (1, 2, 4), "neighbours"),
        *_sliced(people, "keypoints", lambda p: p.keypoints, (6, 11, 16), "labelled"),
    )


def _people(judgement: Judgement, matches: Sequence[ImageMatch]) -> list[_Person]:
    evaluation = judgement.evaluation
    verdicts = {
        verdict["image_id"]: verdict
        for verdict in evaluation.evalImgs[: len(judgement.truth.images)]
        if verdict is not None
    }
    return [person for match in matches for person in _people_of(match, verdicts[match.image])]


def _people_of(match: ImageMatch, verdict: Mapping[str, Any]) -> list[_Person]:
    column = {number - 1: i for i, number in enumerate(verdict["gtIds"])}
    oks, neighbours = matched_oks(match), _neighbours(match.box)
    return [
        _Person(
            size=float(np.sqrt(match.area[g])),
            neighbours=int(neighbours[g]),
            keypoints=int((match.truth[g, :, 2] > 0).sum()),
            recall=verdict["gtMatches"][:, column[int(match.annotation[g])]] > 0,
            oks=float(oks[g]),
        )
        for g in np.flatnonzero(~match.ignored)
    ]


def _neighbours(box: NDArray[np.float64]) -> NDArray[np.int64]:
    """(G,) other annotated boxes that overlap each box noticeably."""
    low, high = box[:, :2], box[:, :2] + box[:, 2:]
    overlap = np.minimum(high[:, None], high) - np.maximum(low[:, None], low)
    shared = overlap.clip(min=0).prod(axis=2)
    area = box[:, 2:].prod(axis=1)
    union = area[:, None] + area - shared
    near = shared > NEIGHBOUR_FROM * union
    np.fill_diagonal(near, False)
    return np.asarray(near.sum(axis=1), np.int64)


def _sliced(
    people: Sequence[_Person],
    by: str,
    value: Callable[[_Person], float],
    edges: Sequence[int],
    unit: str,
) -> list[Slice]:
    which = np.searchsorted(np.array(edges), [value(p) for p in people], side="right")
    return [
        _summary(
            by, _name(edges, i, by, unit), [p for p, w in zip(people, which, strict=True) if w == i]
        )
        for i in range(len(edges) + 1)
    ]


def _name(edges: Sequence[int], i: int, by: str, unit: str) -> str:
    if i == 0:
        return "none" if by == "crowding" else f"under {edges[0]} {unit}"
    if i == len(edges):
        return f"{edges[-1]} {unit} or more"
    low, high = edges[i - 1], edges[i]
    if by == "size":
        return f"{low} to {high} {unit}"
    if high == low + 1:
        return f"{low} {unit.removesuffix('s') if low == 1 else unit}"
    return f"{low} to {high - 1} {unit}"


def _summary(by: str, name: str, people: Sequence[_Person]) -> Slice:
    if not people:
        return Slice(by, name, 0, 0.0, 0.0, 0.0)
    recall = np.array([person.recall for person in people])
    return Slice(
        by=by,
        name=name,
        people=len(people),
        recall=float(recall.mean()),
        found=float(recall[:, 0].mean()),
        mean_oks=float(np.mean([person.oks for person in people])),
    )
