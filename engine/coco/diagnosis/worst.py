"""The images with the largest errors, to be looked at."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.coco.diagnosis.keypoints import KeypointTable, Kind
from engine.coco.diagnosis.matching import UNMATCHED, ImageMatch, matched_oks
from engine.coco.diagnosis.people import Extras


@dataclass(frozen=True, slots=True)
class WorstImage:
    """One image with what went wrong in it."""

    image: int  # id
    lost: float  # people's OKS short of 1, plus the scores of unmatched detections
    people: int  # who count
    errors: dict[str, int]  # kinds of error that occur, and how often
    drawn: tuple[int, ...]  # indices into the results: paired people, and the most certain extras
    truth: tuple[int, ...]  # indices into the annotations of those who count


def worst_images(
    matches: Sequence[ImageMatch], table: KeypointTable, extra: Extras, count: int
) -> tuple[WorstImage, ...]:
    """The images in which most is lost, the worst first."""
    kinds: dict[int, Counter[str]] = defaultdict(Counter)  # by result
    for row, kind in zip(table.row.tolist(), table.kind.tolist(), strict=True):
        if kind != Kind.GOOD:
            kinds[row][Kind(kind).name.lower()] += 1
    for name in ("duplicates", "fragments", "background"):
        for row in getattr(extra, name).tolist():
            kinds[row][name] += 1
    order = sorted(matches, key=lambda match: (-_lost(match), match.image))
    return tuple(_describe(match, kinds) for match in order[:count])


def _lost(match: ImageMatch) -> float:
    alone = match.person == UNMATCHED
    return float((1 - matched_oks(match)[~match.ignored]).sum() + match.score[alone].sum())


def _describe(match: ImageMatch, kinds: dict[int, Counter[str]]) -> WorstImage:
    errors: Counter[str] = Counter()
    counts = ~match.ignored
    unseen = int(((match.partner == UNMATCHED) & counts).sum())
    if unseen:
        errors["missed people"] = unseen
    for row in match.row.tolist():
        errors.update(kinds.get(row, Counter()))
    paired = np.array([g != UNMATCHED and counts[g] for g in match.person], np.bool_)
    alone = match.person == UNMATCHED
    # The most certain ones, and not more than there are people, or the picture drowns in lines.
    seen = paired | (alone & (alone.cumsum() <= max(int(counts.sum()), 1)))
    return WorstImage(
        image=match.image,
        lost=_lost(match),
        people=int(counts.sum()),
        errors=dict(errors.most_common()),
        drawn=tuple(match.row[seen].tolist()),
        truth=tuple(match.annotation[counts].tolist()),
    )
