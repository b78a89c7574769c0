"""Capture threads: one per source, started and joined by a with-block."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from typing import Self

from engine.inbox import Inbox
from engine.sources.source import Source

# A read that hangs inside a driver cannot be interrupted. Its thread is left to the source's own
# bounded read; it can deliver nothing more, and the user does not wait for it.
GRACE = 0.3  # seconds for all threads together

log = logging.getLogger(__name__)


class Captures:
    """Fills the inbox from every source; on leaving the with-block no thread is left."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._inbox.close()
        _join(self._threads)

    def start(self, source: Source) -> None:
        """Begin to read a source that the inbox expects."""
        thread = threading.Thread(
            target=_capture, args=(source, self._inbox), name=f"capture {source.name}", daemon=True
        )
        self._threads = [t for t in self._threads if t.is_alive()] + [thread]
        thread.start()

    def join(self, source: Source) -> None:
        """Begin to read one more source while others are being read. Any thread."""
        self._inbox.expect()
        self.start(source)


def _join(threads: Sequence[threading.Thread]) -> None:
    end = time.monotonic() + GRACE
    for thread in threads:
        thread.join(timeout=max(0.0, end - time.monotonic()))
        if thread.is_alive():
            log.warning("%s does not answer; it is left to its own time limit", thread.name)


def _capture(source: Source, inbox: Inbox) -> None:
    error: BaseException | None = None
    try:
        for frame in source.frames():
            if not inbox.put(frame):
                break
    except BaseException as caught:  # noqa: BLE001 - handed to the engine, which raises it
        error = caught
    finally:
        source.close()
        inbox.finish(error)
