"""Which session runs: one at a time, and what follows when it has ended.

    idle ── start ──▶ running ── bridge.ended ──▶ idle, or the next session

Sources join and leave a running session, and another model is loaded beside the one that runs, so
nothing else is interrupted by either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal

from PyQt6.QtCore import QObject, pyqtSignal

from app.gui.bridge import Bridge
from app.live.protocol import CameraMode, Plan, Player, Ready, Start
from engine.settings import EngineSettings, Settings
from engine.sources.addresses import shown

State = Literal["idle", "running"]


class Runner(QObject):
    """Starts, stops and restarts; the window shows its `state` and its `plan`."""

    state_changed = pyqtSignal(str)  # State
    sources_changed = pyqtSignal()
    engine_changed = pyqtSignal(object)  # EngineSettings: the one that is used from now on
    started = pyqtSignal()
    failed = pyqtSignal(str)  # why a session ended by itself

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
        return next((s for s, n in self._named() if n == name), None)

    def _named(self) -> Iterator[tuple[str, str]]:
        """The sources of the plan with what frames and events call them."""
        return zip(self.plan.sources, self.plan.names, strict=True)

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
            self._set_sources((source,))
            self.start()
        elif source not in self.plan.sources:
            self._set_sources((*self.plan.sources, source))
            self.bridge.add(source)

    def choose_all(self, sources: list[str]) -> None:
        """Watch all of these, beside those that run."""
        new = [source for source in dict.fromkeys(sources) if source]
        if self.state == "idle" and new:
            self._set_sources(tuple(new))
            self.start()
            return
        for source in new:
            self.choose(source)

    def remove(self, name: str) -> None:
        """Do not watch this source any more; the others continue."""
        kept = tuple(s for s, n in self._named() if n != name and s != name)
        self._set_sources(kept)
        if self.plan.sources and self.state != "idle":
            self.bridge.remove(shown(name))
        else:
            self.stop()

    def retry(self, name: str) -> None:
        """Open a source again."""
        source = self.source_of(name)
        if source and self.state == "running":
            self.bridge.add(source)
        elif source:
            self.start()

    def exchange(self, source: str, other: str) -> None:
        """Watch another source in the place of this one."""
        if not other or other == source or other in self.plan.sources:
            return
        running = self.state == "running"
        if running:
            self.bridge.remove(shown(source))
        self._set_sources(tuple(other if s == source else s for s in self.plan.sources))
        if running:
            self.bridge.add(other)
        else:
            self.start()

    def set_cameras(self, cameras: Mapping[str, CameraMode]) -> None:
        """How sources are opened from now on."""
        self.plan = replace(self.plan, cameras=cameras)
        self.bridge.use_cameras(cameras)

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

    def _set_sources(self, sources: tuple[str, ...]) -> None:
        self.plan = replace(self.plan, sources=sources)
        self.sources_changed.emit()

    def _stop(self) -> None:
        if self.state == "running":
            self.bridge.stop()  # says `ended` at once

    def _ended(self, text: str) -> None:
        self._be("idle")
        if text:
            self.failed.emit(text)
            self._try_what_works()
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
