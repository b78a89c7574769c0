"""One live run: sources, inbox, estimator and stages put together, with knobs and a stop.

`results` runs on the engine thread, which loads and owns the network. Everything else may be called
from any thread and returns at once: it replaces a reference that the engine reads once per batch.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

from app.live.plan import CameraMode, Plan
from app.live.protocol import (
    EngineFailed,
    Flow,
    Player,
    Ready,
    RecordPlan,
    SamePerson,
    Tell,
)
from app.live.sending import Sending
from app.live.source_set import OpenSource, SourceSet, paced_in
from app.live.stages import Revisited
from app.live.swap import OpenEstimator, Swap, open_suited
from app.live.taps import Newest, Tapped
from app.live.torch_loading import give_memory_back
from app.overlay.look import Look
from app.overlay.traces import Tracer, Traces
from engine.network.choice import weights_for
from engine.network.thresholds import Thresholds, thresholds_of, with_thresholds
from engine.pipeline import run
from engine.settings import EngineSettings, Settings
from engine.sources.camera import CameraRequest
from engine.sources.live import open_live
from engine.sources.source import Source
from engine.types import Frame, Result

if TYPE_CHECKING:
    from app.live.recording import Recorder
    from app.overlay.heat import Heat
    from engine.estimator import PoseEstimator

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
        self._tell = tell
        self._open = partial(open_suited, opener=open_estimator)
        self._asked = self._settings = plan.settings  # as a person set it; as it suits the network
        self._suiting = Thresholds()  # of the checkpoint, once it is known
        self._watched: int | None = None
        self._stopped = threading.Event()
        self._set = SourceSet(plan, tell, self._arrived, wanted=wanted, open_source=open_source)
        self._newest = Newest()
        self._look = Look(display=plan.settings.display)
        self._swap: Swap | None = None
        self._stages: dict[str, Revisited] = {}
        self._tracers: dict[str, Tracer] = {}
        self.traces: dict[str, Traces] = {}
        self._recorder: Recorder | None = None
        self._finishing: Recorder | None = None  # the last one that was told to end
        self._sending = Sending(self.header, self.failed, tell, lambda: len(self.sources) == 1)
        self._error: str | None = None  # why the run ended, if it was not asked to

    @property
    def sources(self) -> Sequence[Source]:
        """What is being read, once `results` has begun."""
        return self._set.sources

    @property
    def player(self) -> Player | None:
        """The transport, if all sources are files that are played by the clock."""
        return self._set.player

    @property
    def failed(self) -> Mapping[str, str]:
        """Why nothing more comes from sources, of those that have failed by now."""
        return self._set.failed

    def flows(self) -> Mapping[str, Flow]:
        """What has become of the frames of each source."""
        return self._set.flows()

    def results(self) -> Generator[Result, None, None]:
        """Load the engine, open the sources and yield a result per frame until the end or a stop.

        Raises:
            PoseError: the weights or the device cannot be used; of sources it is only told.
        """
        try:
            yield from self._results()
        finally:
            self.record(None)
            self._newest.close()
            self._sending.close(self._error)
            give_memory_back()

    def frames(self) -> Generator[Frame, None, None]:
        """Yield the newest frame of each source as it is captured, until the end or a stop."""
        return self._newest.take()

    def _results(self) -> Generator[Result, None, None]:
        if self._stopped.is_set() or not self._set.open_all():
            return
        self._set.say("Loading the network…")
        with closing(Swap(self._open, self._asked, self._is_ready, self._has_failed)) as swap:
            self._swap, swap.prepare = swap, partial(self._apply, swap)
            self._set.say("Opening…")
            sources, inbox, captures = self._set.begin()
            self._record(*sources)
            road = run(sources, inbox, swap, self._stages_of, captures=captures)
            try:
                for result in road:
                    if self._set.source(result.frame.source):
                        self._traced(result, swap.heat(result.frame.source))
                        yield result
            except Exception as error:
                self._error = str(error) or type(error).__name__
                raise
            finally:
                self.stop()
                self.record(None)
                if self._finishing:  # its files are complete before the program may end
                    self._finishing.wait(_LONGEST_FINISH)

    def stop(self) -> None:
        """End `results`: wake every thread that waits. Any thread; idempotent."""
        self._stopped.set()
        self._set.close()
        self._newest.close()

    def add(self, source: str, name: str) -> None:
        """Watch one more source, or the one of this name again; the others continue."""
        if self._recorder:  # one that is opened again has another clock: its files are new
            self._recorder.end(name, self.failed.get(name))
        self._set.add(source, name, self._joined)

    def remove(self, name: str) -> None:
        """Do not watch this source any more; the others continue."""
        self._set.remove(name)
        if self._recorder:
            self._recorder.end(name, self.failed.get(name))

    def change(self, settings: Settings) -> None:
        """Use these values from the next batch on; another model once it is loaded."""
        self._asked = settings
        self._settings = with_thresholds(settings, self._suiting)
        if self._swap:
            self._swap.want(settings)

    def use_cameras(self, cameras: Mapping[str, CameraMode]) -> None:
        """Open sources this way from now on."""
        self._set.use(cameras)

    def look(self, look: Look) -> None:
        """Draw people this way in recordings, and count them at these zones."""
        self._look = look
        if self._recorder:
            self._recorder.look(look)

    def watch(self, joint: int | None) -> None:
        """Lay the heatmap of this keypoint over the pictures from the next batch on."""
        self._watched = joint

    def record(self, plan: RecordPlan | None) -> None:
        """Start a recording, or finish the one that runs."""
        before, self._recorder = self._recorder, None
        if before:
            before.finish(self.failed, self._error)
            self._finishing = before
        if plan:
            from app.live.recording import Recorder

            self._recorder = Recorder(plan, self.header, self._look, self._tell)
            if self._swap:  # else it begins when the network is loaded
                self._record(*self._set.sources)

    def note(self, source: str, number: int, text: str) -> None:
        """Write a remark about a person into the tracks that are being recorded."""
        if self._recorder:
            self._recorder.note(source, number, text)

    def send(self, targets: frozenset[str]) -> None:
        """Send results to exactly these targets from now on."""
        self._sending.use(targets)

    def header(self, result: Result) -> dict[str, Any]:
        """The header for a file or a receiver: the source of a result, and how it is made."""
        from app.process.sinks import header

        assert self._swap is not None, "there is a result, so there is an estimator"
        facts = header(self._set.ever(result.frame.source), self._settings, self._swap.estimator)
        return {**facts, "size": list(result.frame.size), "live": True}

    def _is_ready(self, estimator: PoseEstimator, engine: EngineSettings) -> None:
        estimator.batch = max(len(self._set.sources), 1)
        if estimator.device.name == "cpu":
            estimator.depth = 1  # a second batch in flight would only make the first one older
        self._suiting = thresholds_of(weights_for(engine))
        self._settings = with_thresholds(self._asked, self._suiting)
        self._tell(
            Ready(
                estimator.device.description,
                estimator.device.precision,
                estimator.checkpoint.name,
                estimator.skeleton,
                estimator.input_size,
                self._suiting.values,
                engine,
            )
        )

    def _has_failed(self, text: str, engine: EngineSettings) -> None:
        self._asked = self._asked.model_copy(update={"engine": engine})
        self._settings = with_thresholds(self._asked, self._suiting)
        self._tell(EngineFailed(text, self._asked))

    def _stages_of(self, source: str) -> Sequence[Revisited]:
        assert self._swap is not None, "frames come after the network is loaded"
        self._tracers[source] = Tracer()
        stage = self._stages[source] = Revisited(
            self._settings,
            self._swap.estimator.skeleton,
            seeks=paced_in(self._set.source(source)) is not None,
            joined=lambda before, now: self._one_person(source, before, now),
        )
        return (stage,)

    def _one_person(self, source: str, before: int, now: int) -> None:
        self._tell(SamePerson(source, before, now))
        if self._recorder:
            self._recorder.join(source, before, now)

    def _apply(self, swap: Swap) -> None:
        settings, estimator = self._settings, swap.estimator
        estimator.grouping = settings.grouping
        estimator.watched = self._watched
        estimator.batch = max(len(self._set.sources), 1)
        for stage in self._stages.values():
            stage.use(settings, estimator.skeleton)

    def _traced(self, result: Result, heat: Heat | None) -> None:
        """Hand a result to all who need every one of them."""
        source = result.frame.source
        traces = self._tracers[source](result.frame, result.poses, self._look, heat)
        self.traces[source] = traces
        if self._recorder:
            self._recorder.add(result, traces)
        self._sending.write(result, self._look, traces)

    def _arrived(self, frame: Frame) -> None:
        """A frame was captured. Capture thread."""
        if self._recorder:
            self._recorder.arrived(frame)
        self._newest.put(frame)

    def _joined(self, source: Tapped) -> None:
        if stage := self._stages.get(source.name):
            stage.begin_anew()
        self._record(source)

    def _record(self, *sources: Tapped) -> None:
        if recorder := self._recorder:
            for each in sources:
                recorder.begin(each.name, seeks=bool(paced_in(each)), rate=each.info.rate)
