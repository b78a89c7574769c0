"""The bar under the picture for files: play, pause, step, seek."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QWidget

from app.gui import style
from app.gui.section import name

_STEPS = 2000


class Transport(QWidget):
    """Sends what a person asks for; `show_time` says where the file is."""

    paused = pyqtSignal(bool)
    stepped = pyqtSignal(int)  # frames: 1 or -1
    sought = pyqtSignal(float)  # seconds

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.play, self.next, self.previous = QToolButton(), QToolButton(), QToolButton()
        self.position = QSlider(Qt.Orientation.Horizontal)
        self._clock = QLabel("0:00.0")
        self._duration = 0.0
        self._paused = False
        self.time = 0.0  # of the picture shown, seconds
        self._theme = style.DARK
        self._lay_out()
        self.play.clicked.connect(lambda: self.set_paused(not self._paused, tell=True))
        self.next.clicked.connect(lambda: self._step(1))
        self.previous.clicked.connect(lambda: self._step(-1))
        self.position.sliderMoved.connect(self._seek)
        self.position.actionTriggered.connect(self._clicked)

    @property
    def is_paused(self) -> bool:
        """Whether the file stands still."""
        return self._paused

    def set_theme(self, theme: style.Theme) -> None:
        """Take the colours of icons from this theme."""
        self._theme = theme
        self.next.setIcon(style.icon("next", theme["text"]))
        self.previous.setIcon(style.icon("previous", theme["text"]))
        self.set_paused(self._paused)

    def set_duration(self, seconds: float) -> None:
        """How long the file is; 0 when not known."""
        self._duration = seconds
        self.position.setEnabled(seconds > 0)
        self.show_time(0.0)

    def set_paused(self, paused: bool, *, tell: bool = False) -> None:
        """Show whether the file stands still; with `tell`, ask for it."""
        self._paused = paused
        self.play.setIcon(style.icon("play" if paused else "pause", self._theme["text"]))
        name(self.play, "Play" if paused else "Pause", "Space")
        if tell:
            self.paused.emit(paused)

    def show_time(self, seconds: float) -> None:
        """Show where the file is, unless a person is dragging."""
        self.time = seconds
        if self._duration and not self.position.isSliderDown():
            self.position.blockSignals(True)
            self.position.setValue(round(_STEPS * seconds / self._duration))
            self.position.blockSignals(False)
        total = f" / {_clock(self._duration)}" if self._duration else ""
        self._clock.setText(f"{_clock(seconds)}{total}")

    def _step(self, frames: int) -> None:
        self.set_paused(True)
        self.stepped.emit(frames)

    def _seek(self, step: int) -> None:
        self.sought.emit(self._duration * step / _STEPS)

    def _clicked(self, action: int) -> None:
        if QSlider.SliderAction(action) is not QSlider.SliderAction.SliderMove:
            self._seek(self.position.sliderPosition())

    def _lay_out(self) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 6, 12, 6)
        row.setSpacing(4)
        for button in (self.previous, self.play, self.next):
            button.setProperty("kind", "flat")
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        name(self.previous, "Previous frame", ",")
        name(self.next, "Next frame", ".")
        self.position.setRange(0, _STEPS)
        self.position.setPageStep(_STEPS // 20)
        self.position.setAccessibleName("Position in the file")
        self.position.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row.addSpacing(8)
        row.addWidget(self.position, 1)
        row.addSpacing(8)
        self._clock.setFont(style.digits(9.5))
        self._clock.setAccessibleName("Time in the file")
        row.addWidget(self._clock)
        self.setObjectName("bottomBar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(seconds, 0.0), 60)
    return f"{int(minutes)}:{rest:04.1f}"
