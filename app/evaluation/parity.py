"""`eval --parity`: the same images through two configurations, and how much that changes.

The gate for every speed-up: a faster road is only taken if it leads to the same people.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.evaluation.run import EvaluationJob, need_same_keypoints, select_images
from engine.coco.ground_truth import GroundTruth
from engine.coco.metrics import ResultRow, overall_ap, result_rows
from engine.estimator import PoseEstimator, Ticket
from engine.files import write_whole
from engine.settings import Settings
from engine.sources.coco_images import CocoImage, CocoImages, by_input_shape
from engine.tracking.oks import similarity
from engine.types import Frame, Poses

SAME_PERSON = 0.5  # OKS from which two are the same person, placed differently
AS_GOOD = 0.99  # OKS from which two placements count as equal
COUNTS_FROM = 0.1  # score; weaker people come and go with rounding and hardly touch the AP
MOST_AP = 0.001  # difference of AP that a speed-up may cost: a tenth of a point
LEAST_EQUAL = 0.99  # share of the people who count that must be equal
PERCENTILES = (50, 90, 99, 100)


@dataclass(frozen=True, slots=True)
class Parity:
    """B against A."""

    configurations: tuple[str, str]
    images: int
    people: tuple[int, int]  # found by A and by B
    matched: int  # the same person by both
    counting: int  # people of A with a score that counts
    equal: int  # of them, found by B with an OKS of 0.99 or more
    shift: dict[str, float]  # percentile -> pixels between joints of matched people
    heat: float | None  # largest difference of a heatmap cell; None: maps of different sizes
    ap: tuple[float, float]
    ms_per_image: tuple[float, float]

    @property
    def holds(self) -> bool:
        """Whether B may replace A."""
        same_ap = abs(self.ap[1] - self.ap[0]) <= MOST_AP
        return same_ap and self.equal >= LEAST_EQUAL * self.counting


@dataclass(slots=True, eq=False)
class _Tally:
    """What adds up image by image."""

    people: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    seconds: NDArray[np.float64] = field(default_factory=lambda: np.zeros(2))
    matched: int = 0
    counting: int = 0
    equal: int = 0
    heat: float = 0.0
    comparable: bool = True
    shifts: list[NDArray[np.float64]] = field(default_factory=list)
    rows: tuple[list[ResultRow], list[ResultRow]] = field(default_factory=lambda: ([], []))


def check_parity(
    job: EvaluationJob,
    settings: tuple[Settings, Settings],
    names: tuple[str, str],
    console: Console,
) -> Parity:
    """Run both configurations side by side and print how they differ.

    Raises:
        PoseError: as `evaluate`.
    """
    truth, images = select_images(job)
    tally = _Tally()
    with ExitStack() as stack:
        a, b = (stack.enter_context(job.open(s)) for s in settings)
        need_same_keypoints(truth, a)
        need_same_keypoints(truth, b)
        planned = by_input_shape(images, a.fit)
        source = CocoImages(planned, range(len(planned)), skip_unreadable=job.skip_missing)
        for frames in _chunks(source.frames(), max(a.batch, b.batch)):
            _compare(frames, (a, b), planned, truth.category, tally)
    judged = truth.only(
        [image.entry.id for image in planned if image.entry.file not in source.skipped]
    )
    parity = _verdict(tally, names, judged)
    _show(parity, judged, console)
    if job.out is not None:
        write_whole(job.out / "parity.json", json.dumps(asdict(parity), indent=1).encode())
    return parity


def _chunks(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    while chunk := list(islice(frames, size)):
        yield chunk


def _compare(
    frames: Sequence[Frame],
    estimators: tuple[PoseEstimator, PoseEstimator],
    images: Sequence[CocoImage],
    category: int,
    tally: _Tally,
) -> None:
    found: list[list[Poses]] = []
    tickets: list[Ticket] = []
    for i, estimator in enumerate(estimators):
        began = time.perf_counter()
        tickets.append(estimator.submit(frames))
        found.append(estimator.collect(tickets[i]))
        tally.seconds[i] += time.perf_counter() - began
        for frame, poses in zip(frames, found[i], strict=True):
            image = images[frame.index].entry.id
            fitted = estimator.fit(frame.size)
            tally.rows[i].extend(result_rows(image, poses, fitted, category))
    _compare_heat(tickets[0], tickets[1], tally)
    sigmas = estimators[0].skeleton.sigmas
    for a, b in zip(*found, strict=True):
        _compare_people(a, b, sigmas, tally)


def _compare_heat(a: Ticket, b: Ticket, tally: _Tally) -> None:
    maps = [
        {row: part.maps.heat[i] for part in t.parts for i, row in enumerate(part.rows)}
        for t in (a, b)
    ]
    for row, heat in maps[0].items():
        other = maps[1][row]
        if heat.shape != other.shape:
            tally.comparable = False
            return
        difference = float((heat.float().cpu() - other.float().cpu()).abs().max())
        tally.heat = max(tally.heat, difference)


def _compare_people(a: Poses, b: Poses, sigmas: Sequence[float], tally: _Tally) -> None:
    tally.people += (len(a), len(b))
    counts = a.score >= COUNTS_FROM
    tally.counting += int(counts.sum())
    alike = similarity(a.xy, b.xy, sigmas)
    for i, j in _pairs(alike):
        tally.matched += 1
        tally.equal += bool(counts[i] and alike[i, j] >= AS_GOOD)
        away = np.linalg.norm(a.xy[i].astype(np.float64) - b.xy[j], axis=1)
        tally.shifts.append(away[~np.isnan(away)])


def _pairs(alike: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """One to one, the most alike first."""
    left = alike.copy()
    while left.size and left.max() >= SAME_PERSON:
        i, j = np.unravel_index(left.argmax(), left.shape)
        yield int(i), int(j)
        left[i, :] = left[:, j] = -1.0


def _verdict(tally: _Tally, names: tuple[str, str], truth: GroundTruth) -> Parity:
    shifts = np.concatenate([np.zeros(0), *tally.shifts])
    values = np.percentile(shifts, PERCENTILES) if len(shifts) else np.zeros(len(PERCENTILES))
    ms = 1000 * tally.seconds / max(len(truth.images), 1)
    return Parity(
        configurations=names,
        images=len(truth.images),
        people=(int(tally.people[0]), int(tally.people[1])),
        matched=tally.matched,
        counting=tally.counting,
        equal=tally.equal,
        shift={f"p{p}": float(v) for p, v in zip(PERCENTILES, values, strict=True)},
        heat=tally.heat if tally.comparable else None,
        ap=(overall_ap(truth, tally.rows[0]), overall_ap(truth, tally.rows[1])),
        ms_per_image=(float(ms[0]), float(ms[1])),
    )


def _show(parity: Parity, truth: GroundTruth, console: Console) -> None:
    heat = "maps of different sizes" if parity.heat is None else f"{parity.heat:.3g}"
    shift = ", ".join(f"{name} {value:.3g}" for name, value in parity.shift.items())
    lines = (
        f"A  {parity.configurations[0]}  AP {parity.ap[0]:.4f}  {parity.ms_per_image[0]:.0f} ms",
        f"B  {parity.configurations[1]}  AP {parity.ap[1]:.4f}  {parity.ms_per_image[1]:.0f} ms",
        f"largest heatmap difference: {heat}",
        f"people: {parity.people[0]} and {parity.people[1]}, {parity.matched} matched; "
        f"{parity.equal} of the {parity.counting} with a score of {COUNTS_FROM} are equal "
        f"(OKS {AS_GOOD} or more)",
        f"joints of matched people moved by (px): {shift}",
        f"AP, B − A: {100 * (parity.ap[1] - parity.ap[0]):+.3f} points on {truth.name}",
        "parity holds" if parity.holds else "parity does NOT hold",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)
