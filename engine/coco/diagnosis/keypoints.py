"""Every keypoint of every matched person, by kind of error.

Kinds and thresholds are Ronchi and Perona's (ICCV 2017): a keypoint is judged by its own
similarity, exp(-d² / 2s²k²), which is 0.85 at about the distance at which human annotators
disagree and 0.5 where COCO begins to count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.coco.diagnosis.matching import UNMATCHED, ImageMatch, keypoint_similarity
from engine.coco.diagnosis.precision import average_precision
from engine.coco.metrics import Judgement
from engine.skeleton import Skeleton

GOOD_FROM = 0.85  # similarity
NEAR_FROM = 0.5
THRESHOLDS = np.linspace(0.5, 0.95, 10)  # COCO's OKS thresholds


class Kind(IntEnum):
    """The kind of error of a labelled keypoint."""

    GOOD = 0
    JITTER = 1  # near its place, but not on it
    INVERSION = 2  # on the mirrored keypoint of the same person: left and right confused
    SWAP = 3  # on this keypoint, or the mirrored one, of another person
    MISS = 4  # on none of them


@dataclass(frozen=True, slots=True, eq=False)
class KeypointTable:
    """All N labelled keypoints of the people who were found."""

    row: NDArray[np.int64]  # (N,) index into the results
    keypoint: NDArray[np.int64]  # (N,)
    kind: NDArray[np.int64]  # (N,) Kind
    similarity: NDArray[np.float64]  # (N,) to its own place
    score: NDArray[np.float64]  # (N,) heatmap response; 0 = not found
    target: NDArray[np.float64]  # (N, 2) where it is, image pixels


@dataclass(frozen=True, slots=True)
class KeypointReport:
    """The figures of one keypoint, such as the left wrist."""

    name: str
    labelled: int  # in people who count
    judged: int  # of them, in people who were found
    ap: float  # of this keypoint alone; −1 if no person has it labelled
    mean_similarity: float  # over `judged`
    kinds: dict[str, int]  # how many of `judged` are of each Kind


def classify(matches: Sequence[ImageMatch], skeleton: Skeleton) -> KeypointTable:
    """Name the kind of every labelled keypoint of every found person who counts."""
    parts = [_classify_pair(match, d, g, skeleton) for match in matches for d, g in match.pairs()]
    if not parts:
        nothing = np.zeros(0, np.int64)
        none = np.zeros(0)
        return KeypointTable(nothing, nothing, nothing, none, none, np.zeros((0, 2)))
    columns = zip(*parts, strict=True)
    return KeypointTable(*(np.concatenate(column) for column in columns))


def _classify_pair(
    match: ImageMatch, d: int, g: int, skeleton: Skeleton
) -> tuple[NDArray[Any], ...]:
    labelled = np.flatnonzero(match.truth[g, :, 2] > 0)
    similarity = _similarities(match, d, skeleton)
    return (
        np.full(len(labelled), match.row[d]),
        labelled,
        kinds_of(similarity, g)[labelled],
        similarity[0, g, labelled],
        match.found[d, labelled, 2],
        match.truth[g, labelled, :2],
    )


def _similarities(match: ImageMatch, d: int, skeleton: Skeleton) -> NDArray[np.float64]:
    """(2, G, K) of found person d's keypoints to everybody's same and mirrored ones.

    0 where that one is not labelled, and for keypoints that are their own mirror image.
    """
    mirror = np.asarray(skeleton.mirror)
    points = match.found[d, :, :2]
    out = np.zeros((2, *match.truth.shape[:2]))
    for i, order in enumerate((np.arange(len(mirror)), mirror)):
        there = match.truth[:, order]
        near = keypoint_similarity(points, there[..., :2], match.area, skeleton)
        out[i] = np.where(there[..., 2] > 0, near, 0.0)
    out[1][:, mirror == np.arange(len(mirror))] = 0.0
    return out


def kinds_of(similarity: NDArray[np.float64], g: int) -> NDArray[np.int64]:
    """Kind of each keypoint of a detection matched to true person g.

    Args:
        similarity: (2, G, K) to everybody's same and mirrored keypoints.
        g: row of the person it should be.

    Returns:
        (K,) Kind. Of inversion and swap, the one that is nearer.
    """
    own = similarity[0, g]
    mirrored = similarity[1, g]
    others = np.delete(similarity, g, axis=1).max(axis=(0, 1), initial=0.0)
    wrong = np.where(mirrored >= others, Kind.INVERSION, Kind.SWAP)
    elsewhere = np.maximum(mirrored, others) >= NEAR_FROM
    kind = np.where(elsewhere, wrong, Kind.MISS)
    kind = np.where(own >= NEAR_FROM, Kind.JITTER, kind)
    return np.where(own >= GOOD_FROM, Kind.GOOD, kind).astype(np.int64)


def keypoint_reports(
    judgement: Judgement, matches: Sequence[ImageMatch], table: KeypointTable
) -> tuple[KeypointReport, ...]:
    """Average precision, similarity and kinds of error of every keypoint.

    The AP of a keypoint ranks people by their score as COCO does. A found person is right at
    threshold t if this keypoint's own similarity to the person it is paired with reaches t; it is
    wrong if it does not or if it is unmatched; it does not count where the keypoint is
    not labelled, in ignored regions, or if it is unmatched and lacks the keypoint. What is to be
    found is every labelled keypoint.
    """
    skeleton = judgement.truth.skeleton
    labelled = sum(
        ((match.truth[~match.ignored, :, 2] > 0).sum(axis=0) for match in matches),
        np.zeros(len(skeleton), np.int64),
    )
    ranked = _ranked_similarities(matches, skeleton)
    reports = []
    for k, name in enumerate(skeleton.names):
        here = table.keypoint == k
        counts = np.bincount(table.kind[here], minlength=len(Kind))
        reports.append(
            KeypointReport(
                name=name,
                labelled=int(labelled[k]),
                judged=int(here.sum()),
                ap=_keypoint_precision(ranked[:, k], float(labelled[k])),
                mean_similarity=float(table.similarity[here].mean()) if here.any() else 0.0,
                kinds={kind.name.lower(): int(counts[kind]) for kind in Kind},
            )
        )
    return tuple(reports)


def _ranked_similarities(matches: Sequence[ImageMatch], skeleton: Skeleton) -> NDArray[np.float64]:
    """(D, K) own similarity of everybody found, most certain first; NaN where it does not count."""
    parts = [np.zeros((0, len(skeleton)))]
    for match in matches:
        values = np.where(match.found[..., 2] > 0, 0.0, np.nan)  # wrong where it is there
        for d, g in enumerate(match.person):
            if g != UNMATCHED:
                own = keypoint_similarity(
                    match.found[d, :, :2], match.truth[g, :, :2], match.area[g], skeleton
                )
                counts = (match.truth[g, :, 2] > 0) & (not match.ignored[g])
                values[d] = np.where(counts, own, np.nan)
        parts.append(values)
    scores = np.concatenate([np.zeros(0), *(match.score for match in matches)])
    ranked: NDArray[np.float64] = np.concatenate(parts)[np.argsort(-scores, kind="mergesort")]
    return ranked


def _keypoint_precision(similarity: NDArray[np.float64], people: float) -> float:
    counted = similarity[~np.isnan(similarity)]
    at = [
        average_precision((counted >= t).astype(float), (counted < t).astype(float), people)
        for t in THRESHOLDS
    ]
    return float(np.mean(at))
