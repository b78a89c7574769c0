"""Capture threads: one per source, started and joined by a with-block."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from engine.inbox import Inbox
from engine.sources.source import Source

# A read that hangs inside a driver cannot be interrupted. Its thread is left to the source's own
# bounded read; it can no longer deliver anything, and it must not keep the user waiting.
GRACE = 0.3  # seconds for all threads together

log = logging.getLogger(__name__)


@contextmanager
def capturing(sources: Sequence[Source], inbox: Inbox) -> Iterator[None]:
    """Fill the inbox from every source while the block runs; afterwards no thread is left."""
    threads = [
        threading.Thread(
            target=_capture, args=(source, inbox), name=f"capture {source.name}", daemon=True
        )
        for source in sources
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        inbox.close()
        _join(threads)


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
