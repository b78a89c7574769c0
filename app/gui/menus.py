"""What can be done with a person or a source: menus, and the questions they ask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from PyQt6.QtCore import QPoint, Qt
from PyQt6.QtWidgets import QInputDialog, QLabel, QLineEdit, QMenu

from app.gui.chips import title
from app.gui.choosing import exchange
from app.live.plan import CameraMode
from app.overlay.look import Who, ZoneKind

if TYPE_CHECKING:
    from app.gui.window import Window

_SIZES = ((640, 480), (1280, 720), (1920, 1080))
_RATES = (15.0, 30.0, 60.0)


def open_menu(window: Window, who: tuple[str, int | None], at: QPoint) -> None:
    """Show the menu of a person, or with None for the number that of a source."""
    source, number = who
    menu = QMenu(window)
    if number is not None:
        _person_entries(menu, window, (source, number))
        menu.addSeparator()
    _source_entries(menu, window, source)
    menu.popup(at)


def ask(window: Window, label: str, text: str, answer: Callable[[str], None]) -> None:
    """Ask for a line of text without waiting for it."""
    dialog = QInputDialog(window)
    dialog.setWindowTitle("posestream")
    dialog.setLabelText(label)
    if shown := dialog.findChild(QLabel):
        shown.setTextFormat(Qt.TextFormat.PlainText)  # it may hold a name
    dialog.setTextEchoMode(QLineEdit.EchoMode.Normal)
    dialog.setTextValue(text)
    dialog.resize(420, 120)
    dialog.textValueSelected.connect(answer)
    dialog.open()


def rename_person(window: Window, who: Who) -> None:
    """Ask what a person is called."""
    now = window.roster.names.get(who, "")
    ask(window, f"Name of person {who[1]}:", now, lambda text: window.roster.rename(who, text))


def note_person(window: Window, who: Who) -> None:
    """Ask for a remark; it goes into the tracks that are being recorded."""

    def take(text: str) -> None:
        if text.strip():
            window.roster.notes.setdefault(who, []).append(text.strip())
            window.runner.bridge.note(*who, text.strip())

    ask(window, f"Note about {window.roster.title(who)}:", "", take)


def rename_source(window: Window, name: str) -> None:
    """Ask what a source is called."""
    now = window.preferences.titles.get(name) or title(name)
    ask(window, "Name of this source:", now, lambda text: window.rename_source(name, text))


def edit_source(window: Window, name: str) -> None:
    """Ask for another address in place of this one."""
    source = window.runner.source_of(name)
    if source:
        ask(
            window,
            "Address, file or camera:",
            source,
            lambda text: exchange(window, name, text.strip()),
        )


def _person_entries(menu: QMenu, window: Window, who: Who) -> None:
    roster = window.roster
    followed, hidden = roster.followed == who, who in roster.hidden
    _add(menu, "Follow no more" if followed else "Follow", lambda: roster.follow(who))
    _add(menu, "Rename…", lambda: rename_person(window, who))
    _add(menu, "Show" if hidden else "Hide", lambda: roster.hide(who, not hidden))
    _add(menu, "Note…", lambda: note_person(window, who))
    if roster.hidden:
        _add(menu, "Show everyone", roster.show_all)


def _source_entries(menu: QMenu, window: Window, name: str) -> None:
    if window.canvas.has_failed(name):
        _add(menu, "Try again", lambda: window.runner.retry(name))
    _add(menu, "Rename source…", lambda: rename_source(window, name))
    _add(menu, "Edit source…", lambda: edit_source(window, name))
    zones = _submenu(menu, "Count people")
    kinds: tuple[tuple[str, ZoneKind], ...] = (("At a line", "line"), ("In a region", "region"))
    for text, kind in kinds:
        _add(zones, text, lambda k=kind: window.ask_for_zone(k))
    if name in window.roster.zones:
        _add(zones, "No more", lambda: window.roster.set_zone(name, None))
    _mode_entries(menu, window, name)
    menu.addSeparator()
    _add(menu, "Remove source", lambda: window.runner.remove(name))


def _mode_entries(menu: QMenu, window: Window, name: str) -> None:
    source = window.runner.source_of(name)
    if source is None:
        return
    mode = window.preferences.cameras.get(source, CameraMode())

    def use(changed: CameraMode) -> None:
        window.preferences.keep_camera(source, changed)
        window.runner.set_cameras(window.preferences.cameras)
        window.runner.retry(name)

    turn = _submenu(menu, "Turn")
    for degrees in (0, 90, 180, 270):
        text = f"{degrees}°" if degrees else "Not"
        chosen = replace(mode, turned=degrees)
        _add(turn, text, lambda c=chosen: use(c), mode.turned == degrees)
    if not (source.isdecimal() or source.startswith(("camera:", "/dev/video"))):
        return
    sizes, rates = _submenu(menu, "Camera size"), _submenu(menu, "Camera rate")
    for size in _SIZES:
        chosen = replace(mode, size=size)
        _add(sizes, f"{size[0]} × {size[1]}", lambda c=chosen: use(c), mode.size == size)
    for rate in _RATES:
        chosen = replace(mode, rate=rate)
        _add(rates, f"{rate:g} fps", lambda c=chosen: use(c), mode.rate == rate)


def _submenu(menu: QMenu, text: str) -> QMenu:
    made = QMenu(text, menu)
    menu.addMenu(made)
    return made


def _add(menu: QMenu, text: str, act: Callable[..., None], checked: bool | None = None) -> None:
    entry = menu.addAction(text)
    if entry is None:
        return
    if checked is not None:
        entry.setCheckable(True)
        entry.setChecked(checked)
    entry.triggered.connect(lambda: act())
