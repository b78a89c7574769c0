"""Which session runs: one at a time, and what follows when it has ended.

    idle ── start ──▶ running ── bridge.ended ──▶ idle, or the next session

Sources join and leave a running session, and another model is loaded beside the one that runs, so
nothing else is interrupted by either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from PyQt6.QtCore import QObject, pyqtSignal

from app.gui.bridge import Bridge
from app.live.plan import CameraMode, Plan
from app.live.protocol import Player, Ready, Start
from engine.settings import EngineSettings, Settings

State = Literal["idle", "running"]


class Runner(QObject):
    """Starts, stops and restarts; the window shows its `state` and its `plan`."""

    state_changed = pyqtSignal(str)  # State
    sources_changed = pyqtSignal()
    engine_changed = pyqtSignal(object)  # EngineSettings: the one that is used from now on
    started = pyqtSignal()
    failed = pyqtSignal(str, bool)  # why a session ended by itself; whether another follows

    def __init__(self, plan: Plan, start: Start, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.plan = plan
        self.bridge = Bridge(start, self)
        self.state: State = "idle"
        self.works: EngineSettings | None = None  # the last engine that was loaded
        self._ready = False  # whether this session's engine was
        self._again = self._over = False
        self.bridge.ended.connect(self._ended)

    @property
    def player(self) -> Player | None:
        """The transport of the running session, if it plays files."""
        session = self.bridge.session
        return session.player if session else None

    def source_of(self, name: str) -> str | None:
        """What opens the source that frames and events call `name`."""
        return dict(zip(self.plan.names, self.plan.sources, strict=True)).get(name)

    def start(self) -> None:
        """Run the chosen sources, if nothing runs."""
        if self.state == "idle" and self.plan.sources and not self._over:
            self._ready = False
            self.started.emit()  # first: the canvas says how large a picture may be
            self.bridge.start(self.plan)
            self._be("running")

    def stop(self) -> None:
        """End the session; nothing follows."""
        self._again = False
        self._stop()

    def end(self) -> None:
        """End the session for good: the window is closed."""
        self._over = True
        self.stop()

    def toggle(self) -> None:
        """Start when idle, stop when running."""
        if self.state == "idle":
            self.start()
        else:
            self.stop()

    def choose(self, source: str) -> None:
        """Watch this source; while others run, beside them."""
        if self.state == "idle":
            self._follow(self.plan.watching(source))
            self.start()
        elif source not in self.plan.sources:
            self._follow(self.plan.with_source(source))
            self.bridge.add(source, self.plan.names[-1])

    def choose_all(self, sources: list[str]) -> None:
        """Watch all of these, beside those that run."""
        new = [source for source in dict.fromkeys(sources) if source]
        if self.state == "idle" and new:
            self._follow(self.plan.watching(*new))
            self.start()
            return
        for source in new:
            self.choose(source)

    def remove(self, name: str) -> None:
        """Do not watch this source any more; the others continue."""
        self._follow(self.plan.without(name))
        if self.plan.sources and self.state != "idle":
            self.bridge.remove(name)
        else:
            self.stop()

    def retry(self, name: str) -> None:
        """Open a source again."""
        source = self.source_of(name)
        if source and self.state == "running":
            self.bridge.add(source, name)
        elif source:
            self.start()

    def exchange(self, name: str, other: str) -> None:
        """Watch another source in the place of the one of this name."""
        if not other or other in self.plan.sources or name not in self.plan.names:
            return
        place = self.plan.names.index(name)
        running = self.state == "running"
        if running:
            self.bridge.remove(name)
        self._follow(self.plan.with_other(name, other))
        if running:
            self.bridge.add(other, self.plan.names[place])
        else:
            self.start()

    def set_cameras(self, cameras: Mapping[str, CameraMode]) -> None:
        """How sources are opened from now on."""
        self.plan = replace(self.plan, cameras=cameras)
        self.bridge.use_cameras(cameras)

    def set_loop(self, on: bool) -> None:
        """Begin files again at their end, in this run and those that follow."""
        self.plan = replace(self.plan, loop=on)
        if self.player:
            self.player.loop(on)

    def set_speed(self, speed: float) -> None:
        """Play this many seconds of a file per second, likewise."""
        self.plan = replace(self.plan, speed=speed)
        if self.player:
            self.player.set_speed(speed)

    def change(self, settings: Settings) -> None:
        """Use these values at once; another model once it is loaded."""
        self.plan = replace(self.plan, settings=settings)
        self.bridge.change(settings)

    def is_ready(self, ready: Ready) -> None:
        """An engine was loaded and works."""
        self._ready = True
        self.works = ready.engine or self.plan.settings.engine

    def fall_back(self, settings: Settings) -> None:
        """The engine that was asked for does not work; that of these settings goes on."""
        engine = settings.engine
        self.plan = replace(
            self.plan, settings=self.plan.settings.model_copy(update={"engine": engine})
        )
        self.engine_changed.emit(engine)

    def _follow(self, plan: Plan) -> None:
        self.plan = plan
        self.sources_changed.emit()

    def _stop(self) -> None:
        if self.state == "running":
            self.bridge.stop()  # says `ended` at once

    def _ended(self, text: str) -> None:
        self._be("idle")
        if text:
            self._try_what_works()
            self.failed.emit(text, self._again)
        again, self._again = self._again, False
        if again:
            self.start()

    def _try_what_works(self) -> None:
        """After a model that could not be loaded, run the last one that could."""
        settings = self.plan.settings
        if not self._ready and self.works and settings.engine != self.works:
            self.fall_back(settings.model_copy(update={"engine": self.works}))
            self._again = True

    def _be(self, state: State) -> None:
        self.state = state
        self.state_changed.emit(state)
