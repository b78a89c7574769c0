"""The bar on top: what is watched, start and stop, record, screenshot, and the age at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from app.gui import style
from app.gui.chips import Chips
from app.gui.section import name
from app.live.protocol import Recorded

_FLAT = ("add", "record", "screenshot", "theme", "panel", "help")
_ICONS = {
    "add": "plus",
    "record": "record",
    "screenshot": "screenshot",
    "panel": "panel",
    "help": "help",
}
_ROOM_FOR_BRAND, _ROOM_FOR_AGE = 1100, 760  # pixels of the bar


class TopBar(QFrame):
    """Buttons are public: the window connects them to its actions."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topBar")
        self.start = QPushButton("Start")
        self.buttons = {key: QToolButton() for key in _FLAT}
        self._mark, self._brand = QLabel(), QLabel("posestream")
        self._age, self._recorded = QLabel(), QLabel()
        self.chips = Chips()
        self._theme = style.DARK
        self._dark = True
        self._sources: tuple[str, ...] = ()
        self._titles: dict[str, str] = {}
        self._record_missing = ""  # why nothing can be recorded
        self._state = "idle"
        self._recording = False
        self._lay_out()
        self.set_state("idle")

    def set_theme(self, theme: style.Theme) -> None:
        """Take the colours of icons from this theme."""
        self._theme, self._dark = theme, theme is style.DARK
        for key, drawn in _ICONS.items():
            self.buttons[key].setIcon(style.icon(drawn, theme["text"]))
        self.buttons["theme"].setIcon(style.icon("sun" if self._dark else "moon", theme["text"]))
        self._mark.setPixmap(style.pixmap("person", theme["accent"], 24, self.devicePixelRatioF()))
        self.set_sources(self._sources, self._titles)
        self.set_state(self._state)
        self._show_recording()

    def set_sources(self, sources: Sequence[str], titles: Mapping[str, str]) -> None:
        """Show one chip per source, by the name it was given."""
        self._sources, self._titles = tuple(sources), dict(titles)
        self.chips.set_sources(sources, titles, self._theme)

    def set_state(self, state: str) -> None:
        """Be `idle` or `running`."""
        self._state = state
        running = state != "idle"
        self.start.setText(" Stop" if running else " Start")
        self.start.setProperty("kind", "stop" if running else "primary")
        self.start.setEnabled(bool(running or self._sources))
        drawn, colour = ("stop", "bad") if running else ("play", "on_accent")
        if not running and not self._sources:
            colour = "faint"
        self.start.setIcon(style.icon(drawn, self._theme[colour], 18))
        name(self.start, "Stop" if running else "Start", "Ctrl+Enter")
        self.buttons["screenshot"].setEnabled(running)
        self.set_record_missing(self._record_missing)
        if sheet := self.style():
            sheet.polish(self.start)

    def set_record_missing(self, why: str) -> None:
        """Why nothing can be recorded; empty when something can."""
        self._record_missing = why
        running = self._state != "idle"
        self.buttons["record"].setEnabled(running and (self._recording or not why))
        if why and not self._recording:
            name(self.buttons["record"], f"Record: {why}")
        else:
            self._show_recording()

    def set_recorded(self, recorded: Recorded | None) -> None:
        """Show how long the recording is; None when nothing is recorded."""
        self._recording = bool(recorded and recorded.running)
        if recorded and recorded.running:
            missed = f", {recorded.missed} missed" if recorded.missed else ""
            minutes, seconds = divmod(int(recorded.seconds), 60)
            self._recorded.setText(f"{minutes}:{seconds:02d}{missed}")
        else:
            self._recorded.setText("")
        self._show_recording()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802  Qt's name
        """Leave out the program's name and the age where sources need the room."""
        super().resizeEvent(event)
        room = self.width() >= _ROOM_FOR_BRAND + 100 * max(len(self._sources) - 2, 0)
        self._brand.setVisible(room)
        self._age.setVisible(self.width() >= _ROOM_FOR_AGE)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Without what is left out in a narrow window."""
        needed = super().minimumSizeHint()
        optional = [part for part in (self._brand, self._age) if not part.isHidden()]
        left_out = sum(max(p.minimumWidth(), p.minimumSizeHint().width()) for p in optional)
        return QSize(needed.width() - left_out, needed.height())

    def show_age(self, text: str) -> None:
        """The age and rate at a glance; empty when nothing runs."""
        self._age.setText(text)

    def _show_recording(self) -> None:
        colour = self._theme["bad" if self._recording else "text"]
        self.buttons["record"].setIcon(style.icon("record", colour))
        text = "Finish recording" if self._recording else "Record"
        name(self.buttons["record"], text, "R")
        self._recorded.setStyleSheet(f"color: {self._theme['bad']}")

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 10, 8)
        row.setSpacing(6)
        self._brand.setObjectName("brand")
        self._age.setFont(style.digits(10))
        self._age.setProperty("role", "muted")
        usual = self._age.fontMetrics().horizontalAdvance("999 ms old · 30 fps")
        self._age.setMinimumWidth(usual)  # so that figures that change move nothing
        self._age.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self._age.setAccessibleDescription("Age of the picture and frames per second")
        self._recorded.setFont(style.digits(10))
        self._recorded.setAccessibleDescription("Length of the recording")
        for button in self.buttons.values():
            button.setProperty("kind", "flat")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.start.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.start.setMinimumWidth(92)
        row.addWidget(self._mark)
        row.addWidget(self._brand)
        row.addSpacing(12)
        row.addWidget(self.chips, 100)
        row.addWidget(self.buttons["add"])
        row.addStretch(1)
        row.addWidget(self._age)
        row.addSpacing(10)
        for widget in (self._recorded, self.buttons["record"], self.buttons["screenshot"]):
            row.addWidget(widget)
        row.addSpacing(4)
        row.addWidget(self.start)
        row.addSpacing(4)
        for key in ("theme", "panel", "help"):
            row.addWidget(self.buttons[key])
        name(self.buttons["add"], "Add a source", "Ctrl+N")
        name(self.buttons["screenshot"], "Save a screenshot", "S")
        name(self.buttons["theme"], "Light or dark", "T")
        name(self.buttons["panel"], "Show or hide the controls", "C")
        name(self.buttons["help"], "Keyboard shortcuts", "?")
