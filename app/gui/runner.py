"""Which session runs: one at a time, and what follows when it has ended.

    idle ── start ──▶ running ── bridge.ended ──▶ idle, or the next session

A change of sources or of the engine is a stop with another session waiting behind it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from PyQt6.QtCore import QObject, pyqtSignal

from app.gui.bridge import Bridge
from app.live.protocol import Plan, Player, Start
from engine.settings import Settings

State = Literal["idle", "running"]


class Runner(QObject):
    """Starts, stops and restarts; the window shows its `state` and its `plan`."""

    state_changed = pyqtSignal(str)  # State
    sources_changed = pyqtSignal()
    started = pyqtSignal()
    failed = pyqtSignal(str)  # why a session ended by itself

    def __init__(self, plan: Plan, start: Start, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.plan = plan
        self.bridge = Bridge(start, self)
        self.state: State = "idle"
        self._again = False
        self.bridge.ended.connect(self._ended)

    @property
    def player(self) -> Player | None:
        """The transport of the running session, if it plays a file."""
        session = self.bridge.session
        return session.player if session else None

    def start(self) -> None:
        """Run the chosen sources, if nothing runs."""
        if self.state == "idle" and self.plan.sources:
            self.started.emit()  # first: the canvas says how large a picture may be
            self.bridge.start(self.plan)
            self._be("running")

    def stop(self) -> None:
        """End the session; nothing follows."""
        self._again = False
        self._stop()

    def toggle(self) -> None:
        """Start when idle, stop when running."""
        if self.state == "idle":
            self.start()
        else:
            self.stop()

    def restart(self) -> None:
        """Begin again with the present plan."""
        self._again = True
        if self.state == "idle":
            self._next()
        else:
            self._stop()

    def choose(self, source: str) -> None:
        """Watch this source; while others run, beside them."""
        beside = () if self.state == "idle" else self.plan.sources
        if source not in beside:
            self._set_sources((*beside, source))
            self.restart()

    def remove(self, source: str) -> None:
        """Do not watch this source any more."""
        self._set_sources(tuple(s for s in self.plan.sources if s != source))
        if self.plan.sources and self.state != "idle":
            self.restart()
        else:
            self.stop()

    def change(self, settings: Settings) -> None:
        """Use these thresholds and filters at once."""
        self.plan = replace(self.plan, settings=settings)
        self.bridge.change(settings)

    def change_engine(self, settings: Settings) -> None:
        """Use another model, device or precision: a new session, if one runs."""
        self.plan = replace(self.plan, settings=settings)
        if self.state != "idle":
            self.restart()

    def _set_sources(self, sources: tuple[str, ...]) -> None:
        self.plan = replace(self.plan, sources=sources)
        self.sources_changed.emit()

    def _stop(self) -> None:
        if self.state == "running":
            self.bridge.stop()  # says `ended` at once

    def _ended(self, text: str) -> None:
        self._be("idle")
        if text and not self._again:
            self.failed.emit(text)
        self._next()

    def _next(self) -> None:
        again, self._again = self._again, False
        if again:
            self.start()

    def _be(self, state: State) -> None:
        self.state = state
        self.state_changed.emit(state)
