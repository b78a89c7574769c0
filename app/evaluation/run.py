"""One evaluation: checked input, results, metrics, reports."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.evaluation.journal import EvaluationJournal
from app.evaluation.measure import Speed, collected, measure
from app.evaluation.report.facts import EvaluatedModel, Report, as_json, published_for, versions
from app.evaluation.report.page import page
from app.evaluation.report.text import text
from engine.coco.diagnosis.diagnose import diagnose
from engine.coco.ground_truth import GroundTruth, load_ground_truth
from engine.coco.metrics import Judgement, judge
from engine.errors import DataError
from engine.estimator import PoseEstimator
from engine.files import sha256, write_whole
from engine.network.opening import open_estimator
from engine.settings import EngineSettings, Settings
from engine.sources.coco_images import CocoImage, by_input_shape, find_images, named


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationJob:
    """What to measure, and how."""

    annotations: Path
    images: Path  # folder
    settings: Settings
    out: Path | None = None  # folder; None: eval/NAME-SIZE
    limit: int | None = None  # only so many images, by id
    resume: bool = False
    force: bool = False  # start over, discarding an unfinished run
    skip_missing: bool = False  # leave out missing or damaged images
    open: Callable[[Settings], AbstractContextManager[PoseEstimator]] = open_estimator
    measure: Callable[..., Speed] = measure  # of images, by this machine or by others


@dataclass(frozen=True, slots=True)
class Progress:
    """Callbacks for progress; none by default."""

    images: Callable[[int, int], None] = lambda done, total: None
    step: Callable[[str], None] = lambda name: None


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The outcome, and where it was written."""

    report: Report
    judgement: Judgement
    folder: Path


def evaluate(job: EvaluationJob, progress: Progress | None = None) -> Evaluation:
    """Measure a checkpoint on annotated images and write results.json and the reports.

    Raises:
        PoseError: an input cannot be used; images finished so far stay in the
            journal, and `resume` continues from there.
    """
    progress = progress or Progress()
    truth, images = select_images(job)
    with job.open(job.settings) as estimator:
        need_same_keypoints(truth, estimator)
        setup = _setup(job, estimator)
        depends_on = _depends_on(job, setup, truth)
        planned = by_input_shape(images, estimator.fit)
        with EvaluationJournal(
            setup.folder, depends_on, len(planned), resume=job.resume, force=job.force
        ) as journal:
            speed = job.measure(
                planned,
                truth.category,
                estimator,
                journal,
                skip_unreadable=job.skip_missing,
                progress=lambda done: progress.images(done, len(planned)),
            )
            rows, judged = collected(journal), truth.only(list(journal.rows))
    write_whole(setup.folder / "results.json", json.dumps(rows).encode())
    progress.step("scoring")
    judgement, speed = _scored(judged, rows, speed)
    known = {image.id for image in judged.images}
    report = Report(
        truth=judged,
        annotations_sha256=str(depends_on["annotations"]),
        skipped=tuple(image.file for image in truth.images if image.id not in known),
        limited=job.limit is not None,
        model=setup.model,
        engine=setup.engine,
        grouping=job.settings.grouping,
        metrics=judgement.metrics,
        published=setup.published,
        published_by=setup.published_by,
        speed=speed,
        diagnosis=diagnose(judgement, progress=lambda name: progress.step(f"cost of {name}")),
    )
    _write_reports(report, judgement, images, setup.folder)
    return Evaluation(report, judgement, setup.folder)


def select_images(job: EvaluationJob) -> tuple[GroundTruth, list[CocoImage]]:
    """The requested part of the ground truth, and the images that are there.

    Raises:
        DataError: the annotations cannot be used, no person is annotated, or images are missing.
    """
    truth = load_ground_truth(job.annotations)
    if job.limit is not None:
        truth = truth.only([image.id for image in truth.images[: job.limit]])
        if not truth.people:
            raise DataError(
                f"no person is annotated in the first {job.limit} images of {job.annotations}; "
                "raise --limit"
            )
    images, missing = find_images(truth.images, job.images)
    if missing and not job.skip_missing:
        raise DataError(
            f"{len(missing)} of {len(truth.images)} annotated images are not in {job.images}: "
            f"{named(missing)}; add them, or judge the others alone with --skip-missing"
        )
    return truth, images


def need_same_keypoints(truth: GroundTruth, estimator: PoseEstimator) -> None:
    """A checkpoint can only be measured on the keypoints it was trained for."""
    if truth.skeleton.names != estimator.skeleton.names:
        raise DataError(
            f"{truth.file} has the keypoints {named(truth.skeleton.names)}, but "
            f"{estimator.checkpoint.name} finds {named(estimator.skeleton.names)}; "
            "take annotations of the same keypoints"
        )


def used_settings(engine: EngineSettings, estimator: PoseEstimator) -> EngineSettings:
    """The settings with all defaults resolved."""
    return engine.model_copy(
        update={
            "network": estimator.checkpoint.network_name,
            "input_size": estimator.input_size,
            "device": estimator.device.name,
            "precision": estimator.device.precision,
            "runtime": estimator.device.runtime,
            "batch": estimator.batch,
        }
    )


def _model(estimator: PoseEstimator) -> EvaluatedModel:
    checkpoint, device = estimator.checkpoint, estimator.device
    return EvaluatedModel(
        name=checkpoint.name,
        network=checkpoint.network_name,
        input_size=estimator.input_size,
        file=str(checkpoint.path),
        sha256=sha256(checkpoint.path),
        device=device.name,
        processor=device.description,
        precision=device.precision,
        scoring=checkpoint.scoring,
    )


@dataclass(frozen=True, slots=True)
class _Setup:
    """What is measured, with all defaults resolved."""

    model: EvaluatedModel
    engine: EngineSettings
    published: Mapping[str, float] | None
    published_by: str
    folder: Path


def _setup(job: EvaluationJob, estimator: PoseEstimator) -> _Setup:
    model, engine = _model(estimator), used_settings(job.settings.engine, estimator)
    entry = estimator.checkpoint.published
    return _Setup(
        model=model,
        engine=engine,
        published=published_for(entry, engine, job.settings.grouping, model.input_size),
        published_by=entry.source if entry else "",
        folder=job.out or Path("eval") / f"{model.name}-{model.input_size}",
    )


def _depends_on(job: EvaluationJob, setup: _Setup, truth: GroundTruth) -> Mapping[str, Any]:
    """Everything that could change results.json; a run that differs in one must not be resumed."""
    grouping = job.settings.grouping.model_dump()
    sections = {"engine": setup.engine.model_dump(), "grouping": grouping}
    values = {
        f"{section}.{name}": value
        for section, content in sections.items()
        for name, value in content.items()
        if name != "weights"  # identified by its hash instead
    }
    return {
        "annotations": sha256(job.annotations),
        "number of images": len(truth.images),
        "weights": setup.model.sha256,
        **values,
        **{f"version of {name}": version for name, version in versions().items()},
    }


def _scored(
    truth: GroundTruth, rows: list[dict[str, Any]], speed: Speed
) -> tuple[Judgement, Speed]:
    began = time.perf_counter()
    judgement = judge(truth, rows)
    spent = time.perf_counter() - began
    if not speed.images:
        return judgement, speed
    steps = {**speed.steps, "scoring": spent}
    return judgement, replace(speed, seconds=speed.seconds + spent, steps=steps)


def _write_reports(
    report: Report, judgement: Judgement, images: list[CocoImage], folder: Path
) -> None:
    by_id = {image.entry.id: image for image in images}
    write_whole(folder / "report.json", as_json(report).encode())
    write_whole(folder / "report.md", text(report).encode())
    write_whole(folder / "report.html", page(report, judgement, by_id).encode())
