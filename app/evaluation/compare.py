"""`eval --compare`: two results of the same images, and whether the difference is luck."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from engine.coco.diagnosis.bootstrap import Comparison, compare
from engine.coco.ground_truth import GroundTruth, load_ground_truth
from engine.coco.metrics import ResultRow, judge
from engine.errors import DataError
from engine.files import write_whole

RESAMPLES = 1000
SHOWN = 5  # images named among wins and losses


def compare_results(
    a: Path, b: Path, annotations: Path | None, console: Console, out: Path | None = None
) -> Comparison:
    """Compare two results.json files and print what came out.

    Args:
        a: the result to beat, b: the other.
        annotations: to judge by; None: the file that the report.json beside `a` names.
        console: where to print.
        out: folder for compare.json.

    Raises:
        DataError: a file is not what it should be.
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


def _report_beside(results: Path) -> dict[str, Any] | None:
    file = results.with_name("report.json")
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return dict(content["images"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file} is not a report of eval ({error}); move it away") from error


def _common_truth(
    reports: list[dict[str, Any] | None], annotations: Path | None, a: Path
) -> GroundTruth:
    """The ground truth of the images that both results are about."""
    if annotations is None:
        named = next((report["annotations"] for report in reports if report), None)
        if named is None:
            raise DataError(f"there is no report.json beside {a}: give the --annotations file")
        annotations = Path(named)
    truth = load_ground_truth(annotations)
    common = {image.id for image in truth.images}
    for report in reports:
        if report:
            common &= set(report["ids"])
    truth = truth.only(sorted(common))
    if not truth.people:
        raise DataError("the two results have no image with people in common")
    return truth


def _read_rows(file: Path, truth: GroundTruth) -> list[ResultRow]:
    """Result entries of a file, each checked, because any program may have written it."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read results {file}: {error.strerror}") from error
    except ValueError as error:
        raise DataError(f"{file}: not a JSON file ({error})") from error
    if not isinstance(rows, list):
        raise DataError(f"{file}: not COCO results, its top level is no list")
    numbers = 3 * len(truth.skeleton)
    for i, row in enumerate(rows):
        if not (
            isinstance(row, dict)
            and isinstance(row.get("image_id"), int)
            and isinstance(row.get("score"), int | float)
            and isinstance(row.get("keypoints"), list)
            and len(row["keypoints"]) == numbers
        ):
            raise DataError(
                f"{file}: entry {i} is no COCO keypoint result (image_id, score, {numbers} numbers)"
            )
        if row.get("category_id") != truth.category:
            raise DataError(
                f"{file}: entry {i} has category {row.get('category_id')!r}, the annotations' "
                f"people have {truth.category}"
            )
    return rows


def _show(found: Comparison, truth: GroundTruth, a: Path, b: Path, console: Console) -> None:
    low, high = found.interval
    sure = "B is better" if low > 0 else "A is better" if high < 0 else "the difference may be luck"
    lines = (
        f"A  AP {found.ap[0]:.4f}  {a}",
        f"B  AP {found.ap[1]:.4f}  {b}",
        f"B − A  {100 * found.difference:+.2f} points, 95 % interval {100 * low:+.2f} to "
        f"{100 * high:+.2f} ({found.resamples} resamples of {found.images} images): {sure}",
        f"Image by image: B better on {len(found.wins)}, A better on {len(found.losses)}, "
        f"{found.draws} the same",
        f"B gains most on images {_ids(found.wins)}; loses most on {_ids(found.losses)}",
        f"On {truth.name}.",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _ids(ids: tuple[int, ...]) -> str:
    return ", ".join(map(str, ids[:SHOWN])) or "none"
