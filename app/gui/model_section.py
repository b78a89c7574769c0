"""The choice of model, device and precision, with what the model delivers and costs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QWidget

from app.gui.quiet import QuietCombo
from app.gui.section import Section, form, note
from app.live.offered import Model, Offer
from engine.errors import PoseError
from engine.settings import EngineSettings

# (weights, device, precision) -> milliseconds per frame measured on this machine, if ever
Cost = Callable[[str, str, str], float | None]

PRECISIONS: Final = (
    ("auto", "Automatic"),
    ("fp32", "fp32, exact"),
    ("fp16", "fp16, on CUDA"),
    ("bf16", "bf16, on CUDA"),
    ("int8", "int8, on the CPU"),
)


AUTOMATIC: Final = "auto"  # as in the settings


class _CancelledError(Exception):
    """The person wants the download no more."""


class ModelSection(Section):
    """`chosen` sends new engine settings when a person picks something else that is here.

    A model that must be fetched first is offered for download; the current one keeps running.
    """

    chosen = pyqtSignal(object)  # EngineSettings
    _progressed = pyqtSignal(int, int)  # bytes here, bytes in all; from the downloading thread
    _fetched = pyqtSignal(str, str)  # name, error; likewise

    def __init__(
        self, engine: EngineSettings, offer: Offer, cost: Cost, parent: QWidget | None = None
    ) -> None:
        super().__init__("Model", opened=False, parent=parent)
        self._engine, self._offer, self._cost = engine, offer, cost
        self._models = {model.name: model for model in offer.models}
        self._here = {model.name for model in offer.models if model.present}
        self._running = ""  # what `auto` was found to mean
        self.weights, self.device, self.precision = QuietCombo(), QuietCombo(), QuietCombo()
        self._price, self._missing = note(), note()
        self.download, self.cancel = QPushButton("Download"), QPushButton("Cancel")
        self._progress = QProgressBar()
        self._wanted = ""  # the model that is offered or being fetched
        self._cancelled = threading.Event()
        self._lay_out()
        self._fill()
        self._connect()
        self._offer_download("")
        self.set_engine(engine)

    def set_engine(self, engine: EngineSettings) -> None:
        """Show what runs."""
        self._engine = engine
        if self.weights.findData(engine.weights) < 0:
            self.weights.addItem(engine.weights, engine.weights)
        for box, value in (
            (self.weights, engine.weights),
            (self.device, engine.device),
            (self.precision, engine.precision),
        ):
            box.setCurrentIndex(max(box.findData(value), 0))
        self.describe()

    def set_running(self, weights: str) -> None:
        """Say which model was loaded."""
        self._running = weights
        self.describe()

    def describe(self) -> None:
        """Say what the model delivers, and what it was measured to cost here."""
        chosen, automatic = self._engine, self._engine.weights == AUTOMATIC
        weights = self._running if automatic else chosen.weights
        if not weights:
            self._price.setText("The most accurate model on this machine that keeps up.")
            self.set_summary("automatic")
            return
        model = self._models.get(weights)
        cost = self._cost(weights, chosen.device, chosen.precision)
        delivers = _accuracy(model) if model else "A file of your own: accuracy not measured."
        costs = f"{cost:.0f} ms per frame here." if cost else "Speed here: not measured yet."
        self._price.setText(f"{delivers}\n{costs}")
        self.set_summary(f"automatic: {weights}" if automatic else weights)

    def _choose(self) -> None:
        name = self.weights.currentData()
        if name in self._models and name not in self._here:
            self.weights.setCurrentIndex(self.weights.findData(self._engine.weights))
            self._offer_download(name)
            return
        self._offer_download("")
        engine = self._engine.model_copy(
            update={
                "weights": name,
                "device": self.device.currentData(),
                "precision": self.precision.currentData(),
            }
        )
        if engine != self._engine:
            self.set_engine(engine)
            self.chosen.emit(engine)

    def _offer_download(self, name: str) -> None:
        self._wanted = name
        self._missing.setText(f"{name} is not on this machine yet." if name else "")
        self.download.setEnabled(self._offer.fetch is not None)
        self._progress.hide()
        for widget in (self._missing, self.download, self.cancel):
            widget.setVisible(bool(name))

    def _fetch(self) -> None:
        name, fetch = self._wanted, self._offer.fetch
        if fetch is None or not name:
            return
        self._cancelled.clear()
        self.download.hide()
        self._progress.setRange(0, 0)
        self._progress.show()
        self._missing.setText(f"Fetching {name}…")
        threading.Thread(target=self._run_fetch, args=(name,), daemon=True).start()

    def _run_fetch(self, name: str) -> None:
        """The downloading thread."""
        error = ""
        try:
            assert self._offer.fetch is not None, "it was asked for"
            self._offer.fetch(name, self._progress_of)
        except _CancelledError:
            error = "cancelled"
        except (PoseError, OSError) as failure:
            error = str(failure)
        try:
            self._fetched.emit(name, error)
        except RuntimeError:
            return  # the window was closed in the meantime

    def _progress_of(self, here: int, whole: int) -> None:
        if self._cancelled.is_set():
            raise _CancelledError
        self._progressed.emit(here >> 10, whole >> 10)

    def _show_progress(self, here: int, whole: int) -> None:
        self._progress.setRange(0, whole)
        self._progress.setValue(here)
        done = whole and here >= whole
        text = f"Checking {self._wanted}…" if done else f"Fetching {self._wanted}…"
        self._missing.setText(text)

    def _end_fetch(self, name: str, error: str) -> None:
        if error:
            self._offer_download(name if error != "cancelled" else "")
            if error != "cancelled":
                self._missing.setText(error)
            return
        self._here.add(name)
        self.weights.setItemText(self.weights.findData(name), self._models[name].title)
        self._offer_download("")
        self.weights.setCurrentIndex(self.weights.findData(name))
        self._choose()

    def _cancel(self) -> None:
        self._cancelled.set()
        if not self._progress.isVisible():
            self._offer_download("")

    def _fill(self) -> None:
        models = [(AUTOMATIC, "Automatic")]
        models += [(model.name, _title(model)) for model in self._offer.models]
        for box, choices in (
            (self.weights, models),
            (self.device, self._offer.devices),
            (self.precision, PRECISIONS),
        ):
            for value, title in choices:
                box.addItem(title, value)

    def _connect(self) -> None:
        for box in (self.weights, self.device, self.precision):
            box.activated.connect(self._choose)
        self.download.clicked.connect(self._fetch)
        self.cancel.clicked.connect(self._cancel)
        self._progressed.connect(self._show_progress)
        self._fetched.connect(self._end_fetch)

    def _lay_out(self) -> None:
        labels = ("Weights", "Device", "Precision")
        boxes = (self.weights, self.device, self.precision)
        self.rows.addLayout(form(list(zip(labels, boxes, strict=True))))
        self.add(self._price, self._missing, self._progress)
        self._progress.setAccessibleName("Download")
        buttons = QHBoxLayout()
        buttons.addWidget(self.download)
        buttons.addWidget(self.cancel)
        self.rows.addLayout(buttons)


def _title(model: Model) -> str:
    return model.title if model.present else f"{model.title} – download"


def _accuracy(model: Model) -> str:
    """What a model delivers, as measured; never guessed."""
    known = model.ap is not None
    return f"{100 * (model.ap or 0):.1f} AP {model.ap_of}." if known else "Accuracy: not measured."
