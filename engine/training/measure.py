"""The accuracy of a network in the middle of its training, by the program's own estimator."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from engine.coco.ground_truth import GroundTruth, load_ground_truth
from engine.coco.metrics import ResultRow, judge, overall_ap, result_rows
from engine.errors import DataError
from engine.estimator import PoseEstimator
from engine.geometry import Fit
from engine.network.thresholds import thresholds_of
from engine.network.weights import Checkpoint
from engine.settings import EngineSettings, GroupingSettings
from engine.sources.coco_images import CocoImage, by_input_shape, find_images, named, read_annotated
from engine.types import Frame, Poses
from gpu_ops import open_device

# The paper's protocol: no one is left out for a low score or as a duplicate.
EVERYBODY = GroupingSettings(duplicate_oks=1, min_score=0, min_joints=0)


@dataclass(frozen=True, slots=True, eq=False)
class ValidationSet:
    """Images kept out of training, to measure on."""

    truth: GroundTruth
    images: Sequence[CocoImage]
    input_size: int  # short side of the network input, pixels
    device: str = "cpu"

    def ap(self, checkpoint: Checkpoint, *, flip: bool = False) -> float:
        """AP over all images; the network itself is left as it is."""
        return overall_ap(self.truth, self._results(checkpoint, flip))

    def metrics(self, checkpoint: Checkpoint, *, flip: bool = False) -> Mapping[str, float]:
        """All of COCO's metrics over all images, by `engine.coco.metrics.METRICS`."""
        return judge(self.truth, self._results(checkpoint, flip)).metrics

    @contextmanager
    def estimator(
        self, checkpoint: Checkpoint, *, flip: bool = False, peak_threshold: float | None = None
    ) -> Iterator[PoseEstimator]:
        """The program's estimator, with a copy of the network.

        Peaks and tags are as suits the checkpoint unless `peak_threshold` is given.
        """
        network = copy.deepcopy(checkpoint.network).cpu().eval()
        settings = EngineSettings(flip=flip, input_size=self.input_size)
        suiting = thresholds_of(str(checkpoint.path)).for_decoding
        given = {} if peak_threshold is None else {"peak_threshold": peak_threshold}
        grouping = EVERYBODY.model_copy(update=suiting.values | given)
        with open_device(self.device) as device:
            yield PoseEstimator(replace(checkpoint, network=network), device, settings, grouping)

    def people(
        self, checkpoint: Checkpoint, *, flip: bool = False, peak_threshold: float | None = None
    ) -> Iterator[tuple[CocoImage, Poses, Fit]]:
        """Everyone found in every image, images of one input shape after each other.

        Raises:
            SourceError: an image cannot be used.
        """
        opened = self.estimator(checkpoint, flip=flip, peak_threshold=peak_threshold)
        with opened as estimator:
            for image in by_input_shape(self.images, estimator.fit):
                frame = Frame(read_annotated(image), 0, 0.0, time.perf_counter(), "validation")
                (poses,) = estimator.collect(estimator.submit([frame]))
                yield image, poses, estimator.fit(frame.size)

    def _results(self, checkpoint: Checkpoint, flip: bool) -> list[ResultRow]:
        return [
            row
            for image, poses, fit in self.people(checkpoint, flip=flip)
            for row in result_rows(image.entry.id, poses, fit, self.truth.category)
        ]


def open_validation_set(
    annotations: Path, images: Path, input_size: int, device: str = "cpu"
) -> ValidationSet:
    """Read the annotations and find the images to measure on.

    Raises:
        DataError: they cannot be used, or images are missing.
    """
    truth = load_ground_truth(annotations)
    found, missing = find_images(truth.images, images)
    if missing:
        raise DataError(
            f"{len(missing)} of {len(truth.images)} images of {annotations} are not in {images}: "
            f"{named(missing)}; add them, or take an annotation file without them"
        )
    return ValidationSet(truth, found, input_size, device)
