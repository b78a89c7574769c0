"""What is drawn on pictures, in the window and in everything that is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QAction, QKeyEvent, QMouseEvent
from PyQt6.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QToolButton,
    QWidget,
)

from app.gui.quiet import QuietCombo
from app.gui.section import Section, form, tick
from app.overlay.angles import ANGLES
from app.overlay.look import ZoneKind

_CHOOSE = (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter)
# field of DisplaySettings, its title, what it does
TICKS: Final = (
    ("limbs", "Limbs", "Lines between joints"),
    ("joints", "Joints", "Discs: larger and whiter where surer; rings where searched for"),
    ("ids", "Numbers and names", "Of people who are tracked"),
    ("boxes", "Boxes", "Around each person"),
    ("mirrored", "Mirror", "Left and right exchanged, as in a mirror"),
    ("skeleton_only", "Skeleton only", "On black, without the picture"),
    ("blur_heads", "Blur heads", "Of the people found, also in all that is saved"),
    ("count", "Count people", "How many are in the frame"),
)


class DisplaySection(Section):
    """The controls build the ticks of settings and connect the rest."""

    zone_asked = pyqtSignal(object)  # "line", "region", or None: count no more
    trails_chosen = pyqtSignal(object)  # names of joints
    angles_chosen = pyqtSignal(object)  # names of angles
    previewed = pyqtSignal(bool)

    def __init__(self, ticks: dict[str, QCheckBox], parent: QWidget | None = None) -> None:
        super().__init__("Display", parent=parent)
        self.heatmap = QuietCombo()
        self.trails, self.angles = Chooser("Trails"), Chooser("Angles")
        self.zones = QPushButton("Count at a line or in a region…")
        self.preview = tick(
            "Smooth preview",
            False,
            "Show every picture as it comes, with the newest skeletons; they may lag behind",
            self.previewed.emit,
        )
        grid = QGridLayout()
        grid.setVerticalSpacing(6)
        for i, box in enumerate((*ticks.values(), self.preview)):
            grid.addWidget(box, i // 2, i % 2)
        self.rows.addLayout(grid)
        row = QHBoxLayout()
        row.addWidget(self.trails, 1)
        row.addWidget(self.angles, 1)
        self.rows.addLayout(row)
        self.rows.addLayout(form([("Heatmap of", self.heatmap)]))
        self.add(self.zones)
        self.trails.setToolTip("Where chosen joints were over the last 1.5 s")
        self.angles.setToolTip("In degrees, at the joint, in the plane of the picture")
        self.heatmap.setToolTip("How strongly the network responds to a joint, over the picture")
        self.zones.setToolTip("Drag in the picture; people who cross the line or enter are counted")
        self.angles.offer(ANGLES)
        self.trails.chosen.connect(self.trails_chosen)
        self.angles.chosen.connect(self.angles_chosen)
        menu = QMenu(self.zones)
        for text, kind in (
            ("Draw a line in the picture", "line"),
            ("Draw a region in the picture", "region"),
            ("Count no more", None),
        ):
            self._offer_zone(menu, text, kind)  # type: ignore[arg-type]
        self.zones.setMenu(menu)

    def _offer_zone(self, menu: QMenu, text: str, kind: ZoneKind | None) -> None:
        action = menu.addAction(text)
        if action:
            action.triggered.connect(lambda: self.zone_asked.emit(kind))


class _StayingMenu(QMenu):
    """Stays open while entries are chosen: several are. Escape or a click beside ends it."""

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802  Qt's name
        """Choose what is under the pointer."""
        entry = self.actionAt(event.pos()) if event else None
        if entry:
            entry.trigger()
        else:
            super().mouseReleaseEvent(event)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Space and Enter choose the current entry."""
        entry = self.activeAction()
        if event and entry and event.key() in _CHOOSE:
            entry.trigger()
        else:
            super().keyPressEvent(event)


class Chooser(QToolButton):
    """A button with a menu of things of which any number may be chosen."""

    chosen = pyqtSignal(object)  # tuple of names

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title = title
        self._menu = _StayingMenu(self)
        self._entries: dict[str, QAction] = {}
        self.setMenu(self._menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setSizePolicy(self.sizePolicy().Policy.Expanding, self.sizePolicy().verticalPolicy())
        self._show()

    def offer(self, names: Sequence[str]) -> None:
        """Have these to choose from."""
        if list(names) == list(self._entries):
            return
        chosen = self.value
        self._menu.clear()
        self._entries = {name: QAction(name.replace("_", " "), self._menu) for name in names}
        for name, entry in self._entries.items():
            entry.setCheckable(True)
            entry.setChecked(name in chosen)
            entry.triggered.connect(self._changed)
            self._menu.addAction(entry)
        self._show()

    @property
    def value(self) -> tuple[str, ...]:
        """The names that are chosen."""
        return tuple(name for name, entry in self._entries.items() if entry.isChecked())

    def set_value(self, names: Sequence[str]) -> None:
        """Choose these; nothing is sent."""
        for name, entry in self._entries.items():
            entry.setChecked(name in names)
        self._show()

    def _changed(self) -> None:
        self._show()
        self.chosen.emit(self.value)

    def _show(self) -> None:
        count = len(self.value)
        self.setText(f"{self._title}: {count or 'none'} ▾")
        self.setAccessibleName(f"{self._title}: {', '.join(self.value) or 'none'}")
