"""Choosing what to watch: cameras found, files, streams, the screen, and the demo clip."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from PyQt6.QtCore import QSize, Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import (
    QDialog,
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui import style
from app.gui.chips import title
from app.gui.section import as_tip, note
from app.live.offered import Camera, Offer

VIDEOS = "Videos (*.mp4 *.mov *.mkv *.avi *.webm *.m4v *.mpg *.ts *.mjpeg);;All files (*)"
_RECENT = 4
_LINE, _TWO_LINES = 34, 54  # pixels of a row
_ROOM_FOR_TWO = 440  # pixels of the page for buttons side by side
_TIPS = {
    "film": "One file or several, side by side  (Ctrl+O)",
    "images": "Pictures of a folder, one after another",
    "screen": "What this screen shows",
    "stream": "Moving colours without people, to see how fast pictures arrive",
}
TEST_PICTURE = "lavfi:testsrc2=size=1280x720:rate=30"


class SourcePage(QWidget):
    """Shown while nothing runs. `chosen` sends what opens the source."""

    chosen = pyqtSignal(object)  # what opens a source, or a list of that
    _found = pyqtSignal(object)  # from the searching thread

    def __init__(self, offer: Offer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offer = offer
        self._theme = style.DARK
        self._headline = QLabel()
        self._hint = note(role="muted")
        self.cameras, self.recent = QListWidget(), QListWidget()
        self._recently = note("Watched before", role="muted")
        self.address = QLineEdit()
        self.buttons = {
            "film": QPushButton(" Open video…"),
            "images": QPushButton(" Open folder of images…"),
            "screen": QPushButton(" Watch the screen"),
            "stream": QPushButton(" Test picture"),
        }
        self._grid, self._columns = QGridLayout(), 0
        self.demo = QPushButton(" Play the demo clip")
        self.again = QPushButton(" Search again")
        for name, tip in _TIPS.items():
            self.buttons[name].setToolTip(tip)
        self.demo.setToolTip("People who were rendered, with this program")
        self.again.setToolTip("Look for cameras once more")
        self._lay_out()
        self._connect()
        self._show([], "Looking for cameras…")

    def set_theme(self, theme: style.Theme) -> None:
        """Take the colours of icons from this theme."""
        self._theme = theme
        for name, button in self.buttons.items():
            button.setIcon(style.icon(name, theme["text"]))
        self.again.setIcon(style.icon("refresh", theme["text"]))
        self.demo.setIcon(style.icon("play", theme["on_accent"]))

    def search(self) -> None:
        """Look for cameras on a thread of its own; a driver may take its time."""
        self._show([], "Looking for cameras…")
        threading.Thread(target=self._search, name="camera search", daemon=True).start()

    def open_video(self) -> None:
        """Ask for files."""
        files, _ = QFileDialog.getOpenFileNames(self, "Open video", str(Path.home()), VIDEOS)
        if files:
            self.chosen.emit(files)

    def set_recent(self, sources: Sequence[str]) -> None:
        """Offer sources that were watched before."""
        self.recent.clear()
        for source in sources[:_RECENT]:
            item = QListWidgetItem(title(source))
            item.setSizeHint(QSize(1, _LINE))  # no wider than the list: a long name is shortened
            item.setToolTip(as_tip(source))
            item.setData(Qt.ItemDataRole.UserRole, source)
            self.recent.addItem(item)
        self.recent.setVisible(bool(sources))
        self._recently.setVisible(bool(sources))
        self.recent.setFixedHeight(min(len(sources), _RECENT) * _LINE + 10)

    def focus_first(self) -> None:
        """Put the focus on what is most likely wanted."""
        for first in (self.recent, self.demo, self.address):
            if not first.isHidden():
                if isinstance(first, QListWidget):
                    first.setCurrentRow(0)
                first.setFocus()
                return

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802  Qt's name
        """Leave nothing beside the edge."""
        super().resizeEvent(event)
        self._arrange(2 if self.width() >= _ROOM_FOR_TWO else 1)

    def open_folder(self) -> None:
        """Ask for a folder of images."""
        folder = QFileDialog.getExistingDirectory(self, "Open folder of images", str(Path.home()))
        if folder:
            self.chosen.emit(folder)

    def _search(self) -> None:
        try:
            self._found.emit(list(self._offer.cameras()))
        except RuntimeError:
            return  # the window was closed in the meantime

    def _show_found(self, cameras: Sequence[Camera]) -> None:
        text = "Choose a camera, or anything else that moves."
        none = "No camera was found. The demo clip works without one."
        self._show(cameras, text if cameras else none)

    def _show(self, cameras: Sequence[Camera], hint: str) -> None:
        self._hint.setText(hint)
        self.cameras.clear()
        for camera in cameras:
            item = QListWidgetItem(f"{camera.name}\n{_modes(camera)}")
            item.setSizeHint(QSize(1, _TWO_LINES))
            item.setToolTip("\n".join(camera.modes) or title(camera.source))
            item.setData(Qt.ItemDataRole.UserRole, camera.source)
            item.setIcon(style.icon("camera", self._theme["accent"], 22))
            self.cameras.addItem(item)
        self.cameras.setVisible(bool(cameras))
        self.cameras.setFixedHeight(min(len(cameras), 4) * _TWO_LINES + 10)

    def _take_address(self) -> None:
        text = self.address.text().strip()
        if text:
            self.chosen.emit(text)

    def _connect(self) -> None:
        self._found.connect(self._show_found)
        self.cameras.itemActivated.connect(
            lambda item: self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
        )
        self.cameras.itemClicked.connect(self.cameras.itemActivated)
        self.recent.itemActivated.connect(
            lambda item: self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))
        )
        self.recent.itemClicked.connect(self.recent.itemActivated)
        self.address.returnPressed.connect(self._take_address)
        self.buttons["film"].clicked.connect(self.open_video)
        self.buttons["images"].clicked.connect(self.open_folder)
        self.buttons["screen"].clicked.connect(lambda: self.chosen.emit("screen"))
        self.buttons["stream"].clicked.connect(lambda: self.chosen.emit(TEST_PICTURE))
        self.again.clicked.connect(self.search)
        if self._offer.demo:
            demo = str(self._offer.demo)
            self.demo.clicked.connect(lambda: self.chosen.emit(demo))
        else:
            self.demo.hide()

    def _lay_out(self) -> None:
        self._headline.setText("What would you like to watch?")
        self._headline.setProperty("role", "headline")
        self._headline.setWordWrap(True)
        self.demo.setProperty("kind", "primary")
        self.cameras.setIconSize(QSize(22, 22))
        self.cameras.setAccessibleName("Cameras found")
        self.recent.setAccessibleName("Watched before")
        self.set_recent([])
        self.address.setPlaceholderText("rtsp://…, http://…, udp://…, or a file")
        self.address.setAccessibleName("Address of a stream or a file")
        card = QFrame()
        card.setMaximumWidth(600)
        rows = QVBoxLayout(card)
        rows.setSpacing(14)
        rows.addWidget(self._headline)
        first = QHBoxLayout()
        first.addWidget(self._hint, 1)
        first.addWidget(self.again)
        rows.addLayout(first)
        rows.addWidget(self.cameras)
        rows.addWidget(self.demo)
        rows.addLayout(self._address_row())
        self._grid.setSpacing(10)
        for button in self.buttons.values():
            button.setMinimumHeight(26)
        for button in (*self.buttons.values(), self.demo, self.again):
            button.setAccessibleName(button.text().strip())
        self._arrange(2)
        rows.addLayout(self._grid)
        rows.addWidget(note("You can also drop files or an address here.", role="muted"))
        rows.addWidget(self._recently)
        rows.addWidget(self.recent)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(card, 100)  # all there is, up to its widest
        across.addStretch(1)
        body = QWidget()
        body.setObjectName("pageBody")
        down = QVBoxLayout(body)
        down.addStretch(2)
        down.addLayout(across)
        down.addStretch(3)
        scrolled = QScrollArea()  # on a low screen
        scrolled.setObjectName("page")
        scrolled.setWidget(body)
        scrolled.setWidgetResizable(True)
        scrolled.setFrameShape(QFrame.Shape.NoFrame)
        scrolled.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scrolled)

    def _arrange(self, columns: int) -> None:
        """Put the buttons side by side, or below each other in a narrow window."""
        if columns != self._columns:
            self._columns = columns
            for i, button in enumerate(self.buttons.values()):
                self._grid.addWidget(button, i // columns, i % columns)

    def _address_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        opened = QPushButton("Connect")
        opened.clicked.connect(self._take_address)
        row.addWidget(self.address, 1)
        row.addWidget(opened)
        return row


def _modes(camera: Camera) -> str:
    """The best mode, and how many more there are."""
    if not camera.modes:
        return title(camera.source)
    more = f"  and {len(camera.modes) - 1} more" if len(camera.modes) > 1 else ""
    return f"{camera.modes[0]}{more}"


class SourceDialog(QDialog):
    """The same choice while something runs, to add another picture beside it."""

    def __init__(self, offer: Offer, theme: style.Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Add a source")
        self.page = SourcePage(offer)
        self.page.set_theme(theme)
        rows = QVBoxLayout(self)
        rows.setContentsMargins(24, 24, 24, 24)
        rows.addWidget(self.page)
        self.page.chosen.connect(self.accept)
        self.page.search()
        self.resize(640, 460)
