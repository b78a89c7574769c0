"""False positives and misses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.coco.diagnosis.matching import LENIENT, UNMATCHED, ImageMatch

DUPLICATE_FROM = 0.5  # OKS with a person who was already found by a more certain one


@dataclass(frozen=True, slots=True, eq=False)
class Extras:
    """Found people without a partner, as indices into the results."""

    duplicates: NDArray[np.int64]  # of a person matched already
    fragments: NDArray[np.int64]  # like (OKS 0.1 to 0.5) a person matched already
    background: NDArray[np.int64]  # like no annotated person


def extras(matches: Sequence[ImageMatch]) -> Extras:
    """Sort the unmatched detections by the annotated person they are most like."""
    rows, likeness = [np.zeros(0, np.int64)], [np.zeros(0)]
    for match in matches:
        alone = match.person == UNMATCHED
        judged = match.oks[:, ~match.ignored]
        rows.append(match.row[alone])
        likeness.append(judged.max(axis=1, initial=0.0)[alone])
    row, like = np.concatenate(rows), np.concatenate(likeness)
    return Extras(
        duplicates=row[like >= DUPLICATE_FROM],
        fragments=row[(like >= LENIENT) & (like < DUPLICATE_FROM)],
        background=row[like < LENIENT],
    )


def missed(matches: Sequence[ImageMatch]) -> NDArray[np.int64]:
    """People who count and were not found, as indices into the annotations."""
    parts = [np.zeros(0, np.int64)]
    parts += [m.annotation[(m.partner == UNMATCHED) & ~m.ignored] for m in matches]
    return np.concatenate(parts)
