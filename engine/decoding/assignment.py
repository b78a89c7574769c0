"""The Munkres procedure whose choices among equal costs the reference's results depend on.

Grouping costs are 100 * integer - score, so many assignments cost exactly the same, and the people
found depend on which of them is taken. `scipy.optimize.linear_sum_assignment` takes others. This
follows the order in which the munkres 1.1 package stars, primes and searches zeros.
Method: Munkres, "Algorithms for the Assignment and Transportation Problems", 1957.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def assign(cost: NDArray[np.float64]) -> NDArray[np.intp]:
    """The cheapest column for every row.

    Args:
        cost: (rows, columns) with rows <= columns; not changed.

    Returns:
        (rows,) column of each row, all different.
    """
    rows, columns = cost.shape
    first = cost.argmin(axis=1)
    if len(set(first.tolist())) == rows:  # the first zero of every row is free: all get a star
        return np.asarray(first, np.intp)
    reduced = np.zeros((columns, columns))
    reduced[:rows] = cost - cost.min(axis=1, keepdims=True)
    star = _first_stars(reduced == 0)
    while (star < 0).any():
        _augment(star, *_prime(reduced, star))
    return star[:rows]


def _first_stars(zero: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Rows from the top take their first zero in a column not taken yet."""
    star = np.full(len(zero), -1)
    free = np.ones(len(zero), bool)
    for row in range(len(zero)):
        choices = zero[row] & free
        column = int(choices.argmax())
        if choices[column]:
            star[row] = column
            free[column] = False
    return star


def _prime(reduced: NDArray[np.float64], star: NDArray[np.intp]) -> tuple[NDArray[np.intp], int]:
    """Prime uncovered zeros until one lies in a row without a star.

    Changes `reduced`, as the procedure does. Returns the primed column of each row and that row.
    """
    n = len(reduced)
    prime = np.full(n, -1)
    row_covered = np.zeros(n, bool)
    column_covered = np.zeros(n, bool)
    column_covered[star[star >= 0]] = True
    zero = (reduced == 0) & ~column_covered
    row, column = 0, 0
    while True:
        found = _next_zero(zero, row, column)
        if found is None:
            _make_zeros(reduced, row_covered, column_covered)
            zero = (reduced == 0) & ~column_covered & ~row_covered[:, None]
            row, column = 0, 0
            continue
        row, column = found
        prime[row] = column
        starred = star[row]
        if starred < 0:
            return prime, row
        row_covered[row] = True
        column_covered[starred] = False
        zero[row] = False
        zero[:, starred] = (reduced[:, starred] == 0) & ~row_covered
        column = int(starred)


def _next_zero(zero: NDArray[np.bool_], row: int, column: int) -> tuple[int, int] | None:
    """The first row, from `row` on and around, with an uncovered zero; its last one in the
    column order column, …, n - 1, 0, …, column - 1."""
    holders: NDArray[np.bool_] = np.any(zero, axis=1)
    ahead = row + int(holders[row:].argmax())
    row = ahead if holders[ahead] else int(holders.argmax())
    if not holders[row]:
        return None
    columns = np.flatnonzero(zero[row])
    before = columns[columns < column]
    return row, int((before if len(before) else columns)[-1])


def _make_zeros(
    reduced: NDArray[np.float64], row_covered: NDArray[np.bool_], column_covered: NDArray[np.bool_]
) -> None:
    """Shift costs so that a new uncovered zero appears and all covered ones keep their order."""
    smallest = reduced[np.ix_(~row_covered, ~column_covered)].min()
    # Both steps on cells in a covered row and uncovered column: the rounding is part of the ties.
    reduced[row_covered] += smallest
    reduced[:, ~column_covered] -= smallest


def _augment(star: NDArray[np.intp], prime: NDArray[np.intp], row: int) -> None:
    """Swap stars and primes along the path that begins at the last prime."""
    while True:
        column = prime[row]
        holders = np.flatnonzero(star == column)
        star[row] = column
        if not len(holders):
            return
        row = int(holders[0])
