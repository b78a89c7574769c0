"""What the window does when the engine, the sources or a recording say something."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, QTimer, pyqtSignal

from app.gui.chips import each_telling
from app.gui.recording_section import LITTLE, outcome
from app.gui.shown import Shown
from app.gui.tile import described
from app.live.protocol import (
    EngineFailed,
    Flow,
    Ready,
    Recorded,
    SamePerson,
    Sent,
    SourceState,
    Told,
)

if TYPE_CHECKING:
    from app.gui.window import Window

_ENOUGH = 30  # frames before a measured cost is believed
_REFRESH = 200  # ms between updates of the figures
_FIGURES = 3  # updates of the time to one of lists and figures


class Reactions(QObject):
    """Connected to the runner and its bridge."""

    _space_known = pyqtSignal(object)  # bytes, from the asking thread

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self.recording = False
        self._modes: dict[str, str] = {}
        self._lost: set[str] = set()  # sources that are lost at present
        self._came: set[str] = set()  # sources that have delivered a picture
        self._measured: Ready | None = None  # the engine that the figures are of
        self._free: int | None = None
        self._ticks = 0
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.refresh)
        self._space_known.connect(self._show_space)
        runner = window.runner
        runner.started.connect(self._begin)
        runner.state_changed.connect(self.show_state)
        runner.sources_changed.connect(self.show_sources)
        runner.engine_changed.connect(window.controls.set_engine)
        runner.failed.connect(self._show_failure)
        runner.bridge.news.connect(self._show_newest)
        runner.bridge.told.connect(self._show_events)
        window.canvas.painted.connect(self._painted)

    def show_state(self, state: str) -> None:
        """Show that something runs, or that nothing does."""
        window = self._window
        window.top.set_state(state)
        window.transport.setEnabled(state == "running")
        if state == "running":
            self._send_everything()
            window.transport.setVisible(window.runner.player is not None)
            window.transport.begin()
            return
        self._keep_cost()
        self._timer.stop()
        window.top.show_age("")
        self._show_recorded(None)
        window.controls.performance.set_engine(None)
        window.controls.sending.rest()
        window.canvas.rest()
        self._describe()
        shown = window.transport.isVisible() and bool(window.canvas.results)
        window.transport.setVisible(shown)
        if not window.runner.plan.sources:
            window.show_page()

    def show_sources(self) -> None:
        """Show which sources are watched."""
        window = self._window
        names = window.runner.plan.names
        titles = {name: window.title_of(name) for name in names}
        window.top.set_sources(names, titles)
        window.top.set_state(window.runner.state)
        if window.runner.state == "running":
            window.canvas.set_sources(names, each_telling(titles.values()))
        window.ages.keep(set(names))
        window.roster.forget(dict.fromkeys(names))
        window.controls.people.set_titles(titles)
        self._lost &= set(names)
        self._came &= set(names)
        self._modes = {name: mode for name, mode in self._modes.items() if name in names}
        window.setWindowTitle(
            f"{', '.join(titles.values())} – posestream" if names else "posestream"
        )

    def show_folder(self) -> None:
        """Say where recordings go, and look how much space there is."""
        window = self._window
        folder, offer = window.preferences.folder, window.offer
        window.controls.recording.show_folder(folder)

        def look() -> None:
            try:
                self._space_known.emit(offer.free_space(folder))
            except RuntimeError:
                return  # the window was closed in the meantime

        threading.Thread(target=look, name="free space", daemon=True).start()

    def warn_of_space(self) -> None:
        """Say when there is little space for the recording that begins."""
        if self._free is not None and self._free < LITTLE:
            folder = self._window.preferences.folder
            text = f"Only {self._free >> 20} MB are left in {folder}."
            self._window.say(Told(text, "warning", folder))

    def refresh(self) -> None:
        """Show the figures of this moment."""
        window = self._window
        self._ticks += 1
        if self._ticks % _FIGURES == 1:
            window.controls.performance.set_sources(self._source_lines())
            window.controls.performance.refresh()
        if self._ticks % _FIGURES == 2:  # not both at once: the window listens in between
            window.controls.people.refresh()
        player = window.runner.player
        window.transport.setVisible(player is not None and not window.full_screen.hides_bar)
        if player:
            window.transport.set_duration(player.duration)
            window.transport.set_ended(player.ended)
        shown = [tile.shown for tile in window.canvas.tiles if tile.shown]
        if shown:
            newest = max(shown, key=lambda s: s.frame.time)
            window.transport.show_time(newest.frame.time, newest.frame.index)
        window.top.show_age(self._age())

    def _begin(self) -> None:
        window = self._window
        window.ages.clear()
        window.roster.forget({})  # numbers begin anew: a name would be another person's
        self._modes.clear()
        self._lost.clear()
        self._came.clear()
        self._measured = None
        window.stack.setCurrentWidget(window.watching)
        names = window.runner.plan.names
        window.canvas.set_sources(names, each_telling([window.title_of(name) for name in names]))
        window.canvas.clear()
        window.canvas.setFocus()
        window.ring.leave()
        window.transport.hide()
        self._timer.start(_REFRESH)

    def _send_everything(self) -> None:
        """Tell a new session what was chosen before it began."""
        window, bridge = self._window, self._window.runner.bridge
        window.send_look()
        bridge.watch(window.controls.heatmap.currentData())
        bridge.send(window.controls.sending.targets)

    def _keep_cost(self) -> None:
        """What an engine was measured to take is shown beside its model the next time."""
        window, ready = self._window, self._measured
        spent = sum(window.ages.stages.values())
        if ready and ready.engine and window.ages.analysed >= _ENOUGH and spent:
            engine = ready.engine
            window.preferences.keep_cost(
                ready.weights, engine.device, engine.precision, spent * 1e3
            )
            window.controls.model.describe()

    def _show_newest(self) -> None:
        newest = self._window.runner.bridge.newest()
        for shown in newest.values():
            if shown.result:
                self._window.roster.see(shown.result)
        self._window.canvas.show_newest(newest)
        for name in newest.keys() - self._came:
            self._keep_recent(name)

    def _keep_recent(self, name: str) -> None:
        """Offer a source the next time: it works, which not every address does that is typed."""
        source = self._window.runner.source_of(name)
        if source:
            self._came.add(name)
            self._window.preferences.keep_recent(source)

    def _show_events(self) -> None:
        for event in self._window.runner.bridge.events():
            match event:
                case Ready():
                    self._show_ready(event)
                case EngineFailed():
                    self._window.runner.fall_back(event.settings)
                    self._window.say(Told(f"{event.text}. The previous model continues.", "error"))
                case SourceState():
                    self._show_source(event)
                case Told():
                    self._window.say(event)
                case Recorded():
                    self._show_recorded(event)
                case SamePerson():
                    self._window.roster.join(event.source, event.before, event.now)
                case Sent():
                    self._window.controls.sending.show_sent(event)

    def _show_failure(self, text: str, goes_on: bool) -> None:
        window = self._window
        alone = len(window.canvas.tiles) == 1  # of several, none says it for all
        window.canvas.show_failure(text if alone else "the engine has failed")
        self._describe()
        window.say(Told(text, "error"), seen=alone and not goes_on)

    def _describe(self) -> None:
        """Let a screen reader say what stands in the picture."""
        self._window.canvas.setAccessibleDescription(described(self._window.canvas.tiles))

    def _show_ready(self, ready: Ready) -> None:
        window = self._window
        self._keep_cost()
        self._measured = ready
        window.ages.forget_stages()
        window.runner.is_ready(ready)
        window.controls.performance.set_engine(ready)
        window.controls.set_skeleton(ready.skeleton)
        window.controls.suit(ready.suiting)
        if ready.engine:
            window.controls.set_engine(ready.engine)
        window.controls.model.set_running(ready.weights)
        window.runner.bridge.watch(window.controls.heatmap.currentData())

    def _show_source(self, state: SourceState) -> None:
        window = self._window
        window.canvas.set_state(state)
        self._describe()
        if state.mode:
            self._modes[state.source] = state.mode
        bad = state.status in ("reconnecting", "failed")
        if bad and (state.source not in self._lost or state.status == "failed"):
            # Once, however often it is tried again.
            told = Told(state.text, "error" if state.status == "failed" else "warning")
            window.say(told, seen=True)
        elif state.status == "live" and state.text:
            window.say(Told(state.text))
        self._lost = self._lost | {state.source} if bad else self._lost - {state.source}

    def _show_recorded(self, recorded: Recorded | None) -> None:
        window = self._window
        self.recording = bool(recorded and recorded.running)
        window.top.set_recorded(recorded)
        window.controls.recording.show_recorded(recorded)
        if recorded and recorded.free is not None:
            self._free = recorded.free
        if recorded and not recorded.running:
            window.say(outcome(recorded), asked=True)

    def _show_space(self, free: int | None) -> None:
        self._free = free
        self._window.controls.recording.show_space(free)

    def _painted(self, shown: Shown, age: float) -> None:
        window = self._window
        if not window.transport.is_paused:
            window.ages.add(shown.frame.source, shown.frame.arrived, age, shown.result)

    def _source_lines(self) -> dict[str, str]:
        """Of each source: what arrives, what is analysed, what is shown."""
        window, lines = self._window, {}
        session = window.runner.bridge.session
        flows = session.flows() if session else {}
        for name in window.runner.plan.names:
            ages = window.ages.sources.get(name)
            flow = flows.get(name, Flow())
            counts = f"{ages.analysed} analysed, {ages.shown} shown" if ages else "nothing shown"
            parts = [self._modes.get(name, "").partition(",")[0]]
            parts.append(
                f"{flow.rate:.1f} fps arrive ({flow.captured} so far, {flow.dropped} skipped)"
            )
            parts.append(counts)
            lines[window.title_of(name)] = " · ".join(filter(None, parts))
        return lines

    def _age(self) -> str:
        window = self._window
        if self._lost >= set(window.runner.plan.names):
            return "lost"
        return "" if window.transport.is_paused else window.ages.in_words(self._lost)
