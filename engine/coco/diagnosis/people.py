"""People found who are nobody, and people nobody found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.coco.diagnosis.matching import LENIENT, NOBODY, ImageMatch

DUPLICATE_FROM = 0.5  # OKS with a person who was already found by a more certain one


@dataclass(frozen=True, slots=True, eq=False)
class Extras:
    """Found people without a partner, as indices into the results."""

    duplicates: NDArray[np.int64]  # somebody who was found already
    fragments: NDArray[np.int64]  # bears some likeness (OKS 0.1 to 0.5) to somebody found already
    background: NDArray[np.int64]  # like nobody


def extras(matches: Sequence[ImageMatch]) -> Extras:
    """Sort the found people who are paired with nobody by what they are most like."""
    rows, likeness = [np.zeros(0, np.int64)], [np.zeros(0)]
    for match in matches:
        alone = match.person == NOBODY
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
    parts += [m.annotation[(m.partner == NOBODY) & ~m.ignored] for m in matches]
    return np.concatenate(parts)
