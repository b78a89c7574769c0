"""One file of a recording: a queue, a thread that writes, and counters of its own."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.live.protocol import RecordedFile
from app.overlay.look import Look
from app.overlay.traces import NO_TRACES, Traces
from app.tracks.sink import Counts
from app.tracks.writer import Ending
from engine.cores import stand_back
from engine.errors import OutputError
from engine.types import Result

_MOST_BYTES = 96 << 20  # of pictures that wait
_FEWEST = 8  # frames that may wait, however large

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """A frame with what is drawn on it."""

    result: Result
    traces: Traces = NO_TRACES
    look: Look | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A remark about a person, for the tracks."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Two numbers turned out to be one person."""

    before: int  # is not used any more
    now: int


Remark = Note | Joined


class File(Protocol):
    """What a lane writes to."""

    def write(self, item: Item) -> None:
        """Append one frame."""
        ...

    def note(self, remark: Remark) -> None:
        """Keep a remark, where the format has a place for it."""
        ...

    def close(self, ending: Ending) -> None:
        """Complete the file."""
        ...


class Lane:
    """Writes one file without ever stopping the thread that delivers frames.

    A frame that finds the queue full is missed and counted. An error ends this file only.
    """

    def __init__(
        self,
        source: str,
        path: Path,
        open_file: Callable[[Path, Item], File],
        *,
        failed: Callable[[Path, str], None],
        arrived: Callable[[], int],
        pictures: bool = True,
    ) -> None:
        """Start the thread; the file is created at the first frame.

        Args:
            open_file: makes the file, knowing its first frame.
            failed: called with a sentence when the file ends early.
            arrived: how many frames of the source there were so far.
            pictures: whether the frames' pixels are needed.
        """
        self.source = source
        self._path, self._open, self._failed = path, open_file, failed
        self._arrived, self._pictures = arrived, pictures
        self._waiting: queue.Queue[Item | Remark | None] = queue.Queue()
        self._counts, self._missed = Counts(), 0
        self._seconds = 0.0
        self._error: str | None = None
        self._ended = self._broken = False
        self._thread = threading.Thread(target=self._run, name=f"recording {path.name}")
        self._thread.daemon = True
        self._thread.start()

    @property
    def state(self) -> RecordedFile:
        """How far the file is."""
        frames = self._counts.frames
        return RecordedFile(
            self._path,
            self.source,
            frames,
            self._missed,
            self._seconds,
            self._error,
            self._broken,
        )

    def put(self, item: Item | Remark) -> None:
        """Hand over a frame, or count it as missed; returns at once."""
        if self._error is not None or self._ended:
            return
        if isinstance(item, Item) and self._pictures:
            size = max(item.result.frame.pixels.nbytes, 1)
            if self._waiting.qsize() >= max(_FEWEST, _MOST_BYTES // size):
                self._missed += 1
                return
        self._waiting.put(item)

    def end(self, error: str | None = None) -> None:
        """Write what waits and complete the file, on its own thread."""
        if not self._ended:
            self._ended = True
            self._error = self._error or error
            self._waiting.put(None)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the file is complete."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        stand_back()
        file: File | None = None
        while (item := self._waiting.get()) is not None:
            if self._broken:
                continue  # what waits is forgotten
            try:
                file = self._written(file, item)
            except Exception as error:  # noqa: BLE001 - one file's fault must not end the others
                self._fail(error)
        if file:
            self._close(file)

    def _written(self, file: File | None, item: Item | Remark) -> File | None:
        if not isinstance(item, Item):
            if file:
                file.note(item)
            return file
        if file:
            self._must_exist()
        file = file or self._open(self._path, item)
        file.write(item)
        self._counts.add(item.result)
        self._seconds = item.result.frame.time
        return file

    def _close(self, file: File) -> None:
        self._counts.dropped = max(self._arrived() - self._counts.frames, self._missed)
        try:
            if not self._broken:
                self._must_exist()
            file.close(self._counts.ending(self._error))
        except Exception as error:  # noqa: BLE001 - likewise
            self._fail(error)

    def _must_exist(self) -> None:
        """What is written to a file that was removed is lost, and no system says so."""
        if not self._path.exists():
            raise OutputError("the file was removed, or its disk was taken away")

    def _fail(self, error: Exception) -> None:
        text = str(error) or type(error).__name__
        log.info("recording %s failed", self._path, exc_info=error)
        if not self._broken:
            self._failed(self._path, text)
        self._error, self._broken = text, True
