"""What is on disk of one input: its journal, and the record of the files that we wrote.

Decides what has to be made: a file that is as we wrote it, with the same settings, stays; one that
is missing, emptied, cut or zeroed is made again; one that the user changed is never replaced.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from app.process import sinks
from app.process.content import Content
from app.process.inputs import Job
from app.process.journal import Journal, choice
from app.process.outcome import Outcome
from app.process.outputs import Outputs
from app.tracks.ledger import Ledger, Output
from app.tracks.sink import Sink
from app.tracks.switch import finish_switch
from app.tracks.unexpected import explained
from engine.errors import OutputError
from engine.estimator import PoseEstimator
from engine.files import sync_files
from engine.settings import Settings
from engine.sources.source import Source
from engine.tracking.stages import smoothed

BY = "process"


class Records:
    """The journal and the ledger of one input."""

    def __init__(
        self,
        job: Job,
        files: Outputs,
        settings: Settings,
        source: Source,
        estimator: PoseEstimator,
        report: Outcome,
        *,
        force: bool,
    ) -> None:
        """Read what an earlier run left.

        Raises:
            DataError: the journal or the ledger is damaged.
            SourceError: the input cannot be read.
        """
        self._files, self._force, self._report = files, force, report
        finish_switch(files.folder, files.name, force=force)
        self.content = Content(source)
        self.ledger = Ledger(files.folder, files.name, force=force)
        visible = "ndjson" in files.tracks and not settings.offline.needed
        self.tracks: Output = files.tracks["ndjson"] if visible else files.hidden_tracks
        self._later = settings.offline.needed
        facts = sinks.header(source, settings, estimator, job.part)
        self.journal = Journal(
            self.tracks.path,
            files.hidden(".json"),
            facts,
            self.content.key,
            raw=smoothed(settings),
            batch=estimator.batch,
            force=force,
        )
        made_by = f"{choice(settings.model_dump(mode='json'))} {self.journal.key}"
        self._how = hashlib.sha256(made_by.encode()).hexdigest()

    @property
    def final(self) -> Path:
        """The NDJSON tracks that say what the other files say."""
        found = self._files.tracks.get("ndjson")
        return found.path if found is not None else self.tracks.path

    def wanted(self) -> list[Output]:
        """The outputs that have to be made; the tracks among them unless they are finished."""
        if not self._tracks_are_there():
            return [self.tracks, *(o for o in self._files.all() if o != self.tracks)]
        return [o for o in self._files.all() if o != self.tracks and not self._is_ready(o)]

    def _tracks_are_there(self) -> bool:
        """Whether they are finished and whole; if not, the journal starts over or resumes."""
        journal, note = self.journal, self._report.notes.append
        condition = self.ledger.condition(self.tracks)
        if journal.finished and condition == "begun" and journal.intact():
            self.ledger.finish(self.tracks, BY, self._how)
            condition = "whole"
        if journal.finished and condition in ("whole", "changed"):
            return True
        if journal.finished or journal.damaged:
            note(f"{self.tracks.path} was damaged or lost; it is made again")
            journal.begin_anew()
        if journal.frames:
            note(f"resumed after {journal.frames} frames")
        return False

    def _is_ready(self, output: Output) -> bool:
        condition = self.ledger.condition(output)
        same = self.ledger.how(output) == self._how
        if condition == "changed" and same:
            changed = ", ".join(map(str, self.ledger.changed(output)))
            self._report.notes.append(f"{changed} was changed by hand and is left as it is")
            return True
        if condition == "broken" and same:
            self._report.notes.append(f"{output.path} was damaged or lost; it is made again")
        return condition == "whole" and same

    def begin(self, outputs: Sequence[Output]) -> None:
        """Enter what is about to be written, and remove its earlier files.

        Raises:
            OutputError: a file is in the way that we did not write, or that was changed since.
        """
        resumed = self.tracks if self.journal.frames else None
        fresh = self.tracks in outputs and resumed is None
        if fresh or self._later:  # else the edited tracks are what the others are made of
            self._set_edits_aside()
        for output in outputs:
            if output != resumed and not self.ledger.replaceable(output):
                files = self.ledger.strangers(output) or self.ledger.changed(output)
                raise OutputError(
                    f"{files[0]} is not as this program wrote it and would be replaced; choose "
                    "another folder with -o, or replace it with --force"
                )
        self.ledger.begin(outputs, BY, keep=resumed)
        if fresh:
            self.journal.begin_anew()
            self.journal.open()
        self._report.outputs = [str(output.path) for output in self._files.all()]

    def take(self, sink: Sink, outputs: Sequence[Output]) -> None:
        """Outcome what passed through a sink, and enter the outputs that are complete."""
        report = self._report
        report.counts, report.notes = sink.counts, [*report.notes, *sink.notes]
        complete = sink.error is None
        if self.journal.finished and self.ledger.condition(self.tracks) == "begun":
            self.ledger.finish(self.tracks, BY, self._how)
        for output in outputs:
            if output.name in sink.failures:
                self.failed(output, sink.failures[output.name])
            elif complete:
                self.done(output)
            else:
                sync_files(file for file in output.files() if file.is_file())

    def done(self, output: Output) -> None:
        """Enter a complete output."""
        self.ledger.finish(output, BY, self._how)

    def failed(self, output: Output, error: Exception) -> None:
        """Outcome an output that could not be made."""
        text = explained(error, self._files.folder, f"{output.path} of {self._report.source}")
        named = text if str(output.path) in text else f"{output.path}: {text}"
        self._report.missing.append(named)

    def _set_edits_aside(self) -> None:
        """Keep edits of tracks that are to be made anew; refuse to make them without --force.

        Raises:
            OutputError: there are edits.
        """
        log = self._files.folder / f"{self._files.name}.edits.jsonl"
        if not log.exists():
            return
        if not self._force:
            raise OutputError(
                f"{log} holds edits of tracks that would be made anew, because the input or the "
                "settings changed; choose another folder with -o, or set them aside with --force"
            )
        kept = log.with_suffix(".before")
        log.replace(kept)
        for ending in (".original.ndjson", ".edits.json"):
            self._files.hidden(ending).unlink(missing_ok=True)
        self._report.notes.append(f"earlier edits are in {kept}; `edit replay` applies them again")
