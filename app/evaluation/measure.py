"""Images through the engine into a journal: the long part of `eval`, which can be resumed.

The path is that of every mode: source, inbox, estimator, and here the journal as the sink. Images
are divided into the same batches whatever was finished before, and an unfinished batch is computed
whole, so an interrupted evaluation gives the same bytes as an uninterrupted one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from app.evaluation.journal import EvaluationJournal
from engine.coco.metrics import ResultRow, result_rows
from engine.estimator import PoseEstimator, Ticket
from engine.inbox import Inbox
from engine.pipeline import run
from engine.sources.coco_images import CocoImage, CocoImages
from engine.types import Frame, Poses

INBOX_CAPACITY = 64  # images; decoding stays ahead of the network


@dataclass(frozen=True, slots=True)
class Speed:
    """Where the time went."""

    images: int  # that were computed, not taken from an earlier run
    seconds: float  # from the first image to the last, wall clock
    steps: dict[str, float] = field(default_factory=dict)  # seconds of the engine thread, by step

    @property
    def ms_per_image(self) -> float:
        """Wall time of one image."""
        return 1000 * self.seconds / max(self.images, 1)

    @property
    def images_per_second(self) -> float:
        """How many images were done in a second."""
        return self.images / self.seconds if self.seconds else 0.0

    @property
    def around_network(self) -> float:
        """Share of the wall time that is not the network: reading, warping, decoding, scoring."""
        return 1 - self.steps.get("network", 0.0) / self.seconds if self.seconds else 0.0


class _Timed:
    """An estimator whose batch times add up."""

    def __init__(self, estimator: PoseEstimator) -> None:
        self._estimator = estimator
        self.total: dict[str, float] = defaultdict(float)
        self.times: Mapping[str, float] = {}

    @property
    def batch(self) -> int:
        return self._estimator.batch  # read anew: it is halved when memory runs out

    @property
    def depth(self) -> int:
        return self._estimator.depth

    def submit(self, frames: Sequence[Frame]) -> Ticket:
        return self._estimator.submit(frames)

    def collect(self, ticket: Ticket) -> list[Poses]:
        poses = self._estimator.collect(ticket)
        self.times = self._estimator.times
        for step, seconds in self.times.items():
            self.total[step] += seconds
        return poses


def measure(
    images: Sequence[CocoImage],
    category: int,
    estimator: PoseEstimator,
    journal: EvaluationJournal,
    *,
    skip_unreadable: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> Speed:
    """Find the people in every image that the journal does not know yet.

    Args:
        images: in the order of batches.
        category: id of the keypoint category, for the results.
        estimator: opened by this thread.
        journal: receives each image as it is done.
        skip_unreadable: continue after an image that cannot be read.
        progress: called with the number of images finished.

    Raises:
        PoseError: an image cannot be used; everything before it is in the journal.
    """
    positions = unfinished(images, journal, estimator.batch)
    source = CocoImages(
        images,
        positions,
        skip_unreadable=skip_unreadable,
        batch=estimator.batch,
        explain=journal.explain,
    )
    timed = _Timed(estimator)
    inbox = Inbox([source.name], "all", max(INBOX_CAPACITY, estimator.batch))
    began = time.perf_counter()
    writing = 0.0
    for result in run([source], inbox, timed, full_batches=True):
        entry = images[result.frame.index].entry
        if entry.id not in journal.rows:
            start = time.perf_counter()
            fitted = estimator.fit(result.frame.size)
            journal.add(entry.id, result_rows(entry.id, result.poses, fitted, category))
            writing += time.perf_counter() - start
            progress(len(journal.rows))
    seconds = time.perf_counter() - began
    steps = {**timed.total, "writing": writing}
    steps["waiting for images"] = max(seconds - sum(steps.values()), 0.0)
    return Speed(len(positions) - len(source.skipped), seconds, steps)


def unfinished(images: Sequence[CocoImage], journal: EvaluationJournal, batch: int) -> list[int]:
    """Positions of the images in every batch that was not finished whole."""
    return [
        position
        for start in range(0, len(images), batch)
        for chunk in [range(start, min(start + batch, len(images)))]
        if any(images[i].entry.id not in journal.rows for i in chunk)
        for position in chunk
    ]


def collected(journal: EvaluationJournal) -> list[ResultRow]:
    """All results so far, by image id."""
    return [row for image in sorted(journal.rows) for row in journal.rows[image]]
