"""One input of `process` from its source to its files, resumed where an earlier run stopped.

The tracks are written as the frames come (app.process.journal). Everything else – other formats,
the overlay, the report – is made from tracks and pictures, so what is missing or damaged is made
again from finished tracks at the speed of decoding. Only the tracks are required: where another
output fails, the tracks still go to the end, and the failure is reported.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from app.process import sinks
from app.process.content import Content
from app.process.inputs import Job
from app.process.outcome import Outcome
from app.process.outputs import Outputs
from app.process.progress import Bars
from app.process.records import Records
from app.process.supply import HERE, Supply
from app.signals import Stop
from app.tracks.ledger import Output
from app.tracks.ndjson import read as read_tracks
from app.tracks.rounding import rounded
from app.tracks.sink import Sink
from app.tracks.unexpected import explained
from engine.errors import OutputError, SettingsError, SourceError
from engine.estimator import PoseEstimator
from engine.files import claimed
from engine.offline.postprocess import postprocess
from engine.offline.recording import collect
from engine.pipeline import associate
from engine.settings import Settings
from engine.sources.addresses import shown
from engine.sources.excerpt import Rest
from engine.sources.source import Source, can_be_read_again, notes_of
from engine.tracking.camera_motion import CameraMotion
from engine.tracking.stages import Stages
from engine.types import Frame, Result

_INTERRUPTED = "interrupted"


def alone(job: Job, files: Outputs, process: Callable[[], Outcome]) -> Outcome:
    """Process an input, unless another command works on its files: that is the outcome then."""
    try:
        with claimed(files.folder, files.name):
            return process()
    except OutputError as error:
        return Outcome(shown(job.source), error=str(error))


def process_one(
    job: Job,
    files: Outputs,
    settings: Settings,
    estimator: PoseEstimator,
    bars: Bars,
    stop: Stop,
    *,
    force: bool = False,
    supply: Supply = HERE,
) -> Outcome:
    """Run one source through the engine into its files; every failure is in the report.

    Args:
        estimator: of which `supply.detect` may need no more than what describes it.
        force: do it anew, and replace whatever files are in the way.
        supply: where frames and detections come from.
    """
    report = Outcome(shown(job.source), notes=[files.note] if files.note else [])
    began = time.perf_counter()
    try:
        with closing(job.open(supply.open)) as source:
            if settings.offline.needed and not can_be_read_again(source):
                raise SettingsError(
                    f"{shown(job.source)} can be read only once, but offline.relink, fill_gaps and "
                    "zero_phase need it twice: save it to a file first, or leave them out"
                )
            records = Records(job, files, settings, source, estimator, report, force=force)
            work = _OneInput(job, source, settings, estimator, records, report, bars, stop, supply)
            work.run()
            report.notes += notes_of(source)
    except Exception as error:  # noqa: BLE001 - the boundary: the other inputs continue
        report.error = explained(error, files.folder, report.source)
    report.seconds = time.perf_counter() - began
    return report


@dataclass(slots=True)
class _OneInput:
    """What belongs together while one input is worked on."""

    job: Job
    source: Source
    settings: Settings
    estimator: PoseEstimator
    records: Records
    report: Outcome
    bars: Bars
    stop: Stop
    supply: Supply
    content: Content = field(init=False)

    def run(self) -> None:
        """Make the tracks and all that follows from them, as far as it is not there."""
        self.content = self.records.content
        if self.supply.content is not None:
            self.content.need_key(self.supply.content, self.report.source)
        wanted = self.records.wanted()
        if not wanted:
            self.report.skipped = True
            self.report.counts.frames = self.records.journal.frames
            return
        self.records.begin(wanted)
        self.bars.start(self.source)
        page = next((output for output in wanted if output.name == "report"), None)
        others = [output for output in wanted if output not in (page, self.records.tracks)]
        later = self.settings.offline.needed
        if self.records.tracks in wanted or (others and not later):
            self._first_pass([] if later else others)
        if later and others and not self.stop.asked:
            self._second_pass(others)
        if page is not None and self.report.error is None:
            self._write_page(page)
        if not self.report.counts.frames and self.records.journal.finished:
            for result in self.records.journal.replay():
                self.report.counts.add(result)

    def _first_pass(self, others: Sequence[Output]) -> None:
        """Make the tracks, or replay them, and write the others on the way."""
        try:
            with Sink(self.records.journal) as sink:
                self._write(sink, self._results(), others, self.source)
        except SourceError as error:
            if not self.settings.offline.needed:
                raise  # else what could be read is followed up, and the loss is in the report
            self.report.error = str(error)
        finally:
            self.records.take(sink, others)

    def _second_pass(self, others: Sequence[Output]) -> None:
        """Look at the whole recording and write all files from what comes of it."""
        header, results = read_tracks(self.records.journal.tracks)
        recording = collect(results, self.estimator.skeleton, header)
        whole = postprocess(recording, self.settings.offline)
        sink = Sink()
        sink.error = self.report.error
        try:
            with closing(self.job.open(self.supply.open)) as again, sink:
                self.content.need_same()
                pictures = self._with_pictures(whole.results(), again.frames())
                self._write(sink, pictures, others, again)
        finally:
            self.records.take(sink, others)

    def _write(
        self, sink: Sink, results: Iterator[Result], others: Sequence[Output], source: Source
    ) -> None:
        for output in others:
            opener = sinks.opener(output, self.job, source, self.settings, self.estimator)
            if output.name == "overlay" and self.supply.overlay is not None:
                opener = self.supply.overlay
            sink.open(output.name, opener, optional=output.name != "ndjson")
        for result in results:
            sink.write(result)
            self.bars.advance(sink.counts.frames)
        self.content.need_same()
        if self.stop.asked:
            sink.error = self.report.error = _INTERRUPTED

    def _results(self) -> Iterator[Result]:
        """What is there already with its pictures, then what is not."""
        frames = self.source.frames()
        journal = self.records.journal
        for result in journal.replay():
            frame = next(frames, None)
            if self.stop.asked:
                return
            if frame is None or frame.index != result.frame.index:
                raise SourceError(
                    f"{self.source.name} has no frame {result.frame.index} any more; start over "
                    "with --force"
                )
            yield replace(result, frame=frame)
        if not journal.finished and not self.stop.asked:
            yield from self._fresh(frames)

    def _fresh(self, frames: Iterator[Frame]) -> Iterator[Result]:
        """The rest of the frames through the engine."""
        camera, stages = CameraMotion(), Stages(self.settings, self.estimator.skeleton)
        self.records.journal.continue_with(camera, stages)
        rest = Rest(self.source, frames)
        wanted = camera if self.settings.tracking.enabled else None
        detections = self.supply.detect(rest, self.estimator, wanted)
        with closing(detections):  # type: ignore[type-var]
            for result in associate(detections, {rest.name: (stages,)}):
                yield replace(result, poses=rounded(result.poses))
                if self.stop.asked:
                    return

    def _with_pictures(
        self, results: Iterator[Result], frames: Iterator[Frame]
    ) -> Iterator[Result]:
        for result in results:
            frame = next(frames, None)
            if frame is None or self.stop.asked:
                return
            yield replace(result, frame=frame, poses=rounded(result.poses))

    def _write_page(self, page: Output) -> None:
        """Write the page about the quality of the finished tracks."""
        from app.track_report.page import write_report

        def frames() -> Iterator[Frame]:
            with closing(self.job.open()) as again:
                self.content.need_same()
                yield from again.frames()

        try:
            write_report(
                self.records.final, page.path, frames if can_be_read_again(self.source) else None
            )
        except Exception as error:  # noqa: BLE001 - a failed page is reported, and the tracks stay
            self.records.failed(page, error)
        else:
            self.records.done(page)
