"""Ctrl-C and `kill`: the first asks to stop after the current frame, the second stops at once."""

from __future__ import annotations

import queue
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130  # the exit code that shells expect after Ctrl-C


class Stop:
    """Whether a stop was requested."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_on_signal(
    tell: Callable[[str], None] = lambda text: None,
    *,
    after: str = "this frame",
    patient: bool = False,
    act: Callable[[], None] | None = None,
) -> Iterator[Stop]:
    """Catch SIGINT and SIGTERM while the block runs.

    Args:
        tell: receives a line saying that the program will stop.
        after: what is finished first.
        patient: ignore further signals; `torchrun` repeats what the terminal sent.
        act: called once, on a thread of its own, when a stop is asked for. A handler interrupts
            the main thread anywhere, so it must not take locks or close things itself.

    Files are finished as at the end of a source, so nothing is ever half a line or half a frame.
    Outside the main thread, where Python delivers no signals, nothing is caught.
    """
    stop = Stop()
    asked: queue.SimpleQueue[bool] = queue.SimpleQueue()  # its `put` is safe in a handler
    again = "" if patient else "; press Ctrl-C again to stop at once"

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.asked and not patient:
            raise KeyboardInterrupt
        if not stop.asked:
            tell(f"stopping after {after}" + again)
            asked.put(True)
        stop.asked = True

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {one: signal.signal(one, on_signal) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        with _acting(asked, act):
            yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def _acting(asked: queue.SimpleQueue[bool], act: Callable[[], None] | None) -> Iterator[None]:
    """Call `act` on a thread when the queue says so."""
    if act is None:
        yield
        return

    def wait() -> None:
        if asked.get():
            act()

    thread = threading.Thread(target=wait, name="stop on signal", daemon=True)
    thread.start()
    try:
        yield
    finally:
        asked.put(False)
        thread.join()
