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
from app.gui.chips import title
from app.gui.choosing import choose, sources_in
from app.gui.controls import Controls
from app.gui.focus_ring import FocusRing
from app.gui.full_screen import FullScreen
from app.gui.menus import open_menu
from app.gui.notices import Notices
from app.gui.performance_panel import PerformancePanel
from app.gui.preferences import Preferences
from app.gui.reactions import Reactions
from app.gui.remembering import Remembering
from app.gui.roster import Roster
from app.gui.runner import Runner
from app.gui.sources import SourcePage
from app.gui.standing import Standing
from app.gui.topbar import TopBar
from app.gui.transport import Transport
from app.live.offered import Offer
from app.live.plan import Plan
from app.live.protocol import Player, Start, Told
from app.overlay.look import Zone, ZoneKind

_SIZE = (1360, 820)  # logical pixels, where the screen is large enough
_FRAME = (12, 44)  # what a window manager puts around it
_SIDEBAR = 344


class Window(QMainWindow):
    """Shows what the runner runs. Every widget is owned here, every decision elsewhere."""

    def __init__(self, plan: Plan, offer: Offer, start: Start, preferences: Preferences) -> None:
        super().__init__()
        self.offer, self.preferences = offer, preferences
        self.theme = _dressed(preferences.theme)  # first: fonts decide how large parts are
        self.ages, self.roster = Ages(), Roster(self)
        self.runner = Runner(plan, start, self)
        self.canvas, self.transport = Canvas(), Transport()
        self.top, self.page = TopBar(), SourcePage(offer)
        self.controls = Controls(
            plan.settings, offer, PerformancePanel(self.ages), self.roster, preferences.cost
        )
        self.stack, self.splitter, self.watching = QStackedWidget(), QSplitter(), QWidget()
        self.notices = Notices(self.stack, self.transport)
        self._lay_out()
        self.full_screen, self.ring = FullScreen(self), FocusRing(self)
        self.reactions = Reactions(self)
        self._connect_parts()
        self.actions_by_key = Actions(self)
        self._connect_buttons()
        self.remembering, self.standing = Remembering(self, plan.settings), Standing(self)
        self._restore()
        if plan.sources:
            QTimer.singleShot(0, self.runner.start)
        else:
            self.show_page()

    def say(self, told: Told, *, asked: bool = False, seen: bool = False) -> None:
        """Show a sentence and keep it in the log; `asked`: it answers a key or a click.

        What is `seen` in the picture is not said a second time over it.
        """
        seen = seen and self.canvas.isVisible()
        self.notices.say(told, asked=asked, seen=seen, names=self.runner.plan.names)

    def show_page(self) -> None:
        """Offer sources instead of a picture."""
        self.stack.setCurrentWidget(self.page)
        self.page.set_recent(self.preferences.recent)
        self.page.search()
        self.page.focus_first()

    def title_of(self, name: str) -> str:
        """What a source is called: as a person renamed it, or by itself."""
        return self.preferences.titles.get(name) or title(name)

    def rename_source(self, name: str, text: str) -> None:
        """Call a source something else, now and the next time."""
        text = text.strip()
        self.preferences.keep_title(name, "" if text == title(name) else text)
        self.reactions.show_sources()

    def choose(self, sources: str | list[str]) -> None:
        """Watch one source or several, beside those that run; again those that failed."""
        choose(self, sources)

    def ask_for_zone(self, kind: ZoneKind) -> None:
        """Let the next drag in the picture draw a line or a region."""
        self.canvas.draw_zone(kind)
        self.say(Told(f"Drag in the picture to draw the {kind}. Escape ends it."), asked=True)

    def send_look(self) -> None:
        """Use what was chosen for pictures: on the screen and in all that is saved or sent."""
        look = self.roster.look(self.controls.look)
        self.canvas.set_look(look)
        self.runner.bridge.look(look)
        blurred = look.display.blur_heads  # a newer picture would show heads that moved on
        self.runner.bridge.preview(self.controls.display.preview.isChecked() and not blurred)

    def set_theme(self, name: str) -> None:
        """Look `dark` or `light`, now and the next time."""
        self.preferences.theme = name
        self.theme = _dressed(name)
        for part in (
            self.canvas,
            self.transport,
            self.top,
            self.page,
            self.notices,
            self.ring,
            self.controls.performance,
        ):
            part.set_theme(self.theme)

    def set_panel(self, shown: bool) -> None:
        """Show or hide the controls, now and the next time."""
        self.preferences.panel = shown
        self.controls.setVisible(shown)

    def set_full_screen(self, on: bool) -> None:
        """Leave only the picture on the screen."""
        self.full_screen.set_on(on)

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802  Qt's name
        """Let go of the engine and remember everything."""
        self.remembering.keep()
        self.runner.end()
        super().closeEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent | None) -> None:  # noqa: N802
        """Welcome files and addresses."""
        data = event.mimeData() if event else None
        if event and data and (data.hasUrls() or data.hasText()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent | None) -> None:  # noqa: N802
        """Watch everything that was dropped, at once."""
        data = event.mimeData() if event else None
        if event and data:
            self.choose(sources_in(data))
            event.acceptProposedAction()

    def _lay_out(self) -> None:
        self.setWindowTitle("posestream")
        self.setWindowIcon(style.icon("person", style.DARK["accent"]))
        self.setAcceptDrops(True)
        rows = QVBoxLayout(self.watching)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addWidget(self.canvas, 1)
        rows.addWidget(self.transport)
        self.transport.hide()
        self.stack.addWidget(self.page)
        self.stack.addWidget(self.watching)
        self.splitter.addWidget(self.stack)
        self.splitter.addWidget(self.controls)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setCollapsible(0, False)
        self.splitter.setHandleWidth(1)
        self.splitter.setSizes([_SIZE[0] - _SIDEBAR, _SIDEBAR])
        self.controls.setMinimumWidth(_SIDEBAR)
        whole = QWidget()
        columns = QVBoxLayout(whole)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(0)
        columns.addWidget(self.top)
        columns.addWidget(self.splitter, 1)
        self.setCentralWidget(whole)

    def _connect_parts(self) -> None:
        controls, bridge = self.controls, self.runner.bridge
        self.canvas.viewed.connect(bridge.view)
        self.canvas.picked.connect(self._picked)
        self.canvas.asked.connect(lambda who, at: open_menu(self, who, at))
        self.canvas.zone_drawn.connect(self._zone_drawn)
        self.roster.changed.connect(self._people_changed)
        controls.changed.connect(self.runner.change)
        controls.engine_changed.connect(self._engine_chosen)
        controls.look_changed.connect(self.send_look)
        controls.watched.connect(bridge.watch)
        controls.people.asked.connect(lambda who, at: open_menu(self, who, at))
        controls.people.keeps_in_view.connect(self._keep_in_view)
        controls.display.previewed.connect(self.send_look)
        controls.display.zone_asked.connect(self._zone_asked)
        controls.recording.chosen.connect(self._show_record_missing)
        controls.sending.changed.connect(bridge.send)
        controls.was_reset.connect(self._was_reset)
        self.page.chosen.connect(self.choose)
        self.top.chips.removed.connect(self.runner.remove)
        self.top.chips.asked.connect(lambda name, at: open_menu(self, (name, None), at))
        self.notices.folder_asked.connect(lambda at: self.actions_by_key.open_folder(at))
        transport = self.transport
        transport.paused.connect(lambda on: self._play(lambda p: p.pause(on)))
        transport.stepped.connect(lambda by: self._play(lambda p: p.step(by)))
        transport.sought.connect(lambda to: self._play(lambda p: p.seek(to)))
        transport.looped.connect(self.runner.set_loop)
        transport.speed_chosen.connect(self.runner.set_speed)

    def _connect_buttons(self) -> None:
        actions = self.actions_by_key
        for button, action in (
            (self.top.start, "start_or_stop"),
            (self.top.buttons["add"], "add_source"),
            (self.top.buttons["record"], "record"),
            (self.top.buttons["screenshot"], "screenshot"),
            (self.top.buttons["theme"], "toggle_theme"),
            (self.top.buttons["panel"], "toggle_panel"),
            (self.top.buttons["help"], "show_shortcuts"),
            (self.controls.recording.change_folder, "change_folder"),
        ):
            button.clicked.connect(getattr(actions, action))
        self.controls.recording.open_folder.clicked.connect(lambda: actions.open_folder())

    def _restore(self) -> None:
        geometry, splitter = self.preferences.layout
        screen = self.screen()
        room = screen.availableGeometry() if screen else None
        if room:  # its frame must fit as well
            w, h = room.width() - _FRAME[0], room.height() - _FRAME[1]
            self.resize(min(_SIZE[0], w), min(_SIZE[1], h))
        else:
            self.resize(*_SIZE)
        if isinstance(geometry, QByteArray) and isinstance(splitter, QByteArray):
            self.restoreGeometry(geometry)
            self.splitter.restoreState(splitter)
        self.controls.setVisible(self.preferences.panel)
        self.set_theme(self.preferences.theme)
        self.remembering.restore()
        self.reactions.show_sources()
        self.reactions.show_state("idle")
        self.reactions.show_folder()
        self._show_record_missing()
        self.send_look()

    def _picked(self, who: tuple[str, int] | None) -> None:
        if who or self.roster.followed:
            self.roster.follow(who)

    def _people_changed(self) -> None:
        self.controls.people.refresh()
        self.send_look()

    def _keep_in_view(self, on: bool) -> None:
        self.canvas.keeps_in_view = on
        if not on:
            self.canvas.zoom_to_fit()

    def _zone_asked(self, kind: object) -> None:
        if kind in ("line", "region"):
            self.ask_for_zone("line" if kind == "line" else "region")
        else:
            for source in self.runner.plan.names:
                self.roster.set_zone(source, None)

    def _zone_drawn(self, source: str, zone: Zone) -> None:
        self.roster.set_zone(source, zone)

    def _engine_chosen(self, settings: object) -> None:
        self.remembering.ask_before_engine(settings)  # type: ignore[arg-type]

    def _show_record_missing(self) -> None:
        self.top.set_record_missing(self.controls.recording.missing)

    def _was_reset(self) -> None:
        self.remembering.reset()
        self.roster.show_all()
        self.canvas.zoom_to_fit()

    def _play(self, ask: object) -> None:
        player: Player | None = self.runner.player
        if player and callable(ask):
            ask(player)


def _dressed(name: str) -> style.Theme:
    app = QApplication.instance()
    return style.dress(app, name) if isinstance(app, QApplication) else style.THEMES[name]
