"""The outcome of an evaluation and everything its numbers depend on."""

from __future__ import annotations

import importlib.metadata
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.evaluation.measure import Speed
from engine.coco.diagnosis.diagnose import Diagnosis
from engine.coco.ground_truth import GroundTruth
from engine.decoding.scoring import PAPER_SCORING, Scoring
from engine.geometry import opencv_version
from engine.network.registry import Entry
from engine.settings import PAPER_GROUPING, EngineSettings, GroupingSettings

PACKAGES = ("posestream", "torch", "numpy", "opencv-python-headless", "pycocotools")
MULTI_SCALE = (2.0, 1.0, 0.5)


@dataclass(frozen=True, slots=True)
class EvaluatedModel:
    """The checkpoint and where it ran."""

    name: str
    network: str
    input_size: int  # short side, pixels
    file: str
    sha256: str  # of the file that was loaded
    device: str
    processor: str
    precision: str
    scoring: Scoring = PAPER_SCORING


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """One evaluation."""

    truth: GroundTruth  # of the images that were judged
    annotations_sha256: str
    skipped: tuple[str, ...]  # annotated images that were not judged: missing or unreadable
    limited: bool  # whether only the first images were evaluated
    model: EvaluatedModel
    engine: EngineSettings  # with device, batch and input size as they were used
    grouping: GroupingSettings
    metrics: Mapping[str, float]
    published: Mapping[str, float] | None  # of this checkpoint by the same protocol
    published_by: str
    speed: Speed
    diagnosis: Diagnosis

    @property
    def architecture(self) -> str:
        """As in the published table."""
        return f"HigherHRNet-{self.model.network}"

    @property
    def input_size(self) -> str:
        """As in the published table."""
        return f"{self.model.input_size}x{self.model.input_size}"

    @property
    def images(self) -> str:
        """What the numbers were measured on."""
        only = "the first images of " if self.limited else ""
        return f"{only}{self.truth.name}"

    @property
    def comparable(self) -> bool:
        """Whether the published numbers are of the same images."""
        return self.truth.is_val2017 and not self.skipped

    @property
    def protocol(self) -> str:
        """How it was measured, in words."""
        scales = ", ".join(f"{scale:g}" for scale in self.engine.scales)
        flip = "mirrored pass averaged" if self.engine.flip else "no mirrored pass"
        changed = "".join(f", {name} {value}" for name, value in _changed(self.grouping))
        several = "scales" if len(self.engine.scales) > 1 else "scale"
        scored = f", {self.model.scoring}" if str(self.model.scoring) else ""
        return f"{flip}, {several} {scales}, {self.model.precision}{scored}{changed}"


def published_for(
    entry: Entry | None, engine: EngineSettings, grouping: GroupingSettings, input_size: int
) -> Mapping[str, float] | None:
    """The published numbers of a checkpoint, if they were measured by this protocol."""
    if entry is None or not engine.flip or not _as_paper(grouping):
        return None
    if input_size != entry.input_size:
        return None
    by_scales = {(1.0,): entry.single_scale, MULTI_SCALE: entry.multi_scale}
    accuracy = by_scales.get(tuple(sorted(engine.scales, reverse=True)))
    return accuracy.model_dump(exclude_none=True) if accuracy else None


def _as_paper(grouping: GroupingSettings) -> bool:
    return not _changed(grouping)


def _changed(grouping: GroupingSettings) -> list[tuple[str, object]]:
    """Settings that are not the paper's."""
    # The figures were printed with mmpose 0.6 and again, unchanged, with later ones.
    paper = PAPER_GROUPING.model_copy(update={"ignore_too_much": grouping.ignore_too_much})
    return [pair for pair, theirs in zip(grouping, paper, strict=True) if pair != theirs]


def versions() -> dict[str, str]:
    """What the numbers were computed with."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # run from a checkout
            found[package] = "not installed"
    found["opencv-python-headless"] = opencv_version()  # another package may have replaced it
    return found


def as_json(report: Report) -> str:
    """Everything, for programs; `images.ids` says what a comparison may be made on."""
    truth = report.truth
    content: dict[str, Any] = {
        "images": {
            "name": report.images,
            "count": len(truth.images),
            "people": truth.people,
            "annotations": str(truth.file.resolve()),
            "annotations_sha256": report.annotations_sha256,
            "skipped": report.skipped,
            "ids": [image.id for image in truth.images],
        },
        "model": asdict(report.model),
        "protocol": report.protocol,
        "settings": {
            "engine": report.engine.model_dump(),
            "grouping": report.grouping.model_dump(),
        },
        "versions": versions(),
        "metrics": report.metrics,
        "published": report.published and {"by": report.published_by, **report.published},
        "speed": {
            **asdict(report.speed),
            "ms_per_image": report.speed.ms_per_image,
            "images_per_second": report.speed.images_per_second,
            "around_network": report.speed.around_network,
        },
        "diagnosis": asdict(report.diagnosis),
    }
    return json.dumps(content, indent=1)
