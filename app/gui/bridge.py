"""The engine thread and the window, connected: results and events in, signals out.

    idle ── start ──▶ running ── stop, end or error ──▶ ended(text) ──▶ idle

The engine thread leaves its newest result per source in a mailbox and its events in a list. A
signal says only that there is something to fetch, and is sent only when there was nothing before,
so the event queue stays short however slow the window is. Nothing here waits for the engine.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from contextlib import closing
from dataclasses import dataclass

from PyQt6.QtCore import QObject, pyqtSignal

from app.gui.session import Event, Picture, Plan, RecordPlan, Session, Start
from engine.errors import PoseError
from engine.settings import Settings
from engine.types import Result

_NICER = 5  # steps of priority

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A result with its picture in the size of the screen."""

    result: Result
    picture: Picture


class Bridge(QObject):
    """Runs one session at a time on its own thread."""

    news = pyqtSignal()  # fetch results with `newest`
    told = pyqtSignal()  # fetch events with `events`
    ended = pyqtSignal(str)  # the last signal of a session; empty without an error

    def __init__(self, start: Start, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.picture_size = (640, 360)  # screen pixels one picture may fill; the canvas sets it
        self._start = start
        self._lock = threading.Lock()
        self._newest: dict[str, Shown] = {}
        self._events: list[Event] = []
        self._session: Session | None = None
        self._thread: threading.Thread | None = None
        self._last: threading.Thread | None = None
        self._stopping = False

    @property
    def running(self) -> bool:
        """Whether a session has started whose `ended` was not sent yet."""
        return self._thread is not None

    @property
    def session(self) -> Session | None:
        """The session that is running."""
        return self._session

    def start(self, plan: Plan) -> None:
        """Begin a session. The one before must have ended."""
        if self.running:
            raise RuntimeError("a session is running: stop it and wait for `ended`")
        self._stopping = False
        self._session = self._start(plan, self._tell)
        self._thread = threading.Thread(
            target=self._run, args=(self._session,), name="engine", daemon=True
        )
        self._last = self._thread
        self._thread.start()

    def stop(self) -> None:
        """Ask the session to end; `ended` follows. Returns at once."""
        self._stopping = True
        if self._session:
            self._session.stop()

    def change(self, settings: Settings) -> None:
        """Hand new thresholds to the running session."""
        if self._session:
            self._session.change(settings)

    def watch(self, joint: int | None) -> None:
        """Show the heatmap of a keypoint."""
        if self._session:
            self._session.watch(joint)

    def record(self, plan: RecordPlan | None) -> None:
        """Start or finish a recording of the running session."""
        if self._session:
            self._session.record(plan)

    def newest(self) -> dict[str, Shown]:
        """Take the newest result of each source that has one since the last call."""
        with self._lock:
            taken, self._newest = self._newest, {}
        return taken

    def events(self) -> list[Event]:
        """Take what the engine said since the last call, in order."""
        with self._lock:
            taken, self._events = self._events, []
        return taken

    def wait(self, seconds: float) -> bool:
        """Wait for the thread of a session that has ended; for the end of the program and tests."""
        if self._last:
            self._last.join(seconds)
        return not (self._last and self._last.is_alive())

    def _run(self, session: Session) -> None:
        """The engine thread: the one place where an exception becomes a signal."""
        _let_the_window_go_first()
        text = ""
        try:
            with closing(session.results()) as results:
                for result in results:
                    if self._stopping:
                        break
                    self._offer(session, result)
        except PoseError as error:
            text = str(error)
        except Exception as error:
            log.exception("the engine failed")
            text = f"This is a fault of the program: {type(error).__name__}: {error}"
        self._session = self._thread = None
        self.ended.emit(text)

    def _offer(self, session: Session, result: Result) -> None:
        shown = Shown(result, session.picture(result.frame, self.picture_size))
        with self._lock:
            first = not self._newest
            self._newest[result.frame.source] = shown
        if first:
            self.news.emit()

    def _tell(self, event: Event) -> None:
        with self._lock:
            first = not self._events
            self._events.append(event)
        if first:
            self.told.emit()


def _let_the_window_go_first() -> None:
    """Lower this thread's priority, and that of the threads it starts, where the system lets us.

    The network keeps every core busy; without this the window would wait its turn behind it.
    """
    if sys.platform == "linux":
        thread = threading.get_native_id()
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICER)
