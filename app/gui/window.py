"""The main window: puts the parts together and connects them."""

from __future__ import annotations

from PyQt6.QtCore import QByteArray, QTimer
from PyQt6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PyQt6.QtWidgets import (
    QApplication,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from app.gui import style
from app.gui.actions import Actions
from app.gui.ages import Ages
from app.gui.canvas import Canvas
from app.gui.controls import Controls
from app.gui.notices import Notices
from app.gui.performance_panel import PerformancePanel
from app.gui.preferences import Preferences
from app.gui.runner import Runner
from app.gui.sources import SourcePage
from app.gui.topbar import TopBar, title
from app.gui.transport import Transport
from app.live.protocol import Offer, Plan, Ready, Recorded, SourceState, Start, Told
from engine.types import Result

_ENOUGH = 30  # frames before a measured cost is believed
_REFRESH = 200  # ms between updates of the figures
_SIDEBAR = 326  # pixels


class Window(QMainWindow):
    """Shows what the runner runs. Every widget is owned here, every decision elsewhere."""

    def __init__(self, plan: Plan, offer: Offer, start: Start, preferences: Preferences) -> None:
        super().__init__()
        self.offer, self.preferences, self._given = offer, preferences, plan.settings
        self.theme = style.THEMES[preferences.theme]
        self.ages = Ages()
        self._modes: dict[str, str] = {}
        self.runner = Runner(plan, start, self)
        self.canvas, self.transport = Canvas(), Transport()
        self.top, self.page = TopBar(), SourcePage(offer)
        self.controls = Controls(
            plan.settings, offer, PerformancePanel(self.ages), preferences.cost
        )
        self.stack, self.splitter = QStackedWidget(), QSplitter()
        self.notices = Notices(self.stack, self.transport)
        self.recording = False
        self._refresh_timer = QTimer(self)
        self._lay_out()
        self._connect_runner()
        self._connect_parts()
        self.actions_by_key = Actions(self)
        self._restore()
        if plan.sources:
            QTimer.singleShot(0, self.runner.start)
        else:
            self.show_page()

    def say(self, told: Told) -> None:
        """Show a sentence and keep it in the log."""
        self.notices.say(told)

    def show_page(self) -> None:
        """Offer sources instead of a picture."""
        self.stack.setCurrentWidget(self.page)
        self.page.search()

    def set_theme(self, name: str) -> None:
        """Look `dark` or `light`, now and the next time."""
        self.preferences.theme = name
        app = QApplication.instance()
        if isinstance(app, QApplication):
            self.theme = style.dress(app, name)
        for part in (
            self.canvas,
            self.transport,
            self.top,
            self.page,
            self.notices,
            self.controls.performance,
        ):
            part.set_theme(self.theme)

    def set_panel(self, shown: bool) -> None:
        """Show or hide the controls, now and the next time."""
        self.preferences.panel = shown
        self.controls.setVisible(shown)

    def set_full_screen(self, on: bool) -> None:
        """Leave only the picture on the screen."""
        self.top.setVisible(not on)
        self.controls.setVisible(not on and self.preferences.panel)
        if on:
            self.showFullScreen()
        else:
            self.showNormal()

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802  Qt's name
        """Let go of the engine and remember everything."""
        self.preferences.keep_layout(self.saveGeometry(), self.splitter.saveState())
        if self.runner.plan.settings != self._given:  # an option of the command line is for once
            self.preferences.keep_settings(self.runner.plan.settings)
        self.runner.stop()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Welcome files and addresses."""
        data = event.mimeData() if event else None
        if event and data and (data.hasUrls() or data.hasText()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Watch what was dropped."""
        data = event.mimeData() if event else None
        if data:
            for url in data.urls():
                self.runner.choose(url.toLocalFile() or url.toString())

    def _lay_out(self) -> None:
        self.setWindowTitle("posestream")
        self.resize(1360, 820)
        self.setAcceptDrops(True)
        watching = QWidget()
        rows = QVBoxLayout(watching)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.canvas, 1)
        rows.addWidget(self.transport)
        self._watching = watching
        self.stack.addWidget(self.page)
        self.stack.addWidget(watching)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.controls)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setCollapsible(0, False)
        self.splitter.setHandleWidth(1)
        self.splitter.setSizes([1360 - _SIDEBAR, _SIDEBAR])
        self.controls.setMinimumWidth(_SIDEBAR)
        whole = QWidget()
        columns = QVBoxLayout(whole)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        columns.addWidget(self.top)
        columns.addWidget(self.splitter, 1)
        self.setCentralWidget(whole)

    def _connect_runner(self) -> None:
        self.runner.started.connect(self._begin)
        self.runner.state_changed.connect(self._show_state)
        self.runner.sources_changed.connect(self._show_sources)
        self.runner.failed.connect(lambda text: self.say(Told(text, "error")))
        self.runner.bridge.news.connect(self._show_newest)
        self.runner.bridge.told.connect(self._show_events)
        self._refresh_timer.timeout.connect(self._refresh)

    def _connect_parts(self) -> None:
        self.canvas.painted.connect(self._painted)
        self.canvas.resized.connect(self._canvas_resized)
        self.controls.changed.connect(self.runner.change)
        self.controls.engine_changed.connect(self.runner.change_engine)
        self.controls.look_changed.connect(self.canvas.set_look)
        self.canvas.set_look(self.controls.look)
        self.controls.watched.connect(self.runner.bridge.watch)
        self.controls.watched.connect(self.canvas.set_heat)
        self.page.chosen.connect(self.runner.choose)
        self.top.removed.connect(self.runner.remove)
        self.transport.paused.connect(lambda on: self._play(lambda p: p.pause(on)))
        self.transport.stepped.connect(lambda by: self._play(lambda p: p.step(by)))
        self.transport.sought.connect(lambda to: self._play(lambda p: p.seek(to)))

    def _restore(self) -> None:
        for button, action in (
            (self.top.start, "start_or_stop"),
            (self.top.buttons["add"], "add_source"),
            (self.top.buttons["record"], "record"),
            (self.top.buttons["screenshot"], "screenshot"),
            (self.top.buttons["theme"], "toggle_theme"),
            (self.top.buttons["panel"], "toggle_panel"),
            (self.top.buttons["help"], "show_shortcuts"),
            (self.controls.recording.open_folder, "open_folder"),
            (self.controls.recording.change_folder, "change_folder"),
        ):
            button.clicked.connect(getattr(self.actions_by_key, action))
        geometry, splitter = self.preferences.layout
        if isinstance(geometry, QByteArray) and isinstance(splitter, QByteArray):
            self.restoreGeometry(geometry)
            self.splitter.restoreState(splitter)
        self.controls.setVisible(self.preferences.panel)
        self.set_theme(self.preferences.theme)
        self._show_sources()
        self._show_state("idle")

    def _begin(self) -> None:
        self.ages.clear()
        self._modes.clear()
        names = self.runner.plan.names
        self.stack.setCurrentWidget(self._watching)
        self.canvas.set_sources(names, [title(name) for name in names])
        self.canvas.setFocus()
        self.transport.hide()
        self._refresh_timer.start(_REFRESH)

    def _show_state(self, state: str) -> None:
        self.top.set_state(state)
        self.transport.setEnabled(state == "running")
        if state == "running":
            self.transport.setVisible(self.runner.player is not None)
            self.transport.set_duration(0.0)
            self.transport.set_paused(False)
        if state == "idle":
            self._keep_cost()
            self._refresh_timer.stop()
            self.top.show_age("")
            self._show_recorded(None)
            self.controls.performance.set_engine(None)
            self.canvas.rest()
            self.transport.setVisible(self.transport.isVisible() and bool(self.canvas.results))
            if not self.runner.plan.sources:
                self.show_page()

    def _keep_cost(self) -> None:
        """What the engine was measured to take is shown beside the model the next time."""
        spent, engine = sum(self.ages.stages.values()), self.runner.plan.settings.engine
        if self.ages.count >= _ENOUGH and spent:
            self.preferences.keep_cost(engine.weights, engine.device, engine.precision, spent * 1e3)
            self.controls.model.describe()

    def _show_sources(self) -> None:
        self.top.set_sources(self.runner.plan.sources)
        self.top.set_state(self.runner.state)

    def _show_newest(self) -> None:
        self.canvas.show_newest(self.runner.bridge.newest())

    def _show_events(self) -> None:
        for event in self.runner.bridge.events():
            match event:
                case Ready():
                    self.controls.performance.set_engine(event)
                    self.controls.set_skeleton(event.skeleton)
                    self.controls.suit(event.suiting)
                    self.runner.bridge.watch(self.controls.heatmap.currentData())
                case SourceState():
                    self._show_source(event)
                case Told():
                    self.say(event)
                case Recorded():
                    self._show_recorded(event)

    def _show_source(self, state: SourceState) -> None:
        self.canvas.set_state(state)
        if state.mode:
            self._modes[title(state.source)] = state.mode
            self.controls.performance.set_modes(self._modes)
        self.transport.setVisible(self.runner.player is not None)
        if state.duration:
            self.transport.set_duration(state.duration)
        if state.status in ("reconnecting", "failed"):
            self.say(Told(state.text, "warning"))
        elif state.status == "live" and state.text:
            self.say(Told(state.text))

    def _show_recorded(self, recorded: Recorded | None) -> None:
        self.recording = bool(recorded and recorded.running)
        self.top.set_recorded(recorded)
        if recorded and not recorded.running and recorded.files:
            missed = f" ({recorded.missed} frames missed)" if recorded.missed else ""
            names = ", ".join(file.name for file in recorded.files)
            self.say(Told(f"Saved {names} in {recorded.files[0].parent}{missed}"))

    def _painted(self, result: Result, age: float) -> None:
        if not self.transport.is_paused:
            self.ages.add(result, age)

    def _canvas_resized(self, width: int, height: int) -> None:
        self.runner.bridge.picture_size = (width, height)

    def _play(self, ask: object) -> None:
        player = self.runner.player
        if player and callable(ask):
            ask(player)

    def _refresh(self) -> None:
        self.controls.performance.refresh()
        for result in self.canvas.results[:1]:
            self.transport.show_time(result.frame.time)
        spread = self.ages.spread()
        if spread and not self.transport.is_paused:
            age = f"{spread.p50 * 1e3:.0f} ms" if spread.p50 < 1 else f"{spread.p50:.1f} s"
            self.top.show_age(f"{age} old · {self.ages.rate():.0f} fps")
