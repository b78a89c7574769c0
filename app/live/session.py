"""One live run: sources, inbox, estimator and stages put together, with knobs and a stop.

`results` runs on the engine thread, which loads and owns the network. Everything else may be called
from any thread and returns at once: it replaces a reference that the engine reads once per batch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from app.live.protocol import (
    Event,
    Picture,
    Plan,
    Player,
    Ready,
    RecordPlan,
    SourceState,
    Tell,
)
from app.live.torch_loading import give_memory_back, load_engine
from engine.inbox import Inbox
from engine.network.thresholds import Thresholds, thresholds_of, with_thresholds
from engine.pipeline import run
from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.sources.camera import CameraRequest
from engine.sources.live import open_live
from engine.sources.paced import Paced, Players
from engine.sources.reconnect import Change
from engine.sources.reported import Reported
from engine.sources.source import Source
from engine.tracking.stages import Stages
from engine.types import Frame, Result

if TYPE_CHECKING:
    from app.live.recording import Recorder
    from engine.estimator import PoseEstimator

OpenEstimator = Callable[[Settings], AbstractContextManager["PoseEstimator"]]
OpenSource = Callable[..., Source]
_LONGEST_FINISH = 25.0  # s that writing the rest of a recording may take


class LiveSession:
    """Implements `app.live.protocol.Session`; without a window it is used just the same."""

    def __init__(
        self,
        plan: Plan,
        tell: Tell,
        *,
        wanted: CameraRequest | None = None,
        open_estimator: OpenEstimator | None = None,
        open_source: OpenSource = open_live,
    ) -> None:
        """Prepare; nothing is loaded or opened yet.

        Args:
            plan: what to run.
            tell: is given every event, on the thread where it happens.
            wanted: what to ask cameras for.
            open_estimator: for tests and measurements; the real one by default.
            open_source: likewise.
        """
        self._plan = plan
        self._tell = tell
        self._wanted = wanted
        self._open_estimator, self._open_source = open_estimator, open_source
        self._settings = plan.settings
        self._suiting = Thresholds()  # of the checkpoint, once it is known
        self._watched: int | None = None
        self._stopped = threading.Event()
        self._sources: list[Source] = []
        self._inbox: Inbox | None = None
        self._after: dict[str, Stages] = {}
        self._recorder: Recorder | None = None
        self._finishing: Recorder | None = None  # the last one that was told to end
        self._estimator: PoseEstimator | None = None

    @property
    def sources(self) -> Sequence[Source]:
        """What is being read, once `results` has begun."""
        return self._sources

    @property
    def player(self) -> Player | None:
        """The transport, once all sources are known to be files that are played by the clock."""
        players = [s.inner for s in self._sources if isinstance(s, Reported)]
        files = [p for p in players if isinstance(p, Paced)]
        return Players(files) if files and len(files) == len(self._sources) else None

    def results(self) -> Generator[Result, None, None]:
        """Load the engine, open the sources and yield a result per frame until the end or a stop.

        Raises:
            PoseError: a source, the weights or the device cannot be used.
        """
        try:
            if not self._stopped.is_set():
                yield from self._results()
        finally:
            self._estimator = None
            give_memory_back()

    def _results(self) -> Generator[Result, None, None]:
        self._suiting = thresholds_of(self._settings.engine.weights)
        self.change(self._settings)
        self._sources = self._prepared()
        self._all_are("Loading the network…")
        with self._opened() as estimator:
            self._estimator = estimator
            on_cpu = estimator.device.name == "cpu"
            if on_cpu:
                estimator.depth = 1  # a second batch in flight would only make the first one older
            estimator.batch = len(self._sources)
            self._tell(_ready(estimator, self._suiting.values))
            self._all_are("Opening…")
            names = [source.name for source in self._sources]
            self._inbox = inbox = Inbox(names, "all" if self._plan.fast else "newest")
            if self._stopped.is_set():
                return
            try:
                for result in run(
                    self._sources, inbox, estimator, self._stages(estimator.skeleton)
                ):
                    self._apply(estimator)
                    if self._recorder:
                        self._recorder.add(result)
                    yield result
            finally:
                self.stop()
                self.record(None)
                if self._finishing:  # its files are whole before anybody may end the program
                    self._finishing.wait(_LONGEST_FINISH)

    def picture(self, frame: Frame, size: tuple[int, int]) -> Picture:
        """(h, w, 4) uint8 BGRX in the largest size that fits `size`, screen pixels."""
        from app.live.picture import fit_picture, with_heat

        picture = fit_picture(frame.pixels, size)
        heat = self._estimator.heatmaps.get(frame.source) if self._estimator else None
        if self._watched is None or heat is None:
            return picture
        return with_heat(picture, *heat)

    def stop(self) -> None:
        """End `results`: wake every thread that waits. Any thread; idempotent."""
        self._stopped.set()
        for source in self._sources:
            source.close()
        if self._inbox:
            self._inbox.close()

    def change(self, settings: Settings) -> None:
        """Use these thresholds and filters from the next batch on."""
        self._settings = with_thresholds(settings, self._suiting)

    def watch(self, joint: int | None) -> None:
        """Lay the heatmap of this keypoint over the pictures from the next batch on."""
        self._watched = joint

    def record(self, plan: RecordPlan | None) -> None:
        """Start a recording, or finish the one that runs."""
        before, self._recorder = self._recorder, None
        if before:
            before.finish()
            self._finishing = before
        if plan and self._after:
            from app.live.recording import Recorder

            skeleton = next(iter(self._after.values())).skeleton
            display = self._settings.display
            self._recorder = Recorder(plan, self.header, skeleton, display, self._tell)

    def header(self, result: Result) -> dict[str, Any]:
        """What a file or a listener is told of the source of a result, and how it is made."""
        from app.process.sinks import header

        assert self._estimator is not None, "there is a result, so there is an estimator"
        source = next(s for s in self._sources if s.name == result.frame.source)
        facts = header(source, self._settings, self._estimator)
        return {**facts, "size": list(result.frame.size), "live": True}

    def _opened(self) -> AbstractContextManager[PoseEstimator]:
        if self._open_estimator:
            return self._open_estimator(self._settings)
        load_engine()
        from engine.estimator import open_estimator

        return open_estimator(self._settings)

    def _prepared(self) -> list[Source]:
        plan = self._plan
        alone = len(plan.sources) == 1
        return [
            Reported(
                self._open_source(
                    text, self._told, fast=plan.fast, loop=plan.loop, wanted=self._wanted
                ),
                self._told,
                alone=alone,
            )
            for text in plan.sources
        ]

    def _stages(self, skeleton: Skeleton) -> Callable[[str], Sequence[Stages]]:
        def make(source: str) -> Sequence[Stages]:
            self._after[source] = Stages(self._settings, skeleton)
            return (self._after[source],)

        return make

    def _apply(self, estimator: PoseEstimator) -> None:
        settings = self._settings
        estimator.grouping = settings.grouping
        estimator.watched = self._watched
        for stage in self._after.values():
            stage.use(settings)

    def _all_are(self, text: str) -> None:
        for source in self._sources:
            self._tell(SourceState(source.name, "opening", text))

    def _told(self, change: Change) -> None:
        self._tell(_as_state(change))


def _ready(estimator: PoseEstimator, suiting: Mapping[str, float]) -> Ready:
    return Ready(
        estimator.device.description,
        estimator.device.precision,
        estimator.checkpoint.name,
        estimator.skeleton,
        estimator.input_size,
        suiting,
    )


def _as_state(change: Change) -> Event:
    info = change.info
    mode = ""
    if info:
        rate = f", {info.rate:g} fps" if info.rate else ""
        mode = f"{info.size[0]}x{info.size[1]}{rate}, {info.codec}"
    return SourceState(
        change.source,
        change.status,
        change.text,
        duration=info.duration if info else None,
        rate=info.rate if info else None,
        mode=mode,
    )
