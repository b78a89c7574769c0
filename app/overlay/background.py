"""A writer on a thread of its own, so that drawing and coding overlap with the network.

This is the one queue besides the inbox. It is on the far side of the engine and holds a few results
at most: when it is full, `write` waits, and back-pressure reaches the decoder as before.
"""

from __future__ import annotations

import queue
import threading

from app.tracks.writer import Ending, Writer
from engine.types import Result

ROOM = 4  # results that may wait
_MOST_BYTES = 1 << 27  # of their pixels; of larger frames fewer wait


class Background:
    """Passes results in order to a writer that works on another thread."""

    def __init__(self, writer: Writer) -> None:
        """Start the thread; `close` ends it."""
        self._writer = writer
        self._waiting: queue.Queue[Result | None] = queue.Queue(ROOM)
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="writing", daemon=True)
        self._thread.start()

    @property
    def note(self) -> str:
        """What the writer wants the user to know."""
        return str(getattr(self._writer, "note", ""))

    def write(self, result: Result) -> None:
        """Hand over one frame; waits while there is no room.

        Raises:
            OutputError: an earlier frame could not be written.
        """
        if self._failure is not None:
            raise self._failure
        size = max(1, result.frame.pixels.nbytes)
        self._waiting.maxsize = max(1, min(ROOM, _MOST_BYTES // size))
        self._waiting.put(result)

    def close(self, ending: Ending) -> None:
        """Write what is waiting and finish the file; may be called twice."""
        if self._thread.is_alive():
            self._waiting.put(None)
            self._thread.join()
        self._writer.close(ending)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _work(self) -> None:
        while (result := self._waiting.get()) is not None:
            if self._failure is not None:
                continue  # a full queue would block for ever
            try:
                self._writer.write(result)
            except BaseException as error:  # noqa: BLE001  handed to the engine, which raises it
                self._failure = error
