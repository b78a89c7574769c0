"""How alike two poses are: the object keypoint similarity of COCO, between all pairs at once.

Used for tracking and to find duplicates.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.tracking.compiled import compiled_loops

# A person seen from the side, or with the arms down, fills a narrow box, but the keypoints are
# placed no more precisely for it: no box counts as narrower than this part of its longer side.
NARROWEST = 1 / 3


def body_size(xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """The size of each person, as the root of the area its keypoints span.

    Args:
        xy: (P, K, 2) image pixels, NaN where absent.

    Returns:
        (P,) pixels; 0 where fewer than two joints are present.
    """
    loops = compiled_loops()
    return loops.body_size(xy, NARROWEST) if loops else _body_size(xy)


def _body_size(xy: NDArray[np.floating]) -> NDArray[np.float64]:
    """What `body_size` computes."""
    unknown = np.isnan(xy)
    absent = (unknown[..., 0] | unknown[..., 1])[..., None]
    low = np.where(absent, np.inf, xy).min(axis=1, initial=np.inf)
    high = np.where(absent, -np.inf, xy).max(axis=1, initial=-np.inf)
    wide, tall = np.where(high >= low, high - low, 0.0).astype(np.float64).T
    longer = np.maximum(wide, tall)
    shorter = np.maximum(np.minimum(wide, tall), longer * NARROWEST)
    size: NDArray[np.float64] = np.sqrt(longer * shorter)
    return size


def mean_size(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, Q) root mean square of body sizes (P,) and (Q,)."""
    return np.sqrt((a[:, None] ** 2 + b[None] ** 2) / 2)


def similarity(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    sigmas: Sequence[float],
    size: ArrayLike | None = None,
    moved: NDArray[np.floating] | None = None,
) -> NDArray[np.float64]:
    """Object keypoint similarity between every pose of `a` and every pose of `b`.

    The mean of exp(-d² / 2s²k²), k = 2 sigma, over the joints that both poses have; 0 where they
    share none. Definition: COCO keypoint evaluation.

    Args:
        a: (P, K, 2) image pixels, NaN where absent.
        b: (Q, K, 2) in the same frame of reference.
        sigmas: (K,) precision of each keypoint relative to the body size.
        size: s in pixels, broadcast to (P, Q); None: the root mean square of the two body sizes.
        moved: (P, Q, 2) pixels added to each pose of `b` before it is compared.

    Returns:
        (P, Q) in [0, 1].
    """
    if size is None:
        size = mean_size(body_size(a), body_size(b))
    size = np.ascontiguousarray(np.broadcast_to(size, (len(a), len(b))), np.float64)
    loops = compiled_loops()
    if loops:
        return loops.similarity(a, b, tuple(sigmas), size, moved)
    return _similarity(a, b, sigmas, size, moved)


def _similarity(
    a: NDArray[np.floating],
    b: NDArray[np.floating],
    sigmas: Sequence[float],
    size: NDArray[np.float64],
    moved: NDArray[np.floating] | None,
) -> NDArray[np.float64]:
    """What `similarity` computes, of (P, Q) sizes."""
    scale = np.maximum(size, 1.0)
    apart = a[:, None].astype(np.float64) - b[None].astype(np.float64)
    if moved is not None:
        apart -= moved[:, :, None]
    apart *= apart
    away: NDArray[np.float64] = apart[..., 0] + apart[..., 1]
    spread = 2 * (scale[..., None] * 2 * np.asarray(sigmas, np.float64)) ** 2
    common = ~np.isnan(away)
    alike = np.where(common, np.exp(-away / spread), 0.0)
    mean: NDArray[np.float64] = alike.sum(axis=2) / np.maximum(common.sum(axis=2), 1)
    return mean
