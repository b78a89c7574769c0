"""Ctrl-C as a wish: the first asks to stop after the current frame, the second stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code that shells expect after Ctrl-C


class Stop:
    """Whether the user wants to stop."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_on_signal(
    tell: Callable[[str], None] = lambda text: None,
    *,
    after: str = "this frame",
    patient: bool = False,
) -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM while the block runs.

    Args:
        tell: is told that the wish was heard.
        after: what is finished first.
        patient: the second signal says nothing new; `torchrun` repeats what the terminal sent.

    Files are finished by the normal road, so nothing is ever half a line or half a frame. Outside
    the main thread, where Python delivers no signals, nothing is caught.
    """
    stop = Stop()
    again = "" if patient else "; press Ctrl-C again to stop at once"

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.asked and not patient:
            raise KeyboardInterrupt
        if not stop.asked:
            tell(f"stopping after {after}" + again)
        stop.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {one: signal.signal(one, on_signal) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
