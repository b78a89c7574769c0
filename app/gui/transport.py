"""The bar under the picture for files: play, step, seek, speed, loop, time and frame."""

from __future__ import annotations

import re
from typing import Final

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QToolButton, QWidget

from app.gui import style
from app.gui.quiet import QuietCombo, QuietSlider
from app.gui.section import name

_STEPS = 2000
_LEAST = 310  # pixels of the bar that play, position and time need
_ROOM_FOR_FRAME, _ROOM_FOR_TOTAL, _ROOM_FOR_SPEED, _ROOM_FOR_STEPS = 640, 540, 464, 380
SPEEDS: Final = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0)


class Transport(QWidget):
    """Sends what a person asks for; `show_time` says where the files are."""

    paused = pyqtSignal(bool)
    stepped = pyqtSignal(int)  # frames: 1 or -1
    sought = pyqtSignal(float)  # seconds
    looped = pyqtSignal(bool)
    speed_chosen = pyqtSignal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.play, self.next, self.previous = QToolButton(), QToolButton(), QToolButton()
        self.loop, self.speed = QToolButton(), QuietCombo()
        self.position = QuietSlider()
        self.clock = QLineEdit("0:00.00")
        self._total, self._frame = QLabel(), QLabel()
        self._duration = 0.0
        self._paused = self._ended = False
        self.time = 0.0  # of the picture shown, seconds
        self._theme = style.DARK
        self._lay_out()
        self.play.clicked.connect(lambda: self.set_paused(not self._paused, tell=True))
        self.next.clicked.connect(lambda: self._step(1))
        self.previous.clicked.connect(lambda: self._step(-1))
        self.position.valueChanged.connect(self._seek)  # by hand, or by a screen reader
        self.loop.toggled.connect(self.looped)
        self.speed.activated.connect(lambda: self.speed_chosen.emit(self.speed.currentData()))
        self.clock.returnPressed.connect(self._typed)

    @property
    def is_paused(self) -> bool:
        """Whether the files stand still, also at their end."""
        return self._paused or self._ended

    def set_theme(self, theme: style.Theme) -> None:
        """Take the colours of icons from this theme."""
        self._theme = theme
        self.next.setIcon(style.icon("next", theme["text"]))
        self.previous.setIcon(style.icon("previous", theme["text"]))
        self.loop.setIcon(style.icon("loop", theme["text"]))
        self.set_paused(self._paused)

    def set_duration(self, seconds: float) -> None:
        """How long the longest file is; 0 when not known."""
        if seconds != self._duration:
            self._duration = seconds
            self.position.setEnabled(seconds > 0)
            self._total.setText(f"/ {clock_text(seconds)}" if seconds else "")

    def set_paused(self, paused: bool, *, tell: bool = False) -> None:
        """Show whether the files stand still; with `tell`, ask for it.

        At the end, playing is asked for: it begins at the start.
        """
        if tell and self._ended:
            paused = False
        self._paused = paused
        self._ended = self._ended and not tell
        self._show_state()
        if tell:
            self.paused.emit(paused)

    def set_ended(self, ended: bool) -> None:
        """Show that nothing more comes, or that it continues."""
        if ended != self._ended:
            self._ended = ended
            self._show_state()

    def show_time(self, seconds: float, frame: int | None = None) -> None:
        """Show where the files are, unless a person is dragging or typing."""
        self.time = seconds
        if self._duration and not self.position.isSliderDown():
            self.position.blockSignals(True)
            self.position.setValue(round(_STEPS * seconds / self._duration))
            self.position.blockSignals(False)
        if not self.clock.hasFocus():
            self.clock.setText(clock_text(seconds))
        self._frame.setText("" if frame is None else f"#{frame}")
        self.position.setAccessibleName(f"Position: {clock_text(seconds)}")

    def change_speed(self, steps: int) -> None:
        """Play faster or slower."""
        index = min(max(self.speed.currentIndex() + steps, 0), self.speed.count() - 1)
        self.set_speed(SPEEDS[index])

    def set_speed(self, speed: float) -> None:
        """Play at this speed, if it is one of those offered."""
        index = self.speed.findData(speed)
        if index >= 0:
            self.speed.setCurrentIndex(index)
            self.speed_chosen.emit(speed)

    def begin(self) -> None:
        """A new run: at its start, playing; speed and loop are those of the run before."""
        self._ended = False
        self.set_paused(False)
        self.set_duration(0.0)
        self.show_time(0.0)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802  Qt's name
        """Leave out what has a key, or says least, where the position needs the room."""
        super().resizeEvent(event)
        for parts, room in (
            ((self._frame,), _ROOM_FOR_FRAME),
            ((self._total,), _ROOM_FOR_TOTAL),
            ((self.speed,), _ROOM_FOR_SPEED),
            ((self.previous, self.next), _ROOM_FOR_STEPS),
        ):
            for part in parts:
                part.setVisible(self.width() >= room)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Without what is left out in a narrow window."""
        return QSize(_LEAST, super().minimumSizeHint().height())

    def _show_state(self) -> None:
        drawn = "refresh" if self._ended else "play" if self._paused else "pause"
        text = "Play again" if self._ended else "Play" if self._paused else "Pause"
        self.play.setIcon(style.icon(drawn, self._theme["text"]))
        name(self.play, text, "Space")

    def _step(self, frames: int) -> None:
        self.set_paused(True)
        self.stepped.emit(frames)

    def _seek(self, step: int) -> None:
        self.sought.emit(self._duration * step / _STEPS)

    def _typed(self) -> None:
        seconds = seconds_in(self.clock.text())
        self.clock.clearFocus()
        if seconds is not None:
            self.sought.emit(seconds)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 12, 6)
        row.setSpacing(4)
        for button in (self.previous, self.play, self.next, self.loop):
            button.setProperty("kind", "flat")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        self.loop.setCheckable(True)
        name(self.previous, "Previous frame", ",")
        name(self.next, "Next frame", ".")
        name(self.loop, "Begin again at the end", "O")
        for speed in SPEEDS:
            self.speed.addItem(f"{speed:g}×", speed)
        self.speed.setCurrentIndex(SPEEDS.index(1.0))
        self.speed.setAccessibleName("Speed")
        unseen = QLabel("Speed", self)  # what a screen reader says of the chooser on Linux
        unseen.setBuddy(self.speed)
        unseen.hide()
        self.speed.setToolTip("Speed  ([ and ])")
        row.addWidget(self.speed)
        self.position.setRange(0, _STEPS)
        self.position.setMinimumWidth(80)
        self.position.setPageStep(_STEPS // 20)
        self.position.setAccessibleName("Position")
        row.addSpacing(8)
        row.addWidget(self.position, 1)
        row.addSpacing(8)
        self.clock.setFont(style.digits(9.5))
        self.clock.setFixedWidth(92)
        self.clock.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.clock.setProperty("kind", "plain")
        self.clock.setAccessibleName("Time: type where to go")
        self.clock.setToolTip("Type a time, such as 1:05.2 or 65.2, and press Enter")
        for label in (self._total, self._frame):
            label.setFont(style.digits(9.5))
            label.setProperty("role", "muted")
        self._frame.setAccessibleDescription("Frame number")
        for widget in (self.clock, self._total, self._frame):
            row.addWidget(widget)
        self.setObjectName("bottomBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)


def clock_text(seconds: float) -> str:
    """Hours only where needed: 1:05.20, 1:01:05.20."""
    hundredths = round(max(seconds, 0.0) * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    front = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{front}:{rest / 100:05.2f}"


def seconds_in(text: str) -> float | None:
    """The seconds of "65.2", "65,2", "1:05.2" or "1:01:05"; None if it is no time."""
    pointed = text.strip().replace(",", ".")
    found = re.fullmatch(r"(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d*)?)", pointed)
    if not found:
        return None
    first, second, seconds = found.groups()
    if first and second:
        return int(first) * 3600 + int(second) * 60 + float(seconds)
    return int(first or 0) * 60 + float(seconds)
