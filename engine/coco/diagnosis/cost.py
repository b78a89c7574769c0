"""What each kind of error costs: AP if it alone were corrected, minus AP as it is.

Corrected means: a keypoint is put where it belongs, a false positive is removed, a missed person
is removed from the ground truth. Costs do not add up, as a person can have several errors.
Method: Ronchi and Perona, ICCV 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.coco.diagnosis.keypoints import KeypointTable, Kind
from engine.coco.diagnosis.matching import ImageMatch
from engine.coco.diagnosis.people import Extras
from engine.coco.ground_truth import GroundTruth
from engine.coco.metrics import Judgement, ResultRow, overall_ap

ERRORS = (Kind.JITTER, Kind.INVERSION, Kind.SWAP, Kind.MISS)


def costs(
    judgement: Judgement,
    matches: Sequence[ImageMatch],
    table: KeypointTable,
    extra: Extras,
    missing: NDArray[np.int64],
    progress: Callable[[str], None] = lambda name: None,
) -> dict[str, float]:
    """AP that correcting each kind of error alone would gain, as fractions of 1."""
    gains = {}
    for name, truth, rows in _corrections(judgement, matches, table, extra, missing):
        progress(name)
        ap = overall_ap(truth, rows)
        if ap >= 0:  # undefined when no annotated person is left
            gains[name] = ap - judgement.metrics["AP"]
    return gains


def _corrections(
    judgement: Judgement,
    matches: Sequence[ImageMatch],
    table: KeypointTable,
    extra: Extras,
    missing: NDArray[np.int64],
) -> Iterator[tuple[str, GroundTruth, Sequence[ResultRow]]]:
    truth, rows = judgement.truth, judgement.rows
    for kind in ERRORS:
        yield kind.name.lower(), truth, _moved(rows, table, table.kind == kind)
    yield "duplicates", truth, _without(rows, extra.duplicates)
    yield "fragments", truth, _without(rows, extra.fragments)
    yield "background", truth, _without(rows, extra.background)
    yield "missed people", _not_looking_for(truth, missing), rows
    yield "ranking", truth, _ranked_by_truth(rows, matches)


def _not_looking_for(truth: GroundTruth, missing: NDArray[np.int64]) -> GroundTruth:
    annotations = [dict(annotation) for annotation in truth.annotations]
    for index in missing:
        annotations[index]["num_keypoints"] = 0  # the judge ignores people without keypoints
    return replace(truth, annotations=tuple(annotations))


def _moved(
    rows: Sequence[ResultRow], table: KeypointTable, wrong: NDArray[np.bool_]
) -> list[ResultRow]:
    moved = list(rows)
    points: dict[int, list[float]] = {}
    for row, k, target in zip(
        table.row[wrong], table.keypoint[wrong], table.target[wrong], strict=True
    ):
        changed = points.setdefault(int(row), list(rows[row]["keypoints"]))
        changed[3 * k : 3 * k + 2] = target.tolist()
    for index, keypoints in points.items():
        moved[index] = {**rows[index], "keypoints": keypoints}
    return moved


def _without(rows: Sequence[ResultRow], indices: NDArray[np.int64]) -> list[ResultRow]:
    out = set(indices.tolist())
    return [row for i, row in enumerate(rows) if i not in out]


def _ranked_by_truth(rows: Sequence[ResultRow], matches: Sequence[ImageMatch]) -> list[ResultRow]:
    """The same people, each as certain as it deserves: its OKS with who it is paired with."""
    deserved = np.zeros(len(rows))
    for match in matches:
        for d, g in match.pairs():
            deserved[match.row[d]] = match.oks[d, g]
    return [{**row, "score": float(s)} for row, s in zip(rows, deserved, strict=True)]
