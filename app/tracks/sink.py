"""The end of the road: one source's results are counted and handed to every writer.

Every writer is closed with the same ending, also after an error. A required writer
that fails ends the source; an optional one (overlay, extra formats) is closed and left out, its
failure is kept, and the others continue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from app.tracks.writer import ClosedWithItsBlock, Ending, Writer
from engine.types import Result


@dataclass(slots=True)
class Counts:
    """What has passed so far."""

    frames: int = 0
    people: int = 0  # summed over the frames
    dropped: int = 0
    ids: set[int] = field(default_factory=set)

    def add(self, result: Result) -> None:
        """Count one frame."""
        self.frames += 1
        self.people += len(result.poses)
        self.dropped = max(self.dropped, result.dropped)
        self.ids.update(number for number in result.poses.ids.tolist() if number >= 0)

    def ending(self, error: str | None) -> Ending:
        """The same for a file's last line."""
        return Ending(self.frames, self.people, self.dropped, error)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    writer: Writer
    optional: bool


class Sink(ClosedWithItsBlock):
    """Writers of one source's results. A context manager: the block's error is the ending's."""

    def __init__(self, *writers: Writer) -> None:
        """Begin with these required writers."""
        self.counts = Counts()
        self.notes: list[str] = []  # what writers say at their end, such as that sound is missing
        self.failures: dict[str, Exception] = {}  # of optional writers, by name
        self.error: str | None = None  # what cut the source short; goes into the ending
        self._entries = [_Entry("", writer, optional=False) for writer in writers]

    def open(self, name: str, opener: Callable[[], Writer], *, optional: bool = False) -> None:
        """Open a writer and add it; one that is optional may fail, which is kept under its name.

        Raises:
            PoseError: a required one cannot be opened.
        """
        try:
            self._entries.append(_Entry(name, opener(), optional))
        except Exception as error:
            if not optional:
                raise
            self.failures[name] = error

    def write(self, result: Result) -> None:
        """Hand one frame to every writer, and count it.

        Raises:
            PoseError: a required writer cannot take it.
        """
        for entry in list(self._entries):
            try:
                entry.writer.write(result)
            except Exception as error:
                if not entry.optional:
                    raise
                self._drop(entry, error)
        self.counts.add(result)

    def close(self, error: str | None = None) -> None:
        """Close every writer with what was counted; may be called twice.

        Args:
            error: what cut the source short; None: nothing.

        Raises:
            PoseError: the first failure of a required writer, once all are closed.
        """
        self.error = self.error or error
        failed: Exception | None = None
        while self._entries:
            entry = self._entries.pop(0)
            try:
                entry.writer.close(self.counts.ending(self.error))
            except Exception as failure:  # noqa: BLE001 - raised below, or kept
                if entry.optional:
                    self.failures.setdefault(entry.name, failure)
                else:
                    failed = failed or failure
            self._take_note(entry.writer)
        if failed is not None:
            raise failed

    def _drop(self, entry: _Entry, error: Exception) -> None:
        """Close an optional writer that failed, and continue without it."""
        self._entries.remove(entry)
        self.failures[entry.name] = error
        try:
            entry.writer.close(self.counts.ending(str(error) or type(error).__name__))
        except Exception as failure:  # noqa: BLE001 - the first failure says more
            error.add_note(f"and closing failed: {failure}")
        self._take_note(entry.writer)

    def _take_note(self, writer: Writer) -> None:
        note = getattr(writer, "note", "")  # of NDJSON a method, for remarks about people
        if isinstance(note, str) and note:
            self.notes.append(note)
