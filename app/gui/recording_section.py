"""What a recording keeps, and where."""

from __future__ import annotations

from PyQt6.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QWidget

from app.gui.section import Section


class RecordingSection(Section):
    """The window connects the two buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Recording", opened=False, parent=parent)
        self.open_folder, self.change_folder = QPushButton("Open folder"), QPushButton("Change…")
        self._overlay = QCheckBox("Picture with skeletons")
        self._raw = QCheckBox("Picture as it came")
        self._tracks = QCheckBox("Tracks (NDJSON)")
        self._overlay.setChecked(True)
        self._tracks.setChecked(True)
        self.add(self._overlay, self._raw, self._tracks)
        buttons = QHBoxLayout()
        buttons.addWidget(self.open_folder)
        buttons.addWidget(self.change_folder)
        self.rows.addLayout(buttons)

    @property
    def wanted(self) -> tuple[bool, bool, bool]:
        """Whether to keep the picture as it came, the picture with skeletons, the tracks."""
        return self._raw.isChecked(), self._overlay.isChecked(), self._tracks.isChecked()
