"""What the keys and menus do. One method per entry of `shortcuts.ACTIONS`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QObject, QRectF, Qt, QUrl
from PyQt6.QtGui import QContextMenuEvent, QDesktopServices, QKeySequence, QShortcut
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QFileDialog,
    QLineEdit,
    QSlider,
    QWidget,
)

from app.gui.notices import LogDialog
from app.gui.plates import qt_plate
from app.gui.shortcuts import ACTIONS, ShortcutSheet
from app.gui.sources import SourceDialog
from app.live.protocol import RecordPlan, Told

if TYPE_CHECKING:
    from app.gui.window import Window

_JUMP = 5.0  # seconds of an arrow key
_ZOOM = 1.25
_SPACE = {"Space"}
_ARROWS = {"Left", "Right"}


class Actions(QObject):
    """Binds every action's keys to the method of its name."""

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._window = window
        self._shortcuts: list[QShortcut] = []
        for action in ACTIONS:
            call: Callable[[], None] = getattr(self, action.name)
            for key in action.keys:
                shortcut = QShortcut(QKeySequence(key), window)
                shortcut.activated.connect(call)
                self._shortcuts.append(shortcut)
        app = QApplication.instance()
        if isinstance(app, QApplication):
            app.focusChanged.connect(self._leave_keys_to)

    def start_or_stop(self) -> None:
        """Start, or stop."""
        self._window.runner.toggle()

    def pause(self) -> None:
        """Pause or play files; at their end, play them again."""
        if self._window.runner.player:
            transport = self._window.transport
            transport.set_paused(not transport.is_paused, tell=True)

    def step(self) -> None:
        """Show the next frame."""
        if self._window.runner.player:
            self._window.transport.next.click()

    def step_back(self) -> None:
        """Show the previous frame."""
        if self._window.runner.player:
            self._window.transport.previous.click()

    def forward(self) -> None:
        """Go on 5 s."""
        self._jump(_JUMP)

    def back(self) -> None:
        """Go back 5 s."""
        self._jump(-_JUMP)

    def slower(self) -> None:
        """Play more slowly."""
        self._window.transport.change_speed(-1)

    def faster(self) -> None:
        """Play faster."""
        self._window.transport.change_speed(1)

    def loop(self) -> None:
        """Begin again at the end, or not."""
        self._window.transport.loop.toggle()

    def go_to(self) -> None:
        """Type a time to go to."""
        if self._window.transport.isVisible():
            self._window.transport.clock.setFocus()
            self._window.transport.clock.selectAll()

    def add_source(self) -> None:
        """Choose another source."""
        window = self._window
        if window.runner.state == "idle":
            window.show_page()
            return
        dialog = SourceDialog(window.offer, window.theme, window)
        dialog.page.set_recent(window.preferences.recent)
        dialog.page.chosen.connect(window.choose)
        dialog.open()
        dialog.page.focus_first()

    def open_video(self) -> None:
        """Choose a file."""
        self._window.page.open_video()

    def remove_source(self) -> None:
        """Do not watch the source that was added last any more."""
        names = self._window.runner.plan.names
        if names:
            self._window.runner.remove(names[-1])

    def record(self) -> None:
        """Start a recording, or finish it."""
        window = self._window
        if window.runner.state != "running":
            return
        if window.reactions.recording:
            window.runner.bridge.record(None)
        elif why := window.controls.recording.missing:
            window.say(Told(f"Nothing to record. {why}", "warning"), asked=True)
        else:
            folder = window.preferences.folder / f"{datetime.now():%Y-%m-%d %H.%M.%S}"
            kept = window.controls.recording.kept
            titles = {name: window.title_of(name) for name in window.runner.plan.names}
            window.runner.bridge.record(RecordPlan(folder, *kept, titles, qt_plate))
            if not window.canvas.results:
                window.say(Told("The recording begins with the first picture."), asked=True)
            elif window.isFullScreen():  # where no bar shows it
                window.say(Told("The recording has begun."), asked=True)
            window.reactions.warn_of_space()

    def screenshot(self) -> None:
        """Save what is on the canvas as a PNG."""
        window = self._window
        if not window.canvas.results:
            return
        folder = window.preferences.folder
        file = folder / f"screenshot {datetime.now():%Y-%m-%d %H.%M.%S.%f}"[:-3]
        file = file.with_name(f"{file.name}.png")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            window.say(Told(f"Cannot make the folder {folder}: {error.strerror}.", "error"))
            return
        if window.canvas.screenshot().save(str(file)):
            window.say(Told(f"Saved {file.name} in {folder}", folder=folder), asked=True)
        else:
            window.say(Told(f"Cannot write {file}: is the folder writable?", "error"))

    def open_folder(self, folder: Path | None = None) -> None:
        """Show recordings and screenshots in the system's file browser."""
        folder = folder or self._window.preferences.folder
        if not (folder.is_dir() and QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))):
            self._window.say(Told(f"Recordings and screenshots go to {folder}"), asked=True)

    def change_folder(self) -> None:
        """Choose where recordings and screenshots go."""
        before = str(self._window.preferences.folder)
        folder = QFileDialog.getExistingDirectory(self._window, "Keep recordings in", before)
        if folder:
            self._window.preferences.folder = Path(folder)
            self._window.reactions.show_folder()

    def zoom_to_fit(self) -> None:
        """Show the whole picture."""
        self._window.canvas.zoom_to_fit()

    def zoom_in(self) -> None:
        """Zoom in."""
        self._window.canvas.zoom_by(_ZOOM)

    def zoom_out(self) -> None:
        """Zoom out."""
        self._window.canvas.zoom_by(1 / _ZOOM)

    def full_screen(self) -> None:
        """Fill the screen with the picture, or leave that."""
        self._window.set_full_screen(not self._window.isFullScreen())

    def toggle_panel(self) -> None:
        """Show or hide the controls."""
        self._window.set_panel(not self._window.controls.isVisible())

    def toggle_theme(self) -> None:
        """Light or dark."""
        self._window.set_theme("dark" if self._window.preferences.theme == "light" else "light")

    def toggle_limbs(self) -> None:
        """Show or hide limbs."""
        self._window.controls.toggle("limbs")

    def toggle_joints(self) -> None:
        """Show or hide joints."""
        self._window.controls.toggle("joints")

    def toggle_boxes(self) -> None:
        """Show or hide boxes."""
        self._window.controls.toggle("boxes")

    def toggle_ids(self) -> None:
        """Show or hide the numbers of people."""
        self._window.controls.toggle("ids")

    def mirror(self) -> None:
        """Show the picture as in a mirror, or not."""
        self._window.controls.toggle("mirrored")

    def skeleton_only(self) -> None:
        """Show people on black, or the picture as well."""
        self._window.controls.toggle("skeleton_only")

    def blur_heads(self) -> None:
        """Blur heads, or not."""
        self._window.controls.toggle("blur_heads")

    def follow_next(self) -> None:
        """Follow the next person in view; after the last one, no one."""
        roster = self._window.roster
        here = sorted(who for who, seen in roster.people.items() if seen.here)
        later = [who for who in here if roster.followed is None or who > roster.followed]
        roster.follow(later[0] if later else roster.followed)

    def heatmap(self) -> None:
        """Show the heatmap of the next joint; after the last one, of none."""
        box = self._window.controls.heatmap
        box.setCurrentIndex((box.currentIndex() + 1) % box.count())

    def show_menu(self) -> None:
        """Offer what can be done with what has the focus, as the menu key does."""
        control = QApplication.focusWidget()
        if control:
            cursor = control.inputMethodQuery(Qt.InputMethodQuery.ImCursorRectangle)
            at = QRectF(cursor).toRect().center()
            by_keys = QContextMenuEvent.Reason.Keyboard
            event = QContextMenuEvent(by_keys, at, control.mapToGlobal(at))
            QApplication.sendEvent(control, event)

    def show_log(self) -> None:
        """Show everything that was said."""
        LogDialog(self._window.notices, self._window.theme, self._window).open()

    def show_shortcuts(self) -> None:
        """Show all keys."""
        ShortcutSheet(parent=self._window).open()

    def dismiss(self) -> None:
        """Close the message, follow no more, leave full screen: the first that applies."""
        window = self._window
        if window.canvas.is_drawing_zone:
            window.canvas.draw_zone(None)
        elif window.transport.clock.hasFocus():
            window.transport.clock.clearFocus()  # it shows the time again
        elif window.notices.isVisible():
            window.notices.hide()
        elif window.roster.followed:
            window.roster.follow(None)
        elif window.isFullScreen():
            window.set_full_screen(False)

    def quit(self) -> None:
        """Close the window."""
        self._window.close()

    def _jump(self, seconds: float) -> None:
        player = self._window.runner.player
        if player:
            player.seek(max(self._window.transport.time + seconds, 0.0))

    def _leave_keys_to(self, before: QWidget | None, now: QWidget | None) -> None:
        """Keys that a focused control needs for itself are its own."""
        for shortcut in self._shortcuts:
            shortcut.setEnabled(not _needs(now, shortcut.key().toString()))


def _needs(control: QWidget | None, key: str) -> bool:
    """Whether a key means something to a control: letters while typing, space on a button."""
    if isinstance(control, QLineEdit | QAbstractSpinBox):
        return len(key) == 1 or key in _SPACE | _ARROWS
    if isinstance(control, QComboBox):
        return len(key) == 1 or key in _SPACE
    if isinstance(control, QAbstractButton):
        return key in _SPACE
    return isinstance(control, QSlider) and key in _ARROWS
