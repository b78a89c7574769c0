"""What a recording keeps, where, how much space there is, and how its files are doing."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QWidget

from app.gui.section import Section, as_tip, note, tick
from app.live.protocol import Recorded, RecordedFile, Told

LITTLE = 1 << 30  # bytes that are worth a warning before a recording
_KINDS = ("overlay", "tracks", "raw")


class RecordingSection(Section):
    """The window connects the two buttons."""

    chosen = pyqtSignal()  # what a recording keeps has changed

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Recording", opened=False, parent=parent)
        self.open_folder, self.change_folder = QPushButton("Open folder"), QPushButton("Change…")
        self.boxes: dict[str, QCheckBox] = {
            "overlay": tick(
                "Picture as shown", True, "With skeletons and all that is drawn", self._changed
            ),
            "tracks": tick("Tracks (NDJSON)", True, "Everybody's joints as numbers", self._changed),
            "raw": tick("Picture as it came", False, "Every frame that arrives", self._changed),
        }
        self._where, self._space, self._files = note(), note(), note()
        self._blurred = False
        self.add(*self.boxes.values(), self._where, self._space, self._files)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_folder)
        buttons.addWidget(self.change_folder)
        self.rows.addLayout(buttons)
        self._files.hide()

    @property
    def kept(self) -> tuple[bool, bool, bool]:
        """Whether to keep the picture as it came, the picture as shown, the tracks."""
        on = {name: box.isChecked() and box.isEnabled() for name, box in self.boxes.items()}
        return on["raw"], on["overlay"], on["tracks"]

    @property
    def missing(self) -> str:
        """Why nothing can be recorded; empty when something can."""
        return "" if any(self.kept) else "Nothing is ticked under Recording in the sidebar."

    def set_kept(self, names: list[str]) -> None:
        """Tick these."""
        for name, box in self.boxes.items():
            box.blockSignals(True)
            box.setChecked(name in names)
            box.blockSignals(False)
        self.chosen.emit()

    def ticked(self) -> list[str]:
        """What is ticked, to be remembered."""
        return [name for name in _KINDS if self.boxes[name].isChecked()]

    def set_blurred(self, blurred: bool) -> None:
        """While heads are blurred no picture is kept as it came: it would show them."""
        if blurred != self._blurred:
            self._blurred = blurred
            self.boxes["raw"].setEnabled(not blurred)
            why = "Not while heads are blurred: this file would show them."
            self.boxes["raw"].setToolTip(why if blurred else "Every frame that arrives")
            self.chosen.emit()

    def show_folder(self, folder: Path) -> None:
        """Say where recordings go."""
        self._where.setText(str(folder))
        self._where.setToolTip(as_tip(str(folder)))

    def show_space(self, free: int | None) -> None:
        """Say how many bytes are left there."""
        if free is None:
            self._space.setText("")
            return
        little = " – that is little" if free < LITTLE else ""
        self._space.setText(f"{_size(free)} free{little}")

    def show_recorded(self, recorded: Recorded | None) -> None:
        """How many frames each file has."""
        running = recorded if recorded and recorded.running else None
        self._files.setVisible(running is not None)
        if running:
            self._files.setText("\n".join(map(_line, running.files)) or "Waiting for a picture…")
            self.show_space(running.free)

    def _changed(self, on: bool) -> None:
        self.chosen.emit()


def outcome(recorded: Recorded) -> Told:
    """What a recording that has ended left behind."""
    kept = [file.path.name for file in recorded.files if file.frames and not file.broken]
    broken = [file.path.name for file in recorded.files if file.broken]
    if not kept and not broken:
        return Told("Nothing was recorded: it ended before a picture was analysed.", "warning")
    missed = f" ({recorded.missed} frames missed)" if recorded.missed else ""
    text = f"Saved {', '.join(kept)} in {recorded.folder}{missed}" if kept else ""
    if broken:
        text = f"{text}. Not complete: {', '.join(broken)}".removeprefix(". ")
    return Told(text, "warning" if broken else "info", recorded.folder if kept else None)


def _line(file: RecordedFile) -> str:
    if file.error:
        return f"{file.path.name}: ended, {file.error}"
    missed = f", {file.missed} missed" if file.missed else ""
    return f"{file.path.name}: {file.frames} frames{missed}"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
