"""Only the picture on the screen: bar and pointer come with the mouse and go without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtCore import QEvent, QObject, Qt, QTimer
from PyQt6.QtGui import QMouseEvent
from PyQt6.QtWidgets import QApplication, QToolButton

from app.gui import style
from app.gui.section import name

if TYPE_CHECKING:
    from app.gui.window import Window

_STAYS = 2000  # ms without a movement of the mouse


class FullScreen(QObject):
    """Escape, a double click and the button in the corner lead out."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self._on = False
        self._pressed = False  # the mouse was, in this run: a double click that chose the
        # source ends on the picture, and does not mean it
        self.leave = QToolButton(window.canvas)
        self.leave.setProperty("kind", "over")
        self.leave.setIcon(style.icon("close", "#ffffff", 18))
        name(self.leave, "Leave full screen", "Esc")
        self.leave.clicked.connect(lambda: self.set_on(False))
        self.leave.hide()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._hide)
        window.canvas.setMouseTracking(True)
        window.canvas.installEventFilter(self)
        window.runner.started.connect(self._forget_press)

    def set_on(self, on: bool) -> None:
        """Fill the screen with the picture, or show everything again."""
        window, self._on = self._window, on
        window.top.setVisible(not on)
        window.controls.setVisible(not on and window.preferences.panel)
        if on:
            window.showFullScreen()
            self._timer.start(_STAYS)
        else:
            window.showNormal()
            self._timer.stop()
            self._show()
            self.leave.hide()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802  Qt's name
        """Come back when the mouse moves; a double click leads in and out."""
        kind = event.type() if event else None
        if self._on and kind == QEvent.Type.MouseMove:
            self._show()
            self._timer.start(_STAYS)
        if isinstance(event, QMouseEvent) and event.button() == Qt.MouseButton.LeftButton:
            if kind == QEvent.Type.MouseButtonPress:
                self._pressed = True
            elif kind == QEvent.Type.MouseButtonDblClick and self._pressed:
                self.set_on(not self._on)
        return super().eventFilter(watched, event)

    def _forget_press(self) -> None:
        self._pressed = False

    def _show(self) -> None:
        window = self._window
        if not window.canvas.is_drawing_zone:
            window.canvas.unsetCursor()
        window.transport.setVisible(window.runner.player is not None)
        self.leave.move(window.canvas.width() - self.leave.sizeHint().width() - 12, 12)
        self.leave.setVisible(self._on)
        window.notices.set_away(False)

    def _hide(self) -> None:
        window = self._window
        menu = QApplication.activePopupWidget()
        used = window.transport.underMouse() or window.notices.underMouse()
        if not self._on or menu or used:
            self._timer.start(_STAYS)
            return
        self._timer.stop()
        window.canvas.setCursor(Qt.CursorShape.BlankCursor)
        window.transport.hide()
        window.notices.set_away(True)
        self.leave.hide()

    @property
    def hides_bar(self) -> bool:
        """Whether the bar is away until the mouse moves."""
        return self._on and not self._timer.isActive()
