"""A part of the sidebar with a title that folds it away, and small pieces parts are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QToolButton,
    QVBoxLayout,
    QWidget,
)


class Section(QWidget):
    """A title and what belongs under it."""

    def __init__(self, title: str, *, opened: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self._head = QToolButton()
        self._head.setText(title)
        self._head.setProperty("kind", "section")
        self._head.setCheckable(True)
        self._head.setChecked(opened)
        self._head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._head.setAccessibleName(f"{title}: show or hide")
        self._body = QWidget()
        self.rows = QVBoxLayout(self._body)
        self.rows.setContentsMargins(2, 2, 2, 6)
        self.rows.setSpacing(10)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(6)
        whole.addWidget(self._head)
        whole.addWidget(self._body)
        whole.addWidget(line())
        self._head.toggled.connect(self.set_open)
        self.set_open(opened)

    def set_summary(self, text: str) -> None:
        """Say the most important beside the title, also while folded."""
        whole = f"{self.title}   {text}" if text else self.title
        if whole != self._head.text():  # a new text lays the sidebar out anew
            self._head.setText(whole)

    @property
    def opened(self) -> bool:
        """Whether its rows are shown."""
        return self._head.isChecked()

    def set_open(self, opened: bool) -> None:
        """Show or fold away the rows."""
        self._head.setChecked(opened)
        self._head.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._head.setIconSize(QSize(8, 8))
        self._body.setVisible(opened)

    def add(self, *widgets: QWidget) -> None:
        """Put rows at the end."""
        for widget in widgets:
            self.rows.addWidget(widget)


def line() -> QFrame:
    """A thin line between parts."""
    made = QFrame()
    made.setFrameShape(QFrame.Shape.NoFrame)
    made.setFixedHeight(1)
    made.setObjectName("rule")
    return made


def note(text: str = "", role: str = "small") -> QLabel:
    """A line of explanation that wraps."""
    made = QLabel(text)
    made.setProperty("role", role)
    made.setWordWrap(True)
    return made


def tick(text: str, on: bool, tip: str, changed: Callable[[bool], object]) -> QCheckBox:
    """A check box that calls `changed` when a person switches it."""
    made = QCheckBox(text)
    made.setChecked(on)
    made.setToolTip(tip)
    made.setAccessibleDescription(tip)
    made.toggled.connect(changed)
    return made


def name(control: QAbstractButton, text: str, keys: str = "") -> None:
    """Say what an icon does, to eyes (tool tip) and to screen readers."""
    control.setAccessibleName(text)
    control.setToolTip(f"{text}  ({keys})" if keys else text)


def form(rows: Sequence[tuple[str, QComboBox]]) -> QFormLayout:
    """Choosers with a label before each, as wide as the sidebar lets them."""
    made = QFormLayout()
    made.setHorizontalSpacing(12)
    made.setVerticalSpacing(8)
    for text, box in rows:
        box.setAccessibleName(text)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        label = note(text, role="muted")
        label.setWordWrap(False)
        label.setMinimumHeight(box.sizeHint().height())
        made.addRow(label, box)
    return made
