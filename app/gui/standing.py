"""A picture that stands still follows what is changed: it is analysed once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, QTimer

from engine.settings import Settings

if TYPE_CHECKING:
    from app.gui.window import Window

_PAUSE = 120  # ms without a change: a slider that is dragged would ask for every step


class Standing(QObject):
    """Connected to the controls. While something is recorded, no frame is to be in it twice."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self._known = _finding(window.controls.settings)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._show_again)
        window.controls.changed.connect(self._changed)
        window.controls.watched.connect(lambda joint: self._timer.start())

    def _changed(self, settings: Settings) -> None:
        before, self._known = self._known, _finding(settings)
        if before != self._known:
            self._timer.start()

    def _show_again(self) -> None:
        window, player = self._window, self._window.runner.player
        if player and player.paused and not player.ended and not window.reactions.recording:
            player.seek(window.transport.time)


def _finding(settings: Settings) -> tuple[object, ...]:
    """What decides which people are found, and where: how they are drawn needs no analysis."""
    return settings.grouping, settings.tracking, settings.smoothing
