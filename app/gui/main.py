"""Opens the window and runs Qt until it is closed."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication

from app.gui import style
from app.gui.display import check_display, check_fonts
from app.gui.preferences import Preferences
from app.gui.window import Window
from app.live.offered import Offer
from app.live.plan import Plan
from app.live.protocol import Start

_TURN = 0.001  # s a thread of Python may work before another has its turn; usually 0.005
_ENDS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]  # Ctrl-C; a shutdown or `kill`; the terminal was closed
_LAST_WAIT = 30.0  # s for the engine's thread to finish a recording when the window is gone


def show(plan: Plan, offer: Offer, start: Start, *, remembered: bool) -> NoReturn:
    """Open the window, wait until it is closed, and end the process.

    Args:
        plan: what to run at once, and the settings to begin with.
        offer: what the choosers show.
        start: makes a session; called on the GUI thread, so it must return at once.
        remembered: begin with the settings of the last time instead of the plan's.

    Raises:
        PoseError: no window can be opened here, or none that can be read.
    """
    check_display()
    paint_on_this_thread()
    app = QApplication.instance() or QApplication(sys.argv[:1])
    app.setApplicationName("posestream")
    check_fonts(style.font())
    preferences = Preferences()
    if remembered:
        plan = replace(plan, settings=preferences.settings(plan.settings))
    window = Window(replace(plan, hold=True), offer, start, preferences)
    window.show()
    sys.setswitchinterval(_TURN)
    for number in _ENDS:  # as with the mouse: a recording is completed, settings are kept
        signal.signal(number, lambda number, frame: window.close())
    awake = QTimer()  # lets Python see signals while Qt waits
    awake.timeout.connect(lambda: None)
    awake.start(500)
    code = app.exec()
    window.runner.bridge.wait(_LAST_WAIT)
    preferences.write()
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End the process as it stands, window and all.

    A thread may still be looking for cameras, or sit in a driver that does not answer. What it
    then says must not find a window, Qt or Python half taken down: that would be a crash.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        with suppress(OSError, ValueError):  # the receiver may be gone
            stream.flush()
    os._exit(code)


def paint_on_this_thread() -> None:
    """Keep Qt from sharing out fills to a pool of threads. Before anything is painted.

    While the network keeps every core busy, a helper thread comes too late: painting five people
    took 30 ms of waiting for 1 ms of work.
    """
    os.environ.setdefault("QT_NO_GUI_THREADPOOL", "1")
