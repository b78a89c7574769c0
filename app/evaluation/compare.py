"""`eval --compare`: two results on the same images, and whether the difference is significant."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, TypeAdapter
from rich.console import Console
from rich.progress import Progress

from engine.coco.diagnosis.bootstrap import Comparison, compare
from engine.coco.files import flat
from engine.coco.ground_truth import GroundTruth, load_ground_truth
from engine.coco.metrics import ResultRow, judge
from engine.errors import DataError
from engine.files import write_whole
from engine.reading.fields import Pixels, Score, Whole
from engine.reading.typed import Model, from_json, read_bytes

RESAMPLES = 1000
SHOWN = 5  # images named among wins and losses


def compare_results(
    a: Path, b: Path, annotations: Path | None, console: Console, out: Path | None = None
) -> Comparison:
    """Compare two results.json files and print the outcome.

    Args:
        a: the result to beat, b: the other.
        annotations: to judge by; None: the file that the report.json beside `a` names.
        console: where to print.
        out: folder for compare.json.

    Raises:
        DataError: a file cannot be used.
    """
    reports = [_report_beside(file) for file in (a, b)]
    truth = _common_truth(reports, annotations, a)
    known = {image.id for image in truth.images}
    rows = [_read_rows(file, truth) for file in (a, b)]
    first, second = (judge(truth, [r for r in one if r["image_id"] in known]) for one in rows)
    watched = Console(stderr=True)
    with Progress(console=watched, transient=True, disable=not watched.is_terminal) as bar:
        task = bar.add_task("resampling", total=RESAMPLES)
        found = compare(
            first,
            second,
            resamples=RESAMPLES,
            progress=lambda done: bar.update(task, completed=done),
        )
    _show(found, truth, a, b, console)
    if out is not None:
        write_whole(out / "compare.json", json.dumps(asdict(found), indent=1).encode())
    return found


class _Judged(Model):
    annotations: str
    ids: list[Whole]


class _Report(Model):
    images: _Judged


class _Row(Model):
    image_id: Whole
    score: Score
    keypoints: Annotated[list[Pixels], BeforeValidator(flat)]
    category_id: Whole = 1


_REPORT, _ROWS = TypeAdapter(_Report), TypeAdapter(list[_Row])


def _report_beside(results: Path) -> _Judged | None:
    file = results.with_name("report.json")
    if not file.exists():
        return None
    return from_json(read_bytes(file), _REPORT, f"{file} is not a report of eval").images


def _common_truth(reports: list[_Judged | None], annotations: Path | None, a: Path) -> GroundTruth:
    """The ground truth of the images in both results."""
    if annotations is None:
        named = next((report.annotations for report in reports if report), None)
        if named is None:
            raise DataError(f"there is no report.json beside {a}: give the --annotations file")
        annotations = Path(named)
    truth = load_ground_truth(annotations)
    common = {image.id for image in truth.images}
    for report in reports:
        if report:
            common &= set(report.ids)
    truth = truth.only(sorted(common))
    if not truth.people:
        raise DataError("the two results have no image with people in common")
    return truth


def _read_rows(file: Path, truth: GroundTruth) -> list[ResultRow]:
    """Result entries of a file, each checked, because any program may have written it."""
    rows = from_json(read_bytes(file), _ROWS, f"{file}: not COCO keypoint results")
    numbers = 3 * len(truth.skeleton)
    for i, row in enumerate(rows):
        if len(row.keypoints) != numbers:
            raise DataError(
                f"{file}: entry {i} has {len(row.keypoints)} numbers as keypoints, not {numbers}"
            )
        if row.category_id != truth.category:
            raise DataError(
                f"{file}: entry {i} has category {row.category_id}, the annotations' people have "
                f"{truth.category}"
            )
    return [row.model_dump() for row in rows]


def _show(found: Comparison, truth: GroundTruth, a: Path, b: Path, console: Console) -> None:
    low, high = found.interval
    better = "B is better" if low > 0 else "A is better" if high < 0 else "not significant"
    lines = (
        f"A  AP {found.ap[0]:.4f}  {a}",
        f"B  AP {found.ap[1]:.4f}  {b}",
        f"B − A  {100 * found.difference:+.2f} points, 95 % interval {100 * low:+.2f} to "
        f"{100 * high:+.2f} ({found.resamples} resamples of {found.images} images): {better}",
        f"Image by image: B better on {len(found.wins)}, A better on {len(found.losses)}, "
        f"{found.draws} the same",
        f"B gains most on images {_ids(found.wins)}; loses most on {_ids(found.losses)}",
        f"On {truth.name}.",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _ids(ids: tuple[int, ...]) -> str:
    return ", ".join(map(str, ids[:SHOWN])) or "none"
