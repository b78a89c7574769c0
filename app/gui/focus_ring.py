"""A ring around the control that the keyboard acts on; the mouse needs none."""

from __future__ import annotations

from PyQt6 import sip
from PyQt6.QtCore import QEvent, QObject, QPoint, QRect, QRectF, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QApplication, QScrollArea, QWidget

from app.gui import style

_WIDTH = 2  # pixels; with the theme's accent 3:1 on everything it lies on
_ROUND = 7.0
_MOVES = (QEvent.Type.Move, QEvent.Type.Resize, QEvent.Type.Show, QEvent.Type.Hide)


class FocusRing(QObject):
    """Follows the focus of the whole program, also into dialogs."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._theme = style.DARK
        self._ring: _Ring | None = None
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._follow)

    @property
    def control(self) -> QWidget | None:
        """What has the ring."""
        ring = self._ring
        gone = ring is None or sip.isdeleted(ring) or sip.isdeleted(ring.control)
        return None if gone or ring is None else ring.control

    def set_theme(self, theme: style.Theme) -> None:
        """Draw in this theme's accent."""
        self._theme = theme
        self._put_around(self.control)

    def leave(self) -> None:
        """The program moved the focus, not a person."""
        self._put_around(None)

    def _put_around(self, control: QWidget | None) -> None:
        if self._ring is not None and not sip.isdeleted(self._ring):
            self._ring.hide()
            self._ring.deleteLater()
        self._ring = _Ring(control, self._theme["accent"]) if control else None

    def _follow(self, before: QWidget | None, now: QWidget | None) -> None:
        if now is None or before is None:  # another program had it: all is as it was
            return
        window = now.window()
        if window and window.windowType() == Qt.WindowType.Popup:
            return
        by_mouse = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        back = window is self.parent() is not before.window()  # from a dialog
        self._put_around(None if by_mouse or back else now)


class _Ring(QWidget):
    """Lies over what the control is in, so that it is scrolled and covered with it."""

    def __init__(self, control: QWidget, colour: str) -> None:
        self.control, self._colour = control, QColor(colour)
        between = [control]
        while (around := between[-1].parentWidget()) and not _ends(between[-1]):
            between.append(around)
        self._around = between.pop() if len(between) > 1 else control
        super().__init__(self._around)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        for widget in between:
            widget.installEventFilter(self)
        self._place()

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802  Qt's name
        """Stay where the control is."""
        if sip.isdeleted(self.control):
            self.hide()
        elif event and event.type() in _MOVES:
            self._place()
        return False

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """A rounded line along the edge."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._colour, _WIDTH))
        half = _WIDTH / 2
        area = QRectF(self.rect()).adjusted(half, half, -half, -half)
        painter.drawRoundedRect(area, _ROUND, _ROUND)
        painter.end()

    def _place(self) -> None:
        place = QRect(self.control.mapTo(self._around, QPoint(0, 0)), self.control.size())
        place = place.adjusted(-_WIDTH, -_WIDTH, _WIDTH, _WIDTH)
        self.setGeometry(place.intersected(self._around.rect()))
        self.setVisible(self.control.isVisibleTo(self._around))
        self.raise_()


def _ends(widget: QWidget) -> bool:
    """Whether the ring is put on this: a window, or all that a scroll area shows."""
    port = widget.parentWidget()
    area = port.parentWidget() if port else None
    scrolled = isinstance(area, QScrollArea) and area.widget() is widget
    return widget.isWindow() or scrolled
