"""Every action of the window with its keys, and the sheet that shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QDialog, QGridLayout, QLabel, QWidget


@dataclass(frozen=True, slots=True)
class Action:
    """What a key does; `name` is also the window's method."""

    name: str
    keys: tuple[str, ...]
    text: str
    group: str


ACTIONS: Final = (
    Action("start_or_stop", ("Ctrl+Return", "F5"), "Start or stop", "Run"),
    Action("pause", ("Space", "K"), "Pause, play, play again", "Run"),
    Action("step", (".",), "Next frame", "Run"),
    Action("step_back", (",",), "Previous frame", "Run"),
    Action("forward", ("Right",), "5 s forward", "Run"),
    Action("back", ("Left",), "5 s back", "Run"),
    Action("slower", ("[",), "Slower", "Run"),
    Action("faster", ("]",), "Faster", "Run"),
    Action("loop", ("O",), "Begin again at the end", "Run"),
    Action("go_to", ("G",), "Type a time", "Run"),
    Action("add_source", ("Ctrl+N",), "Add a source", "Source"),
    Action("open_video", ("Ctrl+O",), "Open a video", "Source"),
    Action("remove_source", ("Ctrl+W",), "Remove the last source", "Source"),
    Action("record", ("R",), "Record, or finish recording", "Keep"),
    Action("screenshot", ("S",), "Save a screenshot", "Keep"),
    Action("zoom_to_fit", ("0",), "Show the whole picture", "View"),
    Action("zoom_in", ("+", "="), "Zoom in", "View"),
    Action("zoom_out", ("-",), "Zoom out", "View"),
    Action("full_screen", ("F11", "F"), "Full screen", "View"),
    Action("toggle_panel", ("C",), "Show or hide the controls", "View"),
    Action("toggle_theme", ("T",), "Light or dark", "View"),
    Action("toggle_limbs", ("1",), "Limbs", "Draw"),
    Action("toggle_joints", ("2",), "Joints", "Draw"),
    Action("toggle_boxes", ("3",), "Boxes", "Draw"),
    Action("toggle_ids", ("4",), "Numbers", "Draw"),
    Action("mirror", ("M",), "Mirror", "Draw"),
    Action("skeleton_only", ("5",), "Skeleton only", "Draw"),
    Action("blur_heads", ("6",), "Blur heads", "Draw"),
    Action("follow_next", ("N",), "Follow the next person", "Draw"),
    Action("heatmap", ("H",), "Heatmap of the next joint", "Draw"),
    Action("show_menu", ("Shift+F10",), "Menu of the person or the source", "Help"),
    Action("show_log", ("L",), "Messages", "Help"),
    Action("show_shortcuts", ("?", "F1"), "This sheet", "Help"),
    Action("dismiss", ("Esc",), "Close, follow no more, leave", "Help"),
    Action("quit", ("Ctrl+Q",), "Quit", "Help"),
)


class ShortcutSheet(QDialog):
    """All keys on one page."""

    def __init__(self, actions: Sequence[Action] = ACTIONS, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keyboard shortcuts")
        grid = QGridLayout(self)
        grid.setContentsMargins(28, 24, 28, 26)
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(8)
        groups: dict[str, list[Action]] = {}
        for action in actions:
            groups.setdefault(action.group, []).append(action)
        rows = [0, 0]
        for group, members in groups.items():
            side = 0 if rows[0] <= rows[1] else 1
            rows[side] = self._add(grid, group, members, rows[side], 3 * side)
        grid.setColumnMinimumWidth(2, 36)

    def _add(
        self, grid: QGridLayout, group: str, members: list[Action], row: int, column: int
    ) -> int:
        title = QLabel(group)
        title.setProperty("role", "title")
        grid.addWidget(title, row, column, 1, 2)
        for action in members:
            row += 1
            keys = QWidget()
            line = QGridLayout(keys)
            line.setContentsMargins(0, 0, 0, 0)
            line.setHorizontalSpacing(4)
            for i, key in enumerate(action.keys):
                cap = QLabel(key.replace("Return", "Enter"))
                cap.setObjectName("key")
                line.addWidget(cap, 0, i)
            grid.addWidget(keys, row, column, Qt.AlignmentFlag.AlignLeft)
            text = QLabel(action.text)
            text.setProperty("role", "muted")
            grid.addWidget(text, row, column + 1)
        grid.setRowMinimumHeight(row + 1, 12)
        return row + 2
