"""The sources on the top bar: as many chips as fit, shortened, and a menu with the rest."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from PyQt6.QtCore import QPoint, QSize, Qt, pyqtSignal
from PyQt6.QtGui import QContextMenuEvent, QFontMetrics, QResizeEvent
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QMenu, QSizePolicy, QToolButton, QWidget

from app.gui import style
from app.gui.section import as_tip, name

_WIDEST, _NARROWEST = 250, 100  # pixels of a chip
_BESIDE = 42  # pixels of a chip that are not its name
_ALIKE = 8  # characters at the beginning of names that look alike in a narrow place
_TELLING = 3  # characters at the end of a file's name that are always shown
_NUMERIC_HOST = re.compile(r"\d+(\.\d+){3}")
_LAST_WORD = re.compile(r"[^\W_]+$")
_SUFFIX = re.compile(r"\.\w{2,5}$")
_GAP, _MORE = 6, 46  # between chips; the button with the rest


class Chip(QFrame):
    """One source: its name, a button that removes it, a menu on a right click."""

    removed = pyqtSignal(str)
    asked = pyqtSignal(str, QPoint)

    def __init__(self, source: str, text: str, theme: style.Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self.source, self.text = source, text
        self.setObjectName("chip")
        self.setToolTip(as_tip(text))
        self.label = QLabel()
        self.label.setTextFormat(Qt.TextFormat.PlainText)  # a name is no HTML
        self.label.setMinimumWidth(20)
        self.closer = closer = QToolButton()
        closer.setIcon(style.icon("close", theme["muted"], 14))
        closer.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        name(closer, f"Remove {text}")
        closer.clicked.connect(lambda: self.removed.emit(source))
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 2, 3, 2)
        row.setSpacing(0)
        row.addWidget(self.label, 1)
        row.addWidget(closer)

    @property
    def wanted(self) -> int:
        """Pixels that show the whole name, up to the widest chip."""
        return min(self._metrics.horizontalAdvance(self.text) + _BESIDE + 4, _WIDEST)

    @property
    def _metrics(self) -> QFontMetrics:
        """Of the font that the style sheet gives the name."""
        self.label.ensurePolished()
        return self.label.fontMetrics()

    def fit(self, x: int, width: int, height: int) -> None:
        """Take this place, and shorten the name to it."""
        self.setGeometry(x, (height - 28) // 2, width, 28)
        self.show_name(self.text)

    def show_name(self, text: str) -> None:
        """Show as much of this as there is room for."""
        self.label.setText(shortened(text, self._metrics, self.width() - _BESIDE))

    def contextMenuEvent(self, event: QContextMenuEvent | None) -> None:  # noqa: N802  Qt's name
        """Offer what can be done with the source."""
        if event:
            self.asked.emit(self.source, event.globalPos())


class Chips(QWidget):
    """Lays itself out: a layout of Qt would rather grow the window."""

    removed = pyqtSignal(str)
    asked = pyqtSignal(str, QPoint)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chips: list[Chip] = []
        self.more = QToolButton(self)
        self.more.setProperty("kind", "flat")
        self.more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu = QMenu(self.more)
        self.more.setMenu(self._menu)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Enough for every name."""
        return QSize(sum(chip.wanted + _GAP for chip in self.chips) + 4, 32)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """One chip and the menu."""
        return QSize(_NARROWEST + _MORE if self.chips else 0, 32)

    def set_sources(
        self, sources: Sequence[str], titles: Mapping[str, str], theme: style.Theme
    ) -> None:
        """Show one chip per source."""
        focused = [i for i, chip in enumerate(self.chips) if chip.closer.hasFocus()]
        for chip in self.chips:
            chip.deleteLater()
        self.chips = [Chip(s, titles.get(s) or title(s), theme, self) for s in sources]
        for chip in self.chips:
            chip.removed.connect(self.removed)
            chip.asked.connect(self.asked)
        for before, chip in zip(
            (self.more, *(c.closer for c in self.chips)), self.chips, strict=False
        ):
            self.setTabOrder(before, chip.closer)  # in their place, not behind the whole window
        self.setMaximumWidth(self.sizeHint().width())  # what comes next stands beside the last
        self.updateGeometry()
        self._fit()
        for i in focused[: len(self.chips)]:  # the keyboard stays where it was
            self.chips[min(i, len(self.chips) - 1)].closer.setFocus()

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802
        """Share the width anew."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        widths = shares([chip.wanted for chip in self.chips], self.width())
        x = 0
        for chip, width in zip(self.chips, widths, strict=False):
            chip.fit(x, width, self.height())
            chip.show()
            x += width + _GAP
        self._tell_apart()
        rest = self.chips[len(widths) :]
        self._menu.clear()
        for chip in rest:
            chip.hide()
            entry = self._menu.addAction(chip.text.replace("&", "&&"))
            if entry:
                entry.triggered.connect(
                    lambda _, c=chip: self.asked.emit(c.source, self.mapToGlobal(QPoint(x, 34)))
                )
        self.more.setVisible(bool(rest))
        self.more.setText(f"+{len(rest)}")
        name(self.more, f"{len(rest)} more sources")
        self.more.setGeometry(x, (self.height() - 30) // 2, _MORE - 4, 30)

    def _tell_apart(self) -> None:
        """Of shortened names that could be each other's, show the part in which they differ."""
        labels = {chip: chip.label.text() for chip in self.chips}
        for chip, label in labels.items():
            alike = [
                other.text
                for other in self.chips
                if other is not chip and (labels[other] == label or could_be(label, other.text))
            ]
            if alike:
                begin = where_they_differ([chip.text, *alike])
                chip.show_name(f"…{chip.text[begin:]}")


def shares(wanted: Sequence[int], room: int) -> list[int]:
    """The widths of as many chips as fit into the room; those that are left out go to a menu."""
    count = len(wanted)
    if sum(wanted) + _GAP * count <= room:
        return list(wanted)
    if count * (_NARROWEST + _GAP) > room:
        count = max((room - _MORE) // (_NARROWEST + _GAP), 0)
        room -= _MORE
    shown, left = sorted(range(count), key=lambda i: wanted[i]), room - _GAP * count
    widths = [0] * count
    for position, i in enumerate(shown):  # short names leave their room to long ones
        widths[i] = min(wanted[i], left // (count - position))
        left -= widths[i]
    return widths


def could_be(shown: str, text: str) -> bool:
    """Whether a shortened name could as well be that of another one."""
    front, cut, end = shown.partition("…")
    return bool(cut and front) and text.startswith(front) and _SUFFIX.sub("", text).endswith(end)


def telling(text: str, others: Sequence[str]) -> str:
    """A name from the first word on that tells it from those that begin with the same words."""
    alike = [other for other in others if other != text and other[:_ALIKE] == text[:_ALIKE]]
    begin = where_they_differ([text, *alike]) if alike else 0
    return f"…{text[begin:]}" if begin else text


def each_telling(titles: Collection[str]) -> list[str]:
    """Of these names, what tells them from each other."""
    return [telling(title, list(titles)) for title in titles]


def where_they_differ(texts: Sequence[str]) -> int:
    """Where the first word begins that is not the same in all of these; endings of files aside."""
    stems = [_SUFFIX.sub("", text) for text in texts]
    first, last = min(stems), max(stems)
    same = sum(
        1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, last, strict=False))
    )
    return len(_LAST_WORD.sub("", first[:same]))


def shortened(text: str, metrics: QFontMetrics, room: int) -> str:
    """As much of a source's name as fits into `room` pixels, what says most of it first."""
    if metrics.horizontalAdvance(text) <= room:
        return text
    if "://" in text:  # the host says most, of a numeric one the end
        rest = text.partition("://")[2]
        numeric = _NUMERIC_HOST.match(rest)
        if numeric and metrics.horizontalAdvance(f"{numeric[0]}…") > room:
            return metrics.elidedText(numeric[0], Qt.TextElideMode.ElideLeft, room)
        return metrics.elidedText(rest, Qt.TextElideMode.ElideRight, room)
    stem = _SUFFIX.sub("", text)
    if metrics.horizontalAdvance(stem) <= room:
        return stem
    if stem.startswith("…"):  # what tells it from others is at the front already
        return metrics.elidedText(stem, Qt.TextElideMode.ElideRight, room)
    end = stem[-_TELLING:]  # of files that are alike at the beginning it says which
    front = metrics.elidedText(
        stem[:-_TELLING], Qt.TextElideMode.ElideRight, room - metrics.horizontalAdvance(end)
    )
    return front + end if front else metrics.elidedText(stem, Qt.TextElideMode.ElideRight, room)


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
