"""The choice of model, device and precision, with what the model delivers and costs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QPushButton, QWidget

from app.gui.download import Download
from app.gui.quiet import QuietCombo
from app.gui.section import Section, form, note
from app.live.offered import Better, Model, Offer
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
_TIPS: Final = (
    "The network that finds people",
    "Where it is computed",
    "How exactly it is computed: int8, fp16 and bf16 are faster",
)


class ModelSection(Section):
    """`chosen` sends new engine settings when a person picks something else that is here.

    A model that must be fetched first is offered for download; the current one keeps running.
    """

    chosen = pyqtSignal(object)  # EngineSettings
    _advised = pyqtSignal(object, object)  # what was asked, Better or None; from a thread

    def __init__(
        self, engine: EngineSettings, offer: Offer, cost: Cost, parent: QWidget | None = None
    ) -> None:
        super().__init__("Model", opened=False, parent=parent)
        self._engine, self._offer, self._cost = engine, offer, cost
        self._models = {model.name: model for model in offer.models}
        self._here = {model.name for model in offer.models if model.present}
        self._running = ""  # what `auto` was found to mean
        self.weights, self.device, self.precision = QuietCombo(), QuietCombo(), QuietCombo()
        self._price, self._advice = note(), note()
        self.get = QPushButton("Download")  # the better model
        self.downloading = Download(offer.fetch)
        self._better: Better | None = None
        self._asked: object = None  # what the advice was asked for
        self._lay_out()
        self._fill()
        self._connect()
        self._show_advice()
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
        self._ask_advice()
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
            self.set_summary(f"automatic{self._hint}")
            return
        model = self._models.get(weights)
        cost = self._cost(weights, chosen.device, chosen.precision)
        delivers = _accuracy(model) if model else "A file of your own: accuracy not measured."
        costs = f"{cost:.0f} ms per frame here." if cost else "Speed here: not measured yet."
        self._price.setText(f"{delivers}\n{costs}")
        known = f"{weights}{self._hint}" if self._hint else f"automatic: {weights}"
        self.set_summary(known if automatic else weights)

    @property
    def _hint(self) -> str:
        return " – better available" if self._better else ""

    def _choose(self) -> None:
        name = self.weights.currentData()
        if name in self._models and name not in self._here:
            self.weights.setCurrentIndex(self.weights.findData(self._engine.weights))
            self.downloading.offer(name)
            self._show_advice()
            return
        self.downloading.close_offer()
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

    def _take_fetched(self, name: str) -> None:
        """A model has come: use it."""
        self._here.add(name)
        self._better = None
        self._show_advice()
        self.weights.setItemText(self.weights.findData(name), self._models[name].title)
        self.weights.setCurrentIndex(self.weights.findData(name))
        self._choose()

    def _ask_advice(self) -> None:
        """Look for a better model where none was chosen; on a thread: it may load libraries."""
        engine = self._engine
        asked = (engine.device, engine.weights, *sorted(self._here))
        if asked == self._asked or self._offer.fetch is None:
            return
        self._asked = asked

        def ask() -> None:
            better = self._offer.better(engine.device, engine.weights)
            try:
                self._advised.emit(asked, better)
            except RuntimeError:
                return  # the window was closed in the meantime

        threading.Thread(target=ask, name="advice", daemon=True).start()

    def _take_advice(self, asked: object, better: Better | None) -> None:
        if asked == self._asked:
            self._better = better if better and better.name not in self._here else None
            self._show_advice()
            self.describe()

    def _show_advice(self) -> None:
        better = self._better
        shown = better is not None and self.downloading.isHidden()
        self._advice.setVisible(shown)
        self.get.setVisible(shown)
        if better:
            slower = "" if better.on_gpu else ", but slower on a CPU"
            ap = f"{100 * better.ap:.1f} AP on COCO val2017, published"
            self._advice.setText(f"{better.name} is more accurate{slower}: {ap}.")
            self.get.setText(f"Download {better.name} ({better.megabytes} MB)")

    def _get(self) -> None:
        if self._better:
            self.downloading.offer(self._better.name)
            self.downloading.begin()
            self._show_advice()

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
        self.get.clicked.connect(self._get)
        self.downloading.fetched.connect(self._take_fetched)
        self.downloading.closed.connect(self._show_advice)
        self._advised.connect(self._take_advice)

    def _lay_out(self) -> None:
        labels = ("Weights", "Device", "Precision")
        boxes = (self.weights, self.device, self.precision)
        for box, tip in zip(boxes, _TIPS, strict=True):
            box.setToolTip(tip)
        self.rows.addLayout(form(list(zip(labels, boxes, strict=True))))
        self.add(self._price, self._advice, self.get, self.downloading)


def _title(model: Model) -> str:
    return model.title if model.present else f"{model.title} – download"


def _accuracy(model: Model) -> str:
    """What a model delivers, as measured; never guessed."""
    known = model.ap is not None
    return f"{100 * (model.ap or 0):.1f} AP {model.ap_of}." if known else "Accuracy: not measured."
