"""A part of the sidebar with a title that folds it away, and small pieces parts are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import (
    QAbstractButton,
    QCheckBox,
    QComboBox,
    QFormLayout,
    QFrame,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

_BESIDE_HEAD = 26  # pixels of a section's head that are not its text


class _Head(QToolButton):
    """A title that is shortened to its place; a long one must not widen the sidebar."""

    def __init__(self, title: str) -> None:
        super().__init__()
        self.whole = title
        self.setText(title)
        self.setProperty("kind", "section")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def set_whole(self, text: str) -> None:
        """Show this, or as much of it as fits."""
        if text != self.whole:  # a new text lays the sidebar out anew
            self.whole = text
            self.setAccessibleName(f"{text}: show or hide")
            self._fit()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802  Qt's name
        """Shorten anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width() - _BESIDE_HEAD
        fits = self.fontMetrics().elidedText(self.whole, Qt.TextElideMode.ElideRight, room)
        self.setText(fits)
        self.setToolTip("" if fits == self.whole else as_tip(self.whole))


class Section(QWidget):
    """A title and what belongs under it."""

    def __init__(self, title: str, *, opened: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = title
        self._head = _Head(title)
        self._head.setCheckable(True)
        self._head.setChecked(opened)
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
        self._head.set_whole(f"{self.title}   {text}" if text else self.title)

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

    def settle(self) -> None:
        """Lay out at once after a row changed its height; by itself Qt paints once in between."""
        widget: QWidget | None = self._body
        while widget is not None and not isinstance(widget, QScrollArea):
            if layout := widget.layout():
                layout.activate()
            widget = widget.parentWidget()

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
    made.setTextFormat(Qt.TextFormat.PlainText)
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
    control.setToolTip(as_tip(f"{text}  ({keys})" if keys else text))


def as_tip(text: str) -> str:
    """A tool tip that shows the text as it is: Qt takes for HTML what looks like it."""
    return f"<qt>{escape(text).replace(chr(10), '<br>')}</qt>" if "<" in text else text


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
        label.setBuddy(box)  # on Linux a screen reader says this, and the choice as its name
        made.addRow(label, box)
    return made
