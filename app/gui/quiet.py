"""Controls that a turning mouse wheel passes over: it scrolls the sidebar unless one has focus."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QValidator, QWheelEvent
from PyQt6.QtWidgets import QComboBox, QDoubleSpinBox, QSlider


class QuietSlider(QSlider):
    """Horizontal."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802  Qt's name
        """Move only with focus."""
        if event and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)


class QuietCombo(QComboBox):
    """A chooser that the wheel moves only with focus."""

    def __init__(self) -> None:
        super().__init__()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Move only with focus."""
        if event and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)


class QuietNumber(QDoubleSpinBox):
    """A number that is typed, with a point or a comma; without arrows."""

    def __init__(self) -> None:
        super().__init__()
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setKeyboardTracking(False)
        self.setProperty("kind", "plain")

    def validate(self, text: str | None, at: int) -> tuple[QValidator.State, str, int]:
        """Take the other mark for the system's: Qt reads 0,42 as 0 where it is a point."""
        mark = self.locale().decimalPoint()
        return super().validate((text or "").replace(",", mark).replace(".", mark), at)

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802
        """Move only with focus."""
        if event and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)
