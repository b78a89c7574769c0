"""Which ids of a tracker are of one person, where a file is not played from start to end.

A tracker begins anew wherever the file was moved to. What it then finds is compared with the
people of frames that were tracked before, so that each person keeps one number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from engine.tracking.oks import similarity
from engine.types import UNTRACKED, Poses


class Numbers:
    """The number of every id, of one source: 0, 1, 2 and so on as people are first met."""

    def __init__(self) -> None:
        self._number: dict[int, int] = {}  # id of the tracker -> number of the person
        self._ids: dict[int, set[int]] = {}  # number -> all its ids
        self._beside: dict[int, set[int]] = {}  # id -> ids that were in a frame with it
        self._next = 0

    def meet(self, poses: Poses) -> frozenset[int]:
        """Take in the ids of a frame; returns those that have no number yet."""
        ids = frozenset(poses.ids.tolist()) - {UNTRACKED}
        for one in ids:
            self._beside.setdefault(one, set()).update(ids - {one})
        return ids - self._number.keys()

    def of(self, one: int) -> int:
        """The number of an id that has one."""
        return self._number[one]

    def join(self, kept: int, other: int) -> int | None:
        """Give the person of id `other` the number of `kept`, which has one.

        Returns:
            the number that is no longer used, if there is one. Nothing changes where both are one
            person already, or were in a frame together.
        """
        number, before = self._number[kept], self._number.get(other)
        moved = {other} if before is None else self._ids[before]
        together = any(self._beside[one] & self._ids[number] for one in moved)
        if number == before or together:
            return None
        self._ids[number] |= moved
        self._number.update(dict.fromkeys(moved, number))
        if before is not None:
            del self._ids[before]
        return before

    def give(self, ids: Iterable[int]) -> None:
        """Give numbers of their own to those that have none yet."""
        for one in sorted(set(ids) - self._number.keys()):
            self._number[one], self._ids[self._next] = self._next, {one}
            self._next += 1

    def same(self, here: Poses, there: Poses) -> bool:
        """Whether two frames have the same numbered people, so that none could be joined.

        Each of them is in either frame together with all the others.
        """
        a, b = ({self._number.get(one) for one in poses.ids.tolist()} for poses in (here, there))
        return a == b

    def numbered(self, poses: Poses) -> Poses:
        """The same people with their numbers in place of ids."""
        ids = poses.ids.tolist()
        numbers = [self._number.get(one, UNTRACKED) for one in ids]
        if numbers == ids:
            return poses
        return replace(poses, ids=np.array(numbers, poses.ids.dtype))


def pairs(
    here: Poses, there: Poses, sigmas: Sequence[float], least: float
) -> Iterator[tuple[int, int]]:
    """Ids of people who are alike in two frames, or in two views of one frame.

    Args:
        here, there: with ids; people without are left out.
        sigmas: as in `engine.tracking.oks.similarity`.
        least: OKS from which on two people may be one.
    """
    rows, columns = np.flatnonzero(here.ids != UNTRACKED), np.flatnonzero(there.ids != UNTRACKED)
    if not len(rows) or not len(columns):
        return
    alike = similarity(here.raw_xy[rows], there.raw_xy[columns], sigmas)
    for row, column in zip(*linear_sum_assignment(alike, maximize=True), strict=True):
        if alike[row, column] >= max(least, 1e-6):
            yield int(here.ids[rows[row]]), int(there.ids[columns[column]])
