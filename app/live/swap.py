"""The estimator of a live run, which another one may replace between two batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.live.torch_loading import load_engine
from engine.errors import PoseError
from engine.network.choice import weights_for
from engine.network.thresholds import thresholds_of, with_thresholds
from engine.settings import EngineSettings, Settings
from engine.types import Frame, Poses

if TYPE_CHECKING:
    from app.overlay.heat import Heat
    from engine.estimator import PoseEstimator

OpenEstimator = Callable[[Settings], AbstractContextManager["PoseEstimator"]]


def open_suited(
    settings: Settings, opener: OpenEstimator | None = None
) -> AbstractContextManager[PoseEstimator]:
    """The estimator for these settings, with the thresholds that suit its checkpoint.

    Args:
        opener: for tests and measurements; the real one by default.

    Raises:
        PoseError: the weights or the device cannot be used.
    """
    suited = with_thresholds(settings, thresholds_of(weights_for(settings.engine)))
    if opener:
        return opener(suited)
    load_engine()
    from engine.network.opening import open_estimator

    return open_estimator(suited)


@dataclass(slots=True, eq=False)
class _Loaded:
    """An estimator and the tickets it still owes."""

    estimator: PoseEstimator
    engine: EngineSettings
    resources: ExitStack
    in_flight: int = 0


class Swap:
    """What `engine.pipeline.run` takes for an estimator; belongs to the engine thread.

    While a new estimator is loaded the old one is kept, so one that cannot be used costs nothing
    but a sentence.
    """

    def __init__(
        self,
        open_estimator: OpenEstimator,
        settings: Settings,
        ready: Callable[[PoseEstimator, EngineSettings], None],
        failed: Callable[[str, EngineSettings], None],
    ) -> None:
        """Load the first estimator.

        Args:
            open_estimator: loads one.
            settings: of the first one.
            ready: called with every estimator that is about to be used.
            failed: called with a sentence and the engine that continues.

        Raises:
            PoseError: the first one cannot be used.
        """
        self._open, self._ready, self._failed = open_estimator, ready, failed
        self._wanted = settings
        self.prepare: Callable[[], None] = lambda: None  # called before every batch
        self._old: list[_Loaded] = []
        self._now = self._load(settings)
        ready(self._now.estimator, self._now.engine)

    @property
    def estimator(self) -> PoseEstimator:
        """The one that takes frames."""
        return self._now.estimator

    @property
    def batch(self) -> int:
        """Frames per submission."""
        return self.estimator.batch

    @property
    def depth(self) -> int:
        """Submissions in flight."""
        return self.estimator.depth

    @property
    def times(self) -> Mapping[str, float]:
        """Seconds that each step of the batch collected last took."""
        return self.estimator.times

    def want(self, settings: Settings) -> None:
        """Use these engine settings from the next batch on. Any thread."""
        self._wanted = settings

    def submit(self, frames: Sequence[Frame]) -> tuple[_Loaded, Any]:
        """Start on a batch, after loading what is wanted by now."""
        wanted = self._wanted
        if wanted.engine != self._now.engine:
            self._replace(wanted)
        self.prepare()
        self._now.in_flight += 1
        return self._now, self.estimator.submit(frames)

    def collect(self, ticket: tuple[_Loaded, Any]) -> list[Poses]:
        """Wait for a batch."""
        loaded, inner = ticket
        poses = loaded.estimator.collect(inner)
        loaded.in_flight -= 1
        self._close_unused()
        return poses

    def heat(self, source: str) -> Heat | None:
        """The heatmap of the source's frame that was collected last, while a joint is watched."""
        from app.overlay.heat import Heat

        seen = self.estimator.heatmaps.get(source)
        if seen is None:
            return None
        joint, placed, response = seen
        return Heat.of(self.estimator.skeleton.names[joint], placed, response)

    def close(self) -> None:
        """Give all devices back."""
        for loaded in (*self._old, self._now):
            loaded.resources.close()

    def _replace(self, wanted: Settings) -> None:
        try:
            new = self._load(wanted)
        except PoseError as error:
            if self._wanted is wanted:
                self._wanted = wanted.model_copy(update={"engine": self._now.engine})
            self._failed(str(error), self._now.engine)
            return
        self._old.append(self._now)
        self._now = new
        self._ready(new.estimator, new.engine)

    def _load(self, settings: Settings) -> _Loaded:
        with ExitStack() as resources:
            estimator = resources.enter_context(self._open(settings))
            return _Loaded(estimator, settings.engine, resources.pop_all())
        raise AssertionError("an estimator was loaded or an error raised")

    def _close_unused(self) -> None:
        for loaded in self._old:
            if not loaded.in_flight:
                loaded.resources.close()
        self._old = [loaded for loaded in self._old if loaded.in_flight]
