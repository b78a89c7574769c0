"""Fetching a checkpoint from the window: offered, begun by a person, with progress and cancel."""

from __future__ import annotations

import threading

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from app.gui.section import note
from app.live.offered import Fetch
from engine.errors import PoseError


class _CancelledError(Exception):
    """The person wants the download no more."""


class Download(QWidget):
    """Hidden until there is something to fetch. One model at a time."""

    fetched = pyqtSignal(str)  # the name of a model that is here now
    closed = pyqtSignal()  # cancelled, or nothing is offered any more
    _progressed = pyqtSignal(int, int)  # bytes here, bytes in all; from the downloading thread
    _ended = pyqtSignal(str, str)  # name, error; likewise

    def __init__(self, fetch: Fetch | None, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fetch = fetch
        self._name = ""  # the model that is offered or being fetched
        self._cancelled = threading.Event()
        self.busy = False
        self.text, self.progress = note(), QProgressBar()
        self.start, self.cancel = QPushButton("Download"), QPushButton("Cancel")
        self.start.setEnabled(fetch is not None)
        self.progress.setAccessibleName("Download")
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addWidget(self.text)
        rows.addWidget(self.progress)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start)
        buttons.addWidget(self.cancel)
        rows.addLayout(buttons)
        self.start.clicked.connect(self.begin)
        self.cancel.clicked.connect(self._cancel)
        self._progressed.connect(self._show_progress)
        self._ended.connect(self._end)
        self.hide()

    def offer(self, name: str, text: str = "") -> None:
        """Offer this model, unless another is being fetched."""
        if self.busy:
            return
        self._name = name
        self.text.setText(text or f"{name} is not on this machine yet.")
        self.progress.hide()
        self.start.show()
        self.show()

    def close_offer(self) -> None:
        """Offer nothing, unless something is being fetched."""
        if not self.busy and self.isVisibleTo(self.parentWidget()):
            self.hide()
            self.closed.emit()

    def begin(self) -> None:
        """Fetch what is offered, on a thread of its own."""
        if self._fetch is None or self.busy or not self._name:
            return
        self.busy = True
        self._cancelled.clear()
        self.start.hide()
        self.progress.setRange(0, 0)
        self.progress.show()
        self.text.setText(f"Fetching {self._name}…")
        work = (self._fetch, self._name)
        threading.Thread(target=self._run, args=work, name="download", daemon=True).start()

    def _run(self, fetch: Fetch, name: str) -> None:
        """The downloading thread."""
        error = ""
        try:
            fetch(name, self._progress_of)
        except _CancelledError:
            error = "cancelled"
        except (PoseError, OSError) as failure:
            error = str(failure)
        try:
            self._ended.emit(name, error)
        except RuntimeError:
            return  # the window was closed in the meantime

    def _progress_of(self, here: int, whole: int) -> None:
        if self._cancelled.is_set():
            raise _CancelledError
        self._progressed.emit(here >> 10, whole >> 10)

    def _show_progress(self, here: int, whole: int) -> None:
        self.progress.setRange(0, whole)
        self.progress.setValue(here)
        done = whole and here >= whole
        verb = "Checking" if done else "Cancelling" if self._cancelled.is_set() else "Fetching"
        self.text.setText(f"{verb} {self._name}…")

    def _end(self, name: str, error: str) -> None:
        self.busy = False
        if error and error != "cancelled":
            self.offer(name, error)
            return
        self.close_offer()
        if not error:
            self.fetched.emit(name)

    def _cancel(self) -> None:
        self._cancelled.set()
        if self.busy:
            self.text.setText(f"Cancelling {self._name}…")
        self.close_offer()
