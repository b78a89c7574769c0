"""The bar on top: what is watched, start and stop, record, screenshot, and the age at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton, QWidget

from app.gui import style
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
_MOST_SHOWN = 34  # characters of a source's title


class TopBar(QFrame):
    """Buttons are public: the window connects them to its actions."""

    removed = pyqtSignal(str)  # a source

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("topBar")
        self.start = QPushButton("Start")
        self.buttons = {key: QToolButton() for key in _FLAT}
        self._mark, self._brand = QLabel(), QLabel("posestream")
        self._age, self._recorded = QLabel(), QLabel()
        self._chips = QHBoxLayout()
        self._theme = style.DARK
        self._dark = True
        self._sources: tuple[str, ...] = ()
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
        self.set_sources(self._sources)
        self.set_state(self._state)
        self._show_recording()

    def set_sources(self, sources: Sequence[str]) -> None:
        """Show one chip per source."""
        self._sources = tuple(sources)
        while self._chips.count():
            item = self._chips.takeAt(0)
            if item and (old := item.widget()):
                old.deleteLater()
        for source in sources:
            self._chips.addWidget(self._chip(source))

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
        for key in ("record", "screenshot"):
            self.buttons[key].setEnabled(state == "running")
        if sheet := self.style():
            sheet.polish(self.start)

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

    def show_age(self, text: str) -> None:
        """The age and rate at a glance; empty when nothing runs."""
        self._age.setText(text)

    def _show_recording(self) -> None:
        colour = self._theme["bad" if self._recording else "text"]
        self.buttons["record"].setIcon(style.icon("record", colour))
        text = "Finish recording" if self._recording else "Record"
        name(self.buttons["record"], text, "R")
        self._recorded.setStyleSheet(f"color: {self._theme['bad']}")

    def _chip(self, source: str) -> QFrame:
        chip = QFrame()
        chip.setObjectName("chip")
        chip.setFixedHeight(28)
        row = QHBoxLayout(chip)
        row.setContentsMargins(12, 2, 4, 2)
        row.setSpacing(2)
        label = QLabel(shortened(title(source), _MOST_SHOWN))
        label.setToolTip(title(source))
        closer = QToolButton()
        closer.setIcon(style.icon("close", self._theme["muted"], 14))
        name(closer, f"Remove {title(source)}")
        closer.clicked.connect(lambda: self.removed.emit(source))
        row.addWidget(label)
        row.addWidget(closer)
        return chip

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 10, 8)
        row.setSpacing(6)
        self._brand.setObjectName("brand")
        self._age.setFont(style.digits(10))
        self._age.setProperty("role", "muted")
        self._age.setAccessibleName("Age of the picture and frames per second")
        self._recorded.setFont(style.digits(10))
        self._recorded.setAccessibleName("Length of the recording")
        for button in self.buttons.values():
            button.setProperty("kind", "flat")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.start.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.start.setMinimumWidth(92)
        row.addWidget(self._mark)
        row.addWidget(self._brand)
        row.addSpacing(12)
        row.addLayout(self._chips)
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


def title(source: str) -> str:
    """What a person calls a source: a camera, a file, an address without secrets."""
    if source.isdecimal():
        return f"Camera {source}"
    if source.startswith("lavfi:"):
        return "Test picture"
    if source in ("-", "screen"):
        return {"-": "Standard input", "screen": "Screen"}[source]
    if "://" in source:
        scheme, _, rest = source.partition("://")
        host, slash, path = rest.partition("/")
        return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
    return Path(source).name or source


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a long text."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"
