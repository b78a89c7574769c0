"""Sentences for the person at the screen: the newest over the picture, all of them in a log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from PyQt6.QtCore import QEvent, QObject, Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import style
from app.gui.section import name
from app.live.protocol import Told

_STAYS = {"info": 4000, "warning": 8000, "error": 0}  # ms; 0: until it is closed
_ICONS = {"info": "info", "warning": "warning", "error": "warning"}
_COLOURS = {"info": "accent", "warning": "warning", "error": "bad"}
_KEPT = 500
_MOVING = (QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide)
_WORD = re.compile(r"[a-z]+ ")
_WIDEST, _BESIDE = 560, 140  # pixels of the text; of all that is beside it


def sentence(text: str, names: Sequence[str] = ()) -> str:
    """The text with a capital letter; one that begins with a name, a file or an address stays.

    The command line puts `posestream: ` before the same text.
    """
    if not _WORD.match(text) or any(text.startswith(name) for name in names):
        return text
    return text[0].upper() + text[1:]


class Notices(QFrame):
    """The newest sentence, floating at the lower edge of its parent, above the bar there."""

    folder_asked = pyqtSignal(object)  # a folder that the sentence is about

    def __init__(self, parent: QWidget, bar: QWidget) -> None:
        super().__init__(parent)
        self._bar = bar
        self.setObjectName("toast")
        self.log: list[tuple[datetime, Told]] = []
        self._theme = style.DARK
        self._mark, self.text, self.closer = QLabel(), QLabel(), QToolButton()
        self.opener = QPushButton("Open folder")
        self._folder: Path | None = None
        self._away = False  # only errors may be over the picture
        self._held: Told | None = None  # what was said meanwhile
        self._answers = False  # what is shown answers a key or a click
        self._hide_later = QTimer(self)
        self._hide_later.setSingleShot(True)
        self._hide_later.timeout.connect(self.hide)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setAccessibleDescription("Message")  # a name would be read instead of it
        self.closer.setProperty("kind", "flat")
        name(self.closer, "Close the message", "Esc")
        self.closer.clicked.connect(self.hide)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 8, 8)
        row.setSpacing(10)
        self.opener.clicked.connect(lambda: self.folder_asked.emit(self._folder))
        for widget in (self._mark, self.text, self.opener, self.closer):
            row.addWidget(widget)
        parent.installEventFilter(self)
        bar.installEventFilter(self)
        self.hide()

    def set_theme(self, theme: style.Theme) -> None:
        """Take colours from this theme."""
        self._theme = theme
        self.closer.setIcon(style.icon("close", theme["muted"], 16))
        self._mark_level()

    def say(
        self, told: Told, *, asked: bool = False, seen: bool = False, names: Sequence[str] = ()
    ) -> None:
        """Show a sentence and keep it in the log; an error stays until it is closed.

        Args:
            asked: it answers a key or a click, so it is shown where only errors may be, too.
            seen: it stands in the picture already; it is only kept.
            names: of sources; they keep their first letter.
        """
        told = replace(told, text=sentence(told.text, names))
        self.log = [*self.log[-_KEPT + 1 :], (datetime.now(), told)]
        if seen:
            return
        if self._away and told.level != "error" and not asked:
            if told.level == "warning" or not self._held or self._held.level == "info":
                self._held = told
        elif told.level != "info" or not self._error_shown():
            self._answers = asked
            self._put_up(told)

    def set_away(self, away: bool) -> None:
        """Leave the picture free of all but errors; afterwards show what was said meanwhile."""
        self._away = away
        if away and not self._error_shown() and not self._answers:
            self.hide()
        held, self._held = (self._held, None) if not away else (None, self._held)
        if held and not self._error_shown():
            self._put_up(held)

    def _put_up(self, told: Told) -> None:
        self.text.setText(told.text)
        self._folder = told.folder
        self.opener.setVisible(told.folder is not None)
        self.setProperty("level", told.level)
        self._mark_level()
        sheet = self.style()
        if sheet:
            sheet.polish(self)
        self.show()
        self._place()
        self._hide_later.stop()
        if _STAYS[told.level]:
            self._hide_later.start(_STAYS[told.level] * (2 if told.folder else 1))

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Stay at the lower edge when the parent changes its size, above the bar when it comes."""
        if event and event.type() in _MOVING and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def _mark_level(self) -> None:
        if level := self.property("level"):
            colour, ratio = self._theme[_COLOURS[level]], self.devicePixelRatioF()
            self._mark.setPixmap(style.pixmap(_ICONS[level], colour, 20, ratio))

    def _error_shown(self) -> bool:
        return self.isVisible() and self.property("level") == "error"

    def _place(self) -> None:
        parent = self.parentWidget()
        if parent:
            opener = self.opener.sizeHint().width() if self._folder else 0
            room = max(min(_WIDEST, parent.width() - _BESIDE - opener), 80)
            wanted = self.text.fontMetrics().horizontalAdvance(self.text.text()) + 8
            self.text.setFixedWidth(min(room, wanted))
            self.adjustSize()
            x = (parent.width() - self.width()) // 2
            bar = self._bar.height() if self._bar.isVisible() else 0
            self.move(max(x, 8), parent.height() - bar - self.height() - 18)
            self.raise_()


class LogDialog(QDialog):
    """Everything that was said, newest last."""

    def __init__(self, notices: Notices, theme: style.Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Messages")
        entries = QListWidget()
        entries.setWordWrap(True)
        entries.setAccessibleName("Messages")
        for when, told in notices.log:
            colour = theme[_COLOURS[told.level]]
            item = QListWidgetItem(f"{when:%H:%M:%S}   {told.text}")
            item.setIcon(style.icon(_ICONS[told.level], colour, 16))
            entries.addItem(item)
        if not notices.log:
            entries.addItem("Nothing was said yet.")
        entries.scrollToBottom()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(16, 16, 16, 16)
        rows.addWidget(entries)
        self.resize(640, 380)
