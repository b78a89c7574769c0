"""The list of people in the sidebar: who is there, for how long, how sure the network is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from PyQt6.QtCore import QPoint, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPixmap
from PyQt6.QtWidgets import QAbstractItemView, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from app.gui.chips import telling
from app.gui.roster import Roster, Seen
from app.gui.section import Section, as_tip, note, tick
from app.overlay.look import Who
from app.overlay.palette import colour_of

_MOST_ROWS = 6  # shown without scrolling
_ROW = 28  # pixels
_AROUND = 8  # pixels of the list's frame, above and below
_WHO = Qt.ItemDataRole.UserRole
_STYLE = Qt.ItemDataRole(_WHO + 1)
_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


class _List(QTreeWidget):
    """Keys act on the current row, however often the rows are made anew."""

    entered = pyqtSignal(object)  # Who

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802  Qt's name
        """Enter does what a click does."""
        row = self.currentItem()
        if event and row and event.key() in _ENTER:
            self.entered.emit(row.data(0, _WHO))
        else:
            super().keyPressEvent(event)


class PeoplePanel(Section):
    """A click or Enter follows a person, a second one ends it; a right click offers more."""

    asked = pyqtSignal(object, QPoint)  # Who, where on the screen
    keeps_in_view = pyqtSignal(bool)

    def __init__(self, roster: Roster, parent: QWidget | None = None) -> None:
        super().__init__("People", parent=parent)
        self._roster = roster
        self._titles: dict[str, str] = {}
        self._short: dict[str, str] = {}  # what tells each from the others
        self._shown = -1  # rows
        self.list = _List()
        self._hint = note("No people in view.", role="muted")
        self.keep = tick(
            "Keep the followed person in view",
            False,
            "Zoom to the person that is followed and move along",
            self.keeps_in_view.emit,
        )
        self._lay_out()
        self.add(self._hint, self.list, self.keep)
        self.refresh()

    def set_titles(self, titles: Mapping[str, str]) -> None:
        """What sources are called; with several, each person's is shown."""
        self._titles = dict(titles)
        every = list(titles.values())
        self._short = {source: telling(title, every) for source, title in titles.items()}

    def refresh(self) -> None:
        """Show who is there now."""
        roster = self._roster
        people = sorted(roster.people.items(), key=lambda item: self._place(item[0]))
        self.set_summary(f"{roster.count} in view" if people else "")
        rows = {
            self.list.topLevelItem(i).data(0, _WHO): self.list.topLevelItem(i)  # type: ignore[union-attr]
            for i in range(self.list.topLevelItemCount())
        }
        if list(rows) != [who for who, _ in people]:
            rows = self._remade([who for who, _ in people])
        for who, seen in people:
            row = rows[who]
            if row is not None:
                self._fill(row, who, seen)
        self.keep.setEnabled(bool(people))
        self._show_rows(len(people))

    def _place(self, who: Who) -> tuple[bool, int, int]:
        """Those in view first, then as sources and numbers are ordered."""
        titles = list(self._titles)
        source = titles.index(who[0]) if who[0] in self._titles else len(titles)
        return self._roster.has_left(who), source, who[1]

    def _show_rows(self, count: int) -> None:
        shown = min(count, _MOST_ROWS)
        if shown == self._shown or 0 < shown < self._shown:
            return  # what is below must not move with everyone who leaves
        self._shown = shown
        self._hint.setVisible(not shown)
        self.list.setVisible(bool(shown))
        header = self.list.header()
        above = header.sizeHint().height() if header else 0
        self.list.setFixedHeight(shown * _ROW + above + _AROUND)
        self.settle()

    def _remade(self, people: Sequence[Who]) -> dict[Any, QTreeWidgetItem | None]:
        """Rows in this order; keys act on the same one, and the list stays where it was."""
        rows, bar = self.list, self.list.verticalScrollBar()
        current, scrolled = rows.currentItem(), bar.value() if bar else 0
        kept = current.data(0, _WHO) if current else None
        rows.clear()
        made: dict[Any, QTreeWidgetItem | None] = {who: self._new_row(who) for who in people}
        rows.setAutoScroll(False)
        rows.setCurrentItem(made.get(kept))
        rows.setAutoScroll(True)
        rows.executeDelayedItemsLayout()
        if bar:
            bar.setValue(scrolled)
        return made

    def _new_row(self, who: Who) -> QTreeWidgetItem:
        row = QTreeWidgetItem(self.list)
        row.setData(0, _WHO, who)
        row.setTextAlignment(1, _RIGHT)
        row.setTextAlignment(2, _RIGHT)
        return row

    def _fill(self, row: QTreeWidgetItem, who: Who, seen: Seen) -> None:
        roster = self._roster
        hidden, followed = who in roster.hidden, who == roster.followed
        state = " (hidden)" if hidden else " (followed)" if followed else ""
        called = shown = f"{roster.title(who)}{state}"
        if len(self._titles) > 1:
            short = f"{roster.names.get(who) or who[1]}{state} · "
            called = short + self._titles.get(who[0], who[0])
            shown = short + self._short.get(who[0], who[0])
        texts = (shown, f"{seen.seconds:.0f} s", f"{seen.score:.2f}")
        for column, text in enumerate(texts):
            if row.text(column) != text:
                row.setText(column, text)
        row.setSelected(followed)
        notes = "\n".join((called, *roster.notes.get(who, ())))
        style = (seen.here and not hidden, followed, hidden, notes)
        if row.data(0, _STYLE) != style:  # each of these has the row measured and painted anew
            row.setData(0, _STYLE, style)
            row.setIcon(0, _dot(colour_of(who[1]), seen.here and not hidden))
            font = row.font(0)
            font.setBold(followed)
            font.setItalic(hidden)
            row.setFont(0, font)
            row.setToolTip(0, as_tip(notes))

    def _lay_out(self) -> None:
        tree = self.list
        tree.setColumnCount(3)
        tree.setHeaderLabels(["Person", "Seen", "Score"])
        tree.setRootIsDecorated(False)
        tree.setUniformRowHeights(True)
        tree.setTextElideMode(Qt.TextElideMode.ElideRight)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        tree.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        tree.setAccessibleName("People in view")
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header = tree.header()
        if header:
            header.setStretchLastSection(False)
            header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
            for column in (1, 2):
                header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
            header.setSectionsClickable(False)
        tree.itemClicked.connect(lambda row: self._roster.follow(row.data(0, _WHO)))
        tree.entered.connect(self._roster.follow)
        tree.customContextMenuRequested.connect(self._ask)

    def _ask(self, at: QPoint) -> None:
        row, port = self.list.itemAt(at), self.list.viewport()
        if row and port:
            self.asked.emit(row.data(0, _WHO), port.mapToGlobal(at))


@lru_cache(maxsize=64)
def _dot(rgb: tuple[int, int, int], filled: bool) -> QIcon:
    icon = QIcon()
    for ratio in (1, 2, 3):
        drawn = QPixmap(14 * ratio, 14 * ratio)
        drawn.setDevicePixelRatio(ratio)
        drawn.fill(Qt.GlobalColor.transparent)
        painter = QPainter(drawn)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QColor(*rgb))
        painter.setBrush(QColor(*rgb) if filled else QColor(0, 0, 0, 0))
        painter.drawEllipse(2, 2, 9, 9)
        painter.end()
        icon.addPixmap(drawn)
    return icon
