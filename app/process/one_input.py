"""One input of `process` from its source to its files, going on where an earlier run stopped.

The tracks are written as the frames come (app.process.journal). Everything else – other formats,
the overlay, the report – is made from tracks and pictures, so after a stop it is made again from
the finished tracks at the speed of decoding. What needs the whole recording comes after the last
frame.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from app.process import sinks
from app.process.inputs import Job, Outputs
from app.process.journal import Journal, Rest, choice, content_hash
from app.process.outcome import Outcome
from app.process.progress import Bars
from app.process.supply import HERE, Supply
from app.signals import Stop
from app.tracks.ndjson import read as read_tracks
from app.tracks.rounding import rounded
from app.tracks.writer import Writer
from engine.errors import OutputError, PoseError, SettingsError, SourceError
from engine.estimator import PoseEstimator
from engine.offline.postprocess import postprocess
from engine.offline.recording import collect
from engine.pipeline import associate
from engine.settings import Settings
from engine.sources import open_source
from engine.sources.addresses import shown
from engine.sources.source import Source, can_be_read_again, files_of, notes_of, stored_of
from engine.tracking.camera_motion import CameraMotion
from engine.tracking.stages import Stages, smoothed
from engine.types import Frame, Result

_INTERRUPTED = "interrupted"


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
    """Run one source through the engine into its files; failures are in the report.

    Args:
        estimator: of which `supply.detect` may need no more than what describes it.
        force: do it anew, whatever is there.
        supply: where frames and detections come from.
    """
    report = Outcome(shown(job.source))
    began = time.perf_counter()
    try:
        source = supply.open(job.source)
        with closing(source):
            if settings.offline.needed and not can_be_read_again(source):
                raise SettingsError(
                    f"{shown(job.source)} can be read only once, but offline.relink, fill_gaps and "
                    "zero_phase need it twice: save it to a file first, or leave them out"
                )
            work = _Work(source, files, settings, estimator, report, bars, stop, force, supply)
            work.run()
            work.follow_up(job.source)
            report.notes += notes_of(source)
    except PoseError as error:
        report.error = str(error)
    report.seconds = time.perf_counter() - began
    return report


@dataclass(slots=True)
class _Work:
    """What belongs together while one input is worked on."""

    source: Source
    files: Outputs
    settings: Settings
    estimator: PoseEstimator
    report: Outcome
    bars: Bars
    stop: Stop
    force: bool
    supply: Supply
    journal: Journal | None = None

    def run(self) -> None:
        """Make the tracks and, unless that has to wait for the last frame, all that follows."""
        journal = self.journal = self._journal()
        if journal.finished and journal.done == self._choice and self.files.complete():
            self.report.skipped, self.report.frames = True, journal.frames
            self.report.outputs = self.files.all()
            return
        if journal.frames:
            self.report.notes.append(f"went on after {journal.frames} frames that were there")
        self.bars.start(self.source)
        try:
            self._make_tracks(journal)
        except SourceError:
            if not self.settings.offline.needed:
                raise  # else: what could be read is followed up, and the loss is in the report
        if self.stop.asked:
            self.report.error = _INTERRUPTED

    def _make_tracks(self, journal: Journal) -> None:
        with self._closing(journal), self._writing(not self.settings.offline.needed) as writers:
            frames = self.source.frames()
            for result in self._replayed(journal, frames):
                self._deliver(result, writers)
            if not journal.finished and not self.stop.asked:
                for result, stages in self._fresh(journal, frames):
                    journal.write(result, stages)
                    self._deliver(result, writers)
            if self.stop.asked:
                self.report.error = _INTERRUPTED

    def follow_up(self, text: str) -> None:
        """Make what has to wait for the last frame, and note that everything is there."""
        if self.report.skipped or self.stop.asked:
            return
        if self.settings.offline.needed:
            self.finish_offline(text)
        if self.report.error is None and self.journal is not None:
            if self.files.report is not None:
                self.write_report(self.files.report, text)
            self.journal.mark_done(self._choice)

    @property
    def _choice(self) -> str:
        return choice(self.settings.model_dump(mode="json"))

    def finish_offline(self, text: str) -> None:
        """Look at the whole recording and write all files from what comes of it."""
        self._set_edits_aside()
        header, results = read_tracks(self._tracks)
        recording = collect(results, self.estimator.skeleton, header)
        whole = postprocess(recording, self.settings.offline)
        self.report.frames = self.report.people = 0
        self.report.ids.clear()
        again = self.supply.open(text)
        with closing(again), self._writing(True) as writers:
            pictures = again.frames()
            for result in whole.results():
                frame = next(pictures, None)
                if frame is None or self.stop.asked:
                    break
                self._deliver(replace(result, frame=frame, poses=rounded(result.poses)), writers)
            if self.stop.asked:
                self.report.error = _INTERRUPTED

    def write_report(self, page: Path, text: str) -> None:
        """Write the page about the quality of the finished tracks."""
        from app.track_report.page import write_report

        def frames() -> Iterator[Frame]:
            with closing(open_source(text)) as again:
                yield from again.frames()

        again = frames if can_be_read_again(self.source) else None
        write_report(self.files.tracks.get("ndjson", self._tracks), page, again)

    @property
    def _tracks(self) -> Path:
        """The tracks as they are written on the way."""
        wanted = "ndjson" in self.settings.output.formats and not self.settings.offline.needed
        return self.files.tracks["ndjson"] if wanted else self.files.hidden(".ndjson")

    def _journal(self) -> Journal:
        journal = self._opened()
        if not journal.frames and not journal.finished:
            self._set_edits_aside()
            journal.begin()
        return journal

    def _set_edits_aside(self) -> None:
        """Nobody's corrections are written over without being asked for."""
        log = self.files.folder / f"{self.files.name}.edits.jsonl"
        if not log.exists():
            return
        if not self.force:
            raise OutputError(
                f"{log} holds edits of tracks that would be made anew, because the input or the "
                "settings changed; choose another folder with -o, or set them aside with --force"
            )
        kept = log.with_suffix(".before")
        log.replace(kept)
        self.files.hidden(".original.ndjson").unlink(missing_ok=True)
        self.report.notes.append(f"earlier edits are in {kept}; `edit replay` applies them again")

    def _opened(self) -> Journal:
        return Journal(
            self._tracks,
            self.files.hidden(".json"),
            sinks.header(self.source, self.settings, self.estimator),
            _content(self.source),
            raw=smoothed(self.settings),
            batch=self.estimator.batch,
            force=self.force,
        )

    def _replayed(self, journal: Journal, frames: Iterator[Frame]) -> Iterator[Result]:
        """What is there already, with its pictures."""
        for result in journal.replay():
            frame = next(frames, None)
            if frame is None or frame.index != result.frame.index or self.stop.asked:
                return
            yield replace(result, frame=frame)

    def _fresh(
        self, journal: Journal, frames: Iterator[Frame]
    ) -> Generator[tuple[Result, Sequence[Any]], None, None]:
        """What is not, and the camera and stages in their state after each frame."""
        camera, stages = CameraMotion(), Stages(self.settings, self.estimator.skeleton)
        kept = (camera, stages)
        if journal.states:
            camera.restore(journal.states[0])
            stages.restore(journal.states[1])
        rest = Rest(self.source, frames)
        wanted = camera if self.settings.tracking.enabled else None
        detections = self.supply.detect(rest, self.estimator, wanted)
        with closing(detections):  # type: ignore[type-var]
            for result in associate(detections, {rest.name: (stages,)}):
                yield replace(result, poses=rounded(result.poses)), kept
                if self.stop.asked:
                    return

    def _deliver(self, result: Result, writers: Sequence[Writer]) -> None:
        for writer in writers:
            writer.write(result)
        self.report.count(result)
        self.bars.advance(self.report.frames)

    @contextmanager
    def _closing(self, journal: Journal) -> Iterator[None]:
        """Close the tracks with how the source ended, whatever happens in the block."""
        try:
            yield
        except BaseException as error:
            self.report.error = str(error) or type(error).__name__
            raise
        finally:
            journal.close(self.report.ending)

    @contextmanager
    def _writing(self, now: bool) -> Iterator[list[Writer]]:
        """The other files, closed likewise; none if it is not yet time for them."""
        writers: list[Writer] = []
        try:
            if now:
                sinks.open_writers(
                    writers, self.source, self.files, self.settings, self.estimator, self._tracks
                )
                if self.supply.also is not None:
                    writers.append(self.supply.also())
                self.report.outputs = self.files.all()
            yield writers
        except BaseException as error:
            self.report.error = str(error) or type(error).__name__
            raise
        finally:
            for writer in writers:
                try:
                    writer.close(self.report.ending)
                except OutputError as error:
                    self.report.error = self.report.error or str(error)
                note = getattr(writer, "note", "")
                self.report.notes += [note] if note else []


def _content(source: Source) -> str | None:
    """The hash of what the source reads; None where it can be read only once."""
    stored = stored_of(source)
    if stored is not None:
        return stored.version
    files = files_of(source)
    try:
        return content_hash(files) if files else None
    except OSError as error:
        raise SourceError(f"cannot read {source.name}: {error.strerror}") from error
