"""`eval --parity`: the same images through several configurations, and how much that changes.

The gate for every speed-up: a faster configuration must find the same people.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
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
COUNTS_FROM = 0.1  # score; weaker people depend on rounding and hardly affect the AP
PERCENTILES = (50, 90, 99, 100)


@dataclass(frozen=True, slots=True)
class Gate:
    """What B may change and still replace A."""

    most_ap: float  # difference of AP
    least_equal: float  # share of the people who count that must be equal


SAME = Gate(most_ap=0.001, least_equal=0.99)  # a tenth of a point: rounding alone
INT8 = Gate(most_ap=0.01, least_equal=0.0)  # quantization moves people: a point of AP at most


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
    gate: Gate = SAME

    @property
    def holds(self) -> bool:
        """Whether B may replace A."""
        lost = self.ap[0] - self.ap[1]
        # Quantization is judged by AP alone; other configurations must find the same people.
        same_ap = (lost if self.gate is INT8 else abs(lost)) <= self.gate.most_ap
        return same_ap and self.equal >= self.gate.least_equal * self.counting


@dataclass(slots=True, eq=False)
class _Side:
    """One configuration: what it found, and how long it took."""

    estimator: PoseEstimator
    seconds: float = 0.0
    people: int = 0
    rows: list[ResultRow] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class _Tally:
    """What adds up image by image when a configuration is compared with the first."""

    matched: int = 0
    counting: int = 0
    equal: int = 0
    heat: float = 0.0
    comparable: bool = True
    shifts: list[NDArray[np.float64]] = field(default_factory=list)


def check_parity(
    job: EvaluationJob, configurations: Mapping[str, Settings], console: Console
) -> list[Parity]:
    """Run all configurations side by side and print how the others differ from the first.

    Raises:
        PoseError: as `evaluate`.
    """
    truth, images = select_images(job)
    names, settings = list(configurations), list(configurations.values())
    tallies = [_Tally() for _ in names[1:]]
    with ExitStack() as stack:
        sides = [_Side(stack.enter_context(job.open(each))) for each in settings]
        for side in sides:
            need_same_keypoints(truth, side.estimator)
        planned = by_input_shape(images, sides[0].estimator.fit)
        source = CocoImages(planned, range(len(planned)), skip_unreadable=job.skip_missing)
        for frames in _chunks(source.frames(), max(side.estimator.batch for side in sides)):
            _compare(frames, sides, planned, truth.category, tallies)
    judged = truth.only(
        [image.entry.id for image in planned if image.entry.file not in source.skipped]
    )
    found = []
    for name, used, side, tally in zip(names[1:], settings[1:], sides[1:], tallies, strict=True):
        gate = INT8 if used.engine.precision == "int8" else SAME
        found.append(_verdict(tally, (sides[0], side), (names[0], name), judged, gate))
        _show(found[-1], judged, console)
    if job.out is not None:
        found_json = json.dumps([asdict(parity) for parity in found], indent=1)
        write_whole(job.out / "parity.json", found_json.encode())
    return found


def _chunks(frames: Iterator[Frame], size: int) -> Iterator[list[Frame]]:
    while chunk := list(islice(frames, size)):
        yield chunk


def _compare(
    frames: Sequence[Frame],
    sides: Sequence[_Side],
    images: Sequence[CocoImage],
    category: int,
    tallies: Sequence[_Tally],
) -> None:
    runs = [_run(frames, side, images, category) for side in sides]
    sigmas = sides[0].estimator.skeleton.sigmas
    (ticket, found), others = runs[0], runs[1:]
    for tally, (other, also_found) in zip(tallies, others, strict=True):
        _compare_heat(ticket, other, tally)
        for a, b in zip(found, also_found, strict=True):
            _compare_people(a, b, sigmas, tally)


def _run(
    frames: Sequence[Frame], side: _Side, images: Sequence[CocoImage], category: int
) -> tuple[Ticket, list[Poses]]:
    began = time.perf_counter()
    ticket = side.estimator.submit(frames)
    found = side.estimator.collect(ticket)
    side.seconds += time.perf_counter() - began
    for frame, poses in zip(frames, found, strict=True):
        image = images[frame.index].entry.id
        fitted = side.estimator.fit(frame.size)
        side.rows.extend(result_rows(image, poses, fitted, category))
        side.people += len(poses)
    return ticket, found


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


def _verdict(
    tally: _Tally,
    sides: tuple[_Side, _Side],
    names: tuple[str, str],
    truth: GroundTruth,
    gate: Gate,
) -> Parity:
    shifts = np.concatenate([np.zeros(0), *tally.shifts])
    values = np.percentile(shifts, PERCENTILES) if len(shifts) else np.zeros(len(PERCENTILES))
    images = len(truth.images)
    a, b = sides
    return Parity(
        configurations=names,
        images=images,
        people=(a.people, b.people),
        matched=tally.matched,
        counting=tally.counting,
        equal=tally.equal,
        shift={f"p{p}": float(v) for p, v in zip(PERCENTILES, values, strict=True)},
        heat=tally.heat if tally.comparable else None,
        ap=(overall_ap(truth, a.rows), overall_ap(truth, b.rows)),
        ms_per_image=(1e3 * a.seconds / max(images, 1), 1e3 * b.seconds / max(images, 1)),
        gate=gate,
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
        f"parity {'holds' if parity.holds else 'does NOT hold'} ({_asked(parity.gate)})",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _asked(gate: Gate) -> str:
    if gate is INT8:
        return f"int8 may lose {100 * gate.most_ap:g} point"
    return f"at most {100 * gate.most_ap:g} points, {100 * gate.least_equal:g} % of people equal"
