"""The choice of model, device and precision, with what the model delivers and costs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QComboBox, QWidget

from app.gui.section import Section, form, note
from app.live.protocol import Model, Offer
from engine.settings import EngineSettings

# (weights, device, precision) -> milliseconds per frame measured on this machine, if ever
Cost = Callable[[str, str, str], float | None]

PRECISIONS: Final = (
    ("auto", "Automatic"),
    ("fp32", "fp32, exact"),
    ("fp16", "fp16, on CUDA"),
    ("bf16", "bf16, on CUDA"),
)


class ModelSection(Section):
    """`chosen` sends new engine settings when a person picks something else."""

    chosen = pyqtSignal(object)  # EngineSettings

    def __init__(
        self, engine: EngineSettings, offer: Offer, cost: Cost, parent: QWidget | None = None
    ) -> None:
        super().__init__("Model", parent=parent)
        self._engine, self._offer, self._cost = engine, offer, cost
        self.weights, self.device, self.precision = QComboBox(), QComboBox(), QComboBox()
        self._price = note()
        models = [(model.name, _title(model)) for model in offer.models]
        if engine.weights not in dict(models):
            models.append((engine.weights, engine.weights))
        for box, choices, chosen in (
            (self.weights, models, engine.weights),
            (self.device, offer.devices, engine.device),
            (self.precision, PRECISIONS, engine.precision),
        ):
            for value, title in choices:
                box.addItem(title, value)
            box.setCurrentIndex(max(box.findData(chosen), 0))
            box.activated.connect(self._chosen)
        labels = ("Weights", "Device", "Precision")
        boxes = (self.weights, self.device, self.precision)
        self.rows.addLayout(form(list(zip(labels, boxes, strict=True))))
        self.add(self._price)
        self.describe()

    def describe(self) -> None:
        """Say what the chosen model delivers, and what it was measured to cost here."""
        chosen = self.weights.currentData()
        model = next((m for m in self._offer.models if m.name == chosen), None)
        cost = self._cost(chosen, self.device.currentData(), self.precision.currentData())
        delivers = _accuracy(model) if model else "A file of your own: accuracy not measured."
        costs = f"{cost:.0f} ms per frame here." if cost else "Speed here: not measured yet."
        self._price.setText(f"{delivers}\n{costs}")

    def _chosen(self) -> None:
        engine = self._engine.model_copy(
            update={
                "weights": self.weights.currentData(),
                "device": self.device.currentData(),
                "precision": self.precision.currentData(),
            }
        )
        self.describe()
        if engine != self._engine:
            self._engine = engine
            self.chosen.emit(engine)


def _title(model: Model) -> str:
    return model.title if model.present else f"{model.title} (not downloaded)"


def _accuracy(model: Model) -> str:
    """What a model delivers, as measured; never guessed."""
    known = model.ap is not None
    text = f"{100 * (model.ap or 0):.1f} AP {model.ap_of}." if known else "Accuracy: not measured."
    fetch = f" Get it with: posestream weights fetch {model.name}"
    return text if model.present else text + fetch
