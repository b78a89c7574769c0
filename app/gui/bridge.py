"""The engine thread and the window, connected: results and events in, signals out.

    idle ── start ──▶ running ── stop, end or error ──▶ ended(text) ──▶ idle

The engine thread leaves its newest result per source in a mailbox and its events in a list. A
signal says only that there is something to fetch, and is sent only when there was nothing before,
so the event queue stays short however slow the window is. Nothing here waits for the engine: a
stop lets go of the session at once, whose thread finishes what it is in the middle of – a call of
the network, the end of a recording – without being heard; the next session's thread waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial

from PyQt6.QtCore import QObject, pyqtSignal

from app.gui.shown import Shown
from app.live.plan import CameraMode, Plan
from app.live.protocol import Event, Recorded, RecordPlan, Session, Start, Told
from app.live.viewport import Viewport
from app.overlay.look import Look
from app.overlay.traces import NO_TRACES, Traces
from engine.cores import stand_back
from engine.errors import PoseError
from engine.settings import Settings
from engine.types import Frame, Result

log = logging.getLogger(__name__)

_USUAL = Viewport((640, 360))  # before the canvas has said anything


class _Run:
    """One session, while the window listens to it and for as long as its thread lives."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.people: dict[str, tuple[Result, Traces]] = {}  # newest of each source
        self.heated = False  # pictures carry a heatmap: they must be of the same frame


class Bridge(QObject):
    """Runs one session at a time, each on a thread of its own."""

    news = pyqtSignal()  # fetch results with `newest`
    told = pyqtSignal()  # fetch events with `events`
    ended = pyqtSignal(str)  # the last signal of a session; empty without an error

    def __init__(self, start: Start, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewports: Mapping[str, Viewport] = {}  # of each source
        self._look = Look()
        self._start = start
        self._lock = threading.Lock()
        self._newest: dict[str, Shown] = {}
        self._events: list[Event] = []
        self._previews = False
        self._preview_thread: threading.Thread | None = None  # the last one, likewise
        self._run: _Run | None = None  # the one that is listened to
        self._thread: threading.Thread | None = None  # the last one; it has joined those before

    @property
    def running(self) -> bool:
        """Whether a session has started that has not ended or been stopped yet."""
        return self._run is not None

    @property
    def session(self) -> Session | None:
        """The session that is running."""
        return self._run.session if self._run else None

    def start(self, plan: Plan) -> None:
        """Begin a session. The one before must have ended."""
        if self.running:
            raise RuntimeError("a session is running: stop it and wait for `ended`")
        run = _Run()
        run.session = self._start(plan, partial(self._tell, run))
        with self._lock:
            self._run, self._newest = run, {}
        work = (run, self._thread)
        self._thread = threading.Thread(target=self._work, args=work, name="engine", daemon=True)
        self._thread.start()
        if self._previews:
            self._start_preview(run)

    def stop(self) -> None:
        """End the session and say so. Returns at once, whatever its thread is doing."""
        with self._lock:
            run, self._run, self._newest = self._run, None, {}
        if run and run.session:
            run.session.stop()
            self.ended.emit("")

    def change(self, settings: Settings) -> None:
        """Hand new thresholds to the running session."""
        if self.session:
            self.session.change(settings)

    def watch(self, joint: int | None) -> None:
        """Show the heatmap of a keypoint."""
        if self._run and self.session:
            self._run.heated = joint is not None
            self.session.watch(joint)

    def preview(self, on: bool) -> None:
        """Show every picture as it comes, with the newest people, or each with its own."""
        started, self._previews = on and not self._previews, on
        if started and self._run:
            self._start_preview(self._run)

    def _start_preview(self, run: _Run) -> None:
        work = (run, self._preview_thread)
        self._preview_thread = threading.Thread(
            target=self._preview, args=work, name="preview", daemon=True
        )
        self._preview_thread.start()

    def add(self, source: str, name: str) -> None:
        """Let a source join the running session under this name."""
        if self.session:
            self.session.add(source, name)

    def remove(self, name: str) -> None:
        """Let a source leave the running session."""
        with self._lock:
            self._newest.pop(name, None)
        if self._run and self.session:
            self._run.people.pop(name, None)
            self.session.remove(name)

    def use_cameras(self, cameras: Mapping[str, CameraMode]) -> None:
        """How the running session opens sources from now on."""
        if self.session:
            self.session.use_cameras(cameras)

    def view(self, viewports: Mapping[str, Viewport]) -> None:
        """Show each source's pictures through these from now on."""
        self.viewports = viewports

    def look(self, look: Look) -> None:
        """Draw people this way, also in what the running session saves and sends."""
        self._look = look
        if self.session:
            self.session.look(look)

    def note(self, source: str, number: int, text: str) -> None:
        """Put a remark into the tracks that are being recorded."""
        if self.session:
            self.session.note(source, number, text)

    def send(self, targets: frozenset[str]) -> None:
        """Send the running session's results to these."""
        if self.session:
            self.session.send(targets)

    def record(self, plan: RecordPlan | None) -> None:
        """Start or finish a recording of the running session."""
        if self.session:
            self.session.record(plan)

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
        """Wait for the threads of sessions that ended; for the program's end and tests."""
        threads = [thread for thread in (self._thread, self._preview_thread) if thread]
        for thread in threads:
            thread.join(seconds)
        return not any(thread.is_alive() for thread in threads)

    def _work(self, run: _Run, before: threading.Thread | None) -> None:
        """The engine thread: the one place where an exception becomes a signal."""
        stand_back()
        if before:
            before.join()  # two engines would share the memory and the cores
        text = self._outcome(run)
        with self._lock:
            heard = self._run is run
            if heard:
                self._run = None
        if heard:
            self.ended.emit(text)
        elif text:
            self._tell(run, Told(text, "error"))

    def _outcome(self, run: _Run) -> str:
        """Run a session to its end: why it ended, or nothing."""
        session = run.session
        if session is None or self._run is not run:  # stopped before it was its turn
            return ""
        try:
            with closing(session.results()) as results:
                for result in results:
                    if not self._offer(run, session, result):
                        break
        except PoseError as error:
            return str(error)
        except Exception as error:
            log.exception("the engine failed")
            return f"This is a fault of the program: {type(error).__name__}: {error}"
        return ""

    def _offer(self, run: _Run, session: Session, result: Result) -> bool:
        """Have a result shown; False when there is no receiver any more."""
        if self._run is not run:
            return False
        source = result.frame.source
        traces = session.traces.get(source, NO_TRACES)
        run.people[source] = (result, traces)
        if self._previews and not run.heated:
            return self._run is run
        return self._show(run, result.frame, result, traces)

    def _show(self, run: _Run, frame: Frame, result: Result | None, traces: Traces) -> bool:
        """Make a picture, and put it where the window fetches it; False as of `_offer`."""
        viewport = self.viewports.get(frame.source, _USUAL)
        shown = Shown.of(frame, viewport, self._look, result, traces)
        with self._lock:
            heard, first = self._run is run, not self._newest
            if heard:
                self._newest[frame.source] = shown
        if heard and first:
            self.news.emit()
        return heard

    def _preview(self, run: _Run, before: threading.Thread | None) -> None:
        """The preview thread: every picture as it comes, with the newest people known."""
        if before:
            before.join()
        stand_back()
        if run.session is None:
            return
        with closing(run.session.frames()) as frames:
            for frame in frames:
                if self._run is not run or not self._previews:
                    return
                if run.heated:
                    continue
                result, traces = run.people.get(frame.source, (None, NO_TRACES))
                self._show(run, frame, result, replace(traces, heat=None))

    def _tell(self, run: _Run, event: Event) -> None:
        """Leave an event; of a session let go, only what became of files and what went wrong."""
        with self._lock:
            if self._run is not run and not isinstance(event, Recorded | Told):
                return
            first = not self._events
            self._events.append(event)
        if first:
            self.told.emit()
