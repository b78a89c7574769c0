"""The accuracy of a network in the middle of its training, by the program's own estimator."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.coco.ground_truth import GroundTruth, load_ground_truth
from engine.coco.metrics import ResultRow, judge, overall_ap, result_rows
from engine.errors import DataError
from engine.estimator import PoseEstimator
from engine.geometry import Fit
from engine.network.higher_hrnet import HigherHRNet
from engine.network.weights import Checkpoint
from engine.settings import EngineSettings, GroupingSettings
from engine.skeleton import Skeleton
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

    def ap(self, network: HigherHRNet, skeleton: Skeleton, *, flip: bool = False) -> float:
        """AP over all images; the network itself is left as it is."""
        return overall_ap(self.truth, self._results(network, skeleton, flip))

    def metrics(
        self, network: HigherHRNet, skeleton: Skeleton, *, flip: bool = False
    ) -> Mapping[str, float]:
        """All of COCO's metrics over all images, by `engine.coco.metrics.METRICS`."""
        return judge(self.truth, self._results(network, skeleton, flip)).metrics

    @contextmanager
    def estimator(
        self,
        network: HigherHRNet,
        skeleton: Skeleton,
        *,
        flip: bool = False,
        score_by_size: float = 0.0,
    ) -> Iterator[PoseEstimator]:
        """The program's estimator, with a copy of a network and its checkpoint's scores."""
        checkpoint = Checkpoint(
            name="in training",
            network=copy.deepcopy(network).cpu().eval(),
            network_name="custom",
            sizes=network.sizes,
            skeleton=skeleton,
            input_size=self.input_size,
            path=Path(),
            sha256=None,
            published=None,
            score_by_size=score_by_size,
        )
        with open_device(self.device) as device:
            yield PoseEstimator(checkpoint, device, EngineSettings(flip=flip), EVERYBODY)

    def people(
        self,
        network: HigherHRNet,
        skeleton: Skeleton,
        *,
        flip: bool = False,
        score_by_size: float = 0.0,
    ) -> Iterator[tuple[CocoImage, Poses, Fit]]:
        """Everyone found in every image, images of one input shape after each other.

        Raises:
            SourceError: an image cannot be used.
        """
        opened = self.estimator(network, skeleton, flip=flip, score_by_size=score_by_size)
        with opened as estimator:
            for image in by_input_shape(self.images, estimator.fit):
                frame = Frame(read_annotated(image), 0, 0.0, time.perf_counter(), "validation")
                (poses,) = estimator.collect(estimator.submit([frame]))
                yield image, poses, estimator.fit(frame.size)

    def _results(self, network: HigherHRNet, skeleton: Skeleton, flip: bool) -> list[ResultRow]:
        return [
            row
            for image, poses, fit in self.people(network, skeleton, flip=flip)
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
