"""`eval --cluster`: images in shards of whole batches, so the results are those of one machine."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.cluster.connection import RayExecutor, Slots, connected, resources_now
from app.cluster.process import on_gpu
from app.cluster.scheduler import Executor, Scheduler
from app.cluster.tasks import engine_of
from app.cluster.work import Batch, Call, Failure, Opener
from app.evaluation.measure import Speed, measure, unfinished
from app.process.outcome import Outcome
from app.signals import Stop
from engine.coco.metrics import ResultRow
from engine.decoding.scoring import Scoring
from engine.errors import PoseError
from engine.geometry import Fit, fit
from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.sources.coco_images import CocoImage

_IMAGES = 64  # of one shard, about
_AHEAD = 2  # calls in flight per slot


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """What a report says of the device."""

    name: str
    description: str
    precision: str
    runtime: str


@dataclass(frozen=True, slots=True)
class CheckpointDescription:
    """What a report says of the weights."""

    name: str
    network_name: str
    skeleton: Skeleton
    path: Path
    published: Any
    scoring: Scoring


@dataclass(frozen=True, slots=True)
class RemoteEngine:
    """An estimator's description, in the place of the estimator; the network stays where it is."""

    checkpoint: CheckpointDescription
    device: DeviceDescription
    batch: int
    input_size: int
    scales: tuple[float, ...]

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints of the people that are found."""
        return self.checkpoint.skeleton

    def fit(self, size: tuple[int, int]) -> Fit:
        """Where an image of (w, h) pixels lies in the network input."""
        return fit(size, self.input_size, sorted(self.scales, reverse=True))


@dataclass(frozen=True, slots=True)
class Shard:
    """What was found in some images."""

    rows: dict[int, list[ResultRow]]  # by image id
    speed: Speed


@dataclass(slots=True)
class _Rows:
    """Takes the place of the journal where a shard is measured."""

    rows: dict[int, list[ResultRow]] = field(default_factory=dict)

    def add(self, image: int, people: list[ResultRow]) -> None:
        self.rows[image] = people

    def explain(self, error: Exception, what: str) -> str:
        return f"{what}: {error}"


def describe_engine(open_estimator: Opener, settings: Settings) -> RemoteEngine:
    """Open the engine, and describe it."""
    estimator = engine_of(open_estimator, settings)
    device, checkpoint = estimator.device, estimator.checkpoint
    return RemoteEngine(
        CheckpointDescription(
            checkpoint.name,
            checkpoint.network_name,
            estimator.skeleton,
            checkpoint.path,
            checkpoint.published,
            checkpoint.scoring,
        ),
        DeviceDescription(device.name, device.description, device.precision, device.runtime),
        estimator.batch,
        estimator.input_size,
        tuple(settings.engine.scales),
    )


def measure_shard(
    open_estimator: Opener,
    settings: Settings,
    images: Sequence[CocoImage],
    category: int,
    skip_unreadable: bool,
) -> Shard:
    """Find the people in the images of one shard."""
    estimator = engine_of(open_estimator, settings)
    rows: Any = _Rows()
    speed = measure(images, category, estimator, rows, skip_unreadable=skip_unreadable)
    return Shard(rows.rows, speed)


class ClusterMeasure:
    """Opens the engine and measures images by an executor; fits `EvaluationJob`."""

    def __init__(
        self, executor: Executor, slots: Callable[[], int], open_estimator: Opener
    ) -> None:
        """Prepare; `slots` calls run at once, at the time."""
        self._executor, self._slots, self._open = executor, slots, open_estimator
        self._settings = Settings()

    @contextmanager
    def open(self, settings: Settings) -> Iterator[Any]:
        """Describe the engine that the machines open."""
        self._settings = settings
        call = Call("open the engine", describe_engine, (self._open, settings), engine=True)
        handle = self._executor.start(call)
        while not self._executor.wait([handle], 1.0):
            pass
        answer = self._executor.answer(handle)
        if isinstance(answer, Failure):
            raise PoseError(answer.text)
        yield answer

    def __call__(
        self,
        images: Sequence[CocoImage],
        category: int,
        estimator: Any,
        journal: Any,
        *,
        skip_unreadable: bool = False,
        progress: Callable[[int], None] = lambda done: None,
    ) -> Speed:
        """Measure what the journal does not know yet; arguments and errors as of `measure`."""
        speeds: list[Speed] = []
        failures: list[Failure] = []

        def take(call: Call, answer: Any) -> None:
            if isinstance(answer, Failure):
                failures.append(answer)
                return
            for image, rows in answer.rows.items():
                if image not in journal.rows:
                    journal.add(image, rows)
            speeds.append(answer.speed)
            progress(len(journal.rows))

        def flow() -> Generator[Batch, list[Any], Outcome]:
            calls = self._calls(images, category, estimator.batch, journal, skip_unreadable)
            yield Batch(calls, enough=lambda answer: isinstance(answer, Failure))
            return Outcome("images")

        scheduler = Scheduler(self._executor, lambda: _AHEAD * self._slots(), take)
        list(scheduler.run(iter([flow()]), Stop()))
        if failures:
            raise PoseError(failures[0].text)
        return _added(speeds)

    def _calls(
        self,
        images: Sequence[CocoImage],
        category: int,
        batch: int,
        journal: Any,
        skip_unreadable: bool,
    ) -> Iterator[Call]:
        shared = pickle.dumps((self._open, self._settings))
        positions = unfinished(images, journal, batch)
        size = batch * max(1, round(_IMAGES / batch))
        for start in range(0, len(positions), size):
            chosen = [images[position] for position in positions[start : start + size]]
            arguments = (chosen, category, skip_unreadable)
            title = f"images from {start}"
            yield Call(title, measure_shard, arguments, engine=True, shared=shared)


def _added(speeds: Sequence[Speed]) -> Speed:
    steps: dict[str, float] = {}
    for speed in speeds:
        for step, seconds in speed.steps.items():
            steps[step] = steps.get(step, 0.0) + seconds
    return Speed(sum(s.images for s in speeds), sum(s.seconds for s in speeds), steps)


@contextmanager
def cluster_measure(
    address: str, settings: Settings, open_estimator: Opener
) -> Iterator[ClusterMeasure]:
    """Join a cluster to measure on.

    Raises:
        PoseError: there is no cluster at the address.
    """
    with connected(address) as resources:
        gpu = on_gpu(settings, resources)
        executor = RayExecutor(settings.cluster, on_gpu=gpu)
        slots = Slots(settings.cluster, on_gpu=gpu, look=resources_now)
        yield ClusterMeasure(executor, slots, open_estimator)
