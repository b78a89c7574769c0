"""What people wear, as far as it tells them apart: the mean colour along each limb.

Left and right count as one, since they are often taken for each other.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.skeleton import Skeleton
from engine.tracking.compiled import compiled_loops

# Parts of the way along a limb: its ends lie on joints, where the next piece of clothing begins.
_ALONG = np.linspace(0.2, 0.8, 5)


class _Samples(NamedTuple):
    """The S points looked at, and which of the L kinds of limb each belongs to."""

    start: NDArray[np.intp]  # (S,) keypoint
    end: NDArray[np.intp]  # (S,) keypoint
    kind: NDArray[np.intp]  # (S,) which limb
    along: NDArray[np.float64]  # (S,) part of the way
    member: NDArray[np.float64]  # (L, S) 1 where the point belongs to the limb


def appearance(
    pixels: NDArray[np.uint8], xy: NDArray[np.floating], skeleton: Skeleton
) -> NDArray[np.float32]:
    """How people look.

    Args:
        pixels: (H, W, 3) RGB.
        xy: (P, K, 2) image pixels, NaN where absent.
        skeleton: its limbs are looked along.

    Returns:
        (P, L, 3) mean red, green and blue along each limb, 0..1; NaN where it is not in the
        picture. Limbs that mirror each other are one.
    """
    samples = _samples(skeleton)
    loops = compiled_loops()
    if loops:
        return loops.colours(pixels, xy, samples[:4], len(samples.member))
    return _appearance(pixels, xy, samples)


def _appearance(
    pixels: NDArray[np.uint8], xy: NDArray[np.floating], samples: _Samples
) -> NDArray[np.float32]:
    """What `appearance` computes."""
    start, end, _, along, member = samples
    along = along[:, None]
    points = xy[:, start] * (1 - along) + xy[:, end] * along  # (P, S, 2)
    x, y = np.moveaxis(np.nan_to_num(points, nan=-1).round().astype(np.intp), 2, 0)
    height, width = pixels.shape[:2]
    inside = (x >= 0) & (y >= 0) & (x < width) & (y < height)
    colour = (pixels[y * inside, x * inside] * inside[..., None]).astype(np.float64)
    count = inside @ member.T  # (P, L)
    # Sums of whole numbers are exact, in whatever order they are added.
    mean = member @ colour / (255 * np.where(count > 0, count, np.nan)[..., None])
    return np.asarray(mean, np.float32)


def unlikeness(a: NDArray[np.floating], b: NDArray[np.floating]) -> NDArray[np.float64]:
    """How far apart the colours of every pair are.

    Args:
        a: (P, L, 3) as `appearance` gives them.
        b: (N, L, 3) likewise.

    Returns:
        (P, N) the mean distance over the limbs seen of both, 0..√3; NaN where there are none.
    """
    apart = np.sqrt(((a[:, None].astype(np.float64) - b[None]) ** 2).sum(axis=3))
    common = ~np.isnan(apart)
    total: NDArray[np.float64] = np.where(common, apart, 0.0).sum(axis=2)
    return total / np.where(common.any(axis=2), common.sum(axis=2), np.nan)


def unseen(people: int, skeleton: Skeleton) -> NDArray[np.float32]:
    """The appearance of people whose picture was not looked at: (people, L, 3) NaN."""
    return np.full((people, _samples(skeleton).member.shape[0], 3), np.nan, np.float32)


@lru_cache(maxsize=8)
def _samples(skeleton: Skeleton) -> _Samples:
    kinds: dict[frozenset[tuple[int, int]], int] = {}
    limbs = np.array(skeleton.limbs, np.intp).reshape(-1, 2)
    which = []
    for a, b in limbs.tolist():
        mirrored = sorted((skeleton.mirror[a], skeleton.mirror[b]))
        kind = frozenset({(min(a, b), max(a, b)), (mirrored[0], mirrored[1])})
        which.append(kinds.setdefault(kind, len(kinds)))
    rows = np.repeat(np.arange(len(limbs)), len(_ALONG))
    kind_of = np.array(which, np.intp)[rows]
    along, member = np.tile(_ALONG, len(limbs)), np.eye(len(kinds))[:, kind_of]
    return _Samples(limbs[rows, 0], limbs[rows, 1], kind_of, along, member)
