"""The sidebar: every value a person can change while watching, and what the model costs.

Holds one `Settings` value and replaces it whole on every change. It never calls the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui.hud import Hud
from app.gui.people import Look
from app.gui.section import Section, note, tick
from app.gui.session import Model, Offer
from app.gui.sliders import DISPLAY, PEOPLE, SMOOTHING, TRACKING, Knob, SliderRow
from engine.settings import Settings
from engine.skeleton import Skeleton

Cost = Callable[[str, str, str], float | None]

PRECISIONS: Final = (
    ("auto", "Automatic"),
    ("fp32", "fp32, exact"),
    ("fp16", "fp16, on CUDA"),
    ("bf16", "bf16, on CUDA"),
)


class Controls(QScrollArea):
    """Model, thresholds, smoothing, display; performance on top."""

    changed = pyqtSignal(object)  # Settings: thresholds and filters, to be used at once
    engine_changed = pyqtSignal(object)  # Settings: needs a new session
    look_changed = pyqtSignal(object)  # Look
    watched = pyqtSignal(object)  # the keypoint whose heatmap is shown, or None

    def __init__(
        self,
        settings: Settings,
        offer: Offer,
        hud: Hud,
        cost: Cost = lambda weights, device, precision: None,
        parent: QWidget | None = None,
    ) -> None:
        """Show `settings`; `cost` gives the milliseconds a model was measured to take here."""
        super().__init__(parent)
        self._cost = cost
        self.settings = settings
        self.look = Look()
        self.hud = hud
        self._offer = offer
        self._sliders: list[SliderRow] = []
        self._ticks: list[tuple[QCheckBox, str, str]] = []  # box, section, field
        self.model, self.device, self.precision = QComboBox(), QComboBox(), QComboBox()
        self.heatmap = QComboBox()
        self.open_folder, self.change_folder = QPushButton(), QPushButton()
        self._reset = QPushButton("Reset all but the model")
        self._price = note()
        self.sections = (
            self._performance(),
            self._model(),
            self._people(),
            self._steadiness(),
            self._display(),
            self._recording(),
        )
        self._lay_out()
        self.describe_model()
        self._tell_look()

    def set_settings(self, settings: Settings) -> None:
        """Show other values, for example those of the last time."""
        self.settings = settings
        for row in self._sliders:
            row.set_value(self._value(row.knob))
        for box, section, field in self._ticks:
            box.blockSignals(True)
            box.setChecked(getattr(getattr(settings, section), field))
            box.blockSignals(False)
        self._tell_look()

    def reset(self) -> None:
        """Thresholds, filters and display as they come; model and device stay."""
        fresh = Settings()
        self.set_settings(fresh.model_copy(update={"engine": self.settings.engine}))
        self.changed.emit(self.settings)

    def change_look(self, **changes: Any) -> None:
        """Paint people differently."""
        self.look = replace(self.look, **changes)
        self.look_changed.emit(self.look)

    def set_skeleton(self, skeleton: Skeleton) -> None:
        """Offer the heatmaps of these keypoints, and paint these limbs."""
        offered = [self.heatmap.itemText(i) for i in range(1, self.heatmap.count())]
        if offered != [name.replace("_", " ") for name in skeleton.names]:
            self.heatmap.clear()
            self.heatmap.addItem("none", None)
            for joint, name in enumerate(skeleton.names):
                self.heatmap.addItem(name.replace("_", " "), joint)
        self.change_look(skeleton=skeleton)

    @property
    def wanted_recording(self) -> tuple[bool, bool, bool]:
        """Whether to record the raw picture, the picture with skeletons, the tracks."""
        overlay, raw, tracks = (box.isChecked() for box in self._kept)
        return raw, overlay, tracks

    def toggle(self, part: str) -> None:
        """Switch a part of the picture on or off: limbs, joints, boxes, ids."""
        self._parts[part].toggle()

    def _lay_out(self) -> None:
        body = QWidget()
        body.setObjectName("sidebarBody")
        rows = QVBoxLayout(body)
        rows.setContentsMargins(16, 14, 14, 14)
        rows.setSpacing(10)
        for section in self.sections:
            rows.addWidget(section)
        rows.addWidget(self._reset)
        self._reset.clicked.connect(self.reset)
        rows.addStretch()
        self.setObjectName("sidebar")
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName("Controls")

    def _performance(self) -> Section:
        section = Section("Performance")
        section.add(self.hud)
        return section

    def _model(self) -> Section:
        section = Section("Model")
        engine = self.settings.engine
        for model in self._offer.models:
            self.model.addItem(_title(model), model.name)
        if self.model.findData(engine.weights) < 0:
            self.model.addItem(engine.weights, engine.weights)
        rows = (
            ("Weights", self.model, (), engine.weights),
            ("Device", self.device, self._offer.devices, engine.device),
            ("Precision", self.precision, PRECISIONS, engine.precision),
        )
        for _, box, choices, chosen in rows:
            for value, title in choices:
                box.addItem(title, value)
            box.setCurrentIndex(max(box.findData(chosen), 0))
            box.activated.connect(self._engine_chosen)
        section.rows.addLayout(_form([(text, box) for text, box, _, _ in rows]))
        section.add(self._price)
        return section

    def _people(self) -> Section:
        section = Section("People")
        section.add(*self._rows(PEOPLE))
        section.add(
            self._tick(
                "grouping",
                "refine",
                "Search for missing joints",
                "Look for a person's missing joints in the whole heatmap; they are drawn hollow",
            )
        )
        return section

    def _steadiness(self) -> Section:
        section = Section("Tracking and smoothing", opened=False)
        section.add(
            self._tick(
                "tracking",
                "enabled",
                "Follow people by number",
                "Give every person a number that stays",
            ),
            *self._rows(TRACKING),
            self._tick(
                "smoothing",
                "enabled",
                "Smooth joints",
                "One-Euro filter per person and joint, on real time stamps",
            ),
            *self._rows(SMOOTHING),
        )
        return section

    def _display(self) -> Section:
        section = Section("Display", opened=False)
        self._parts = {
            "limbs": tick("Limbs", True, "Lines between joints", self._look_of("limbs")),
            "joints": tick("Joints", True, "Discs: larger where surer", self._look_of("joints")),
            "boxes": self._tick("display", "boxes", "Boxes", "Around each person"),
            "ids": self._tick("display", "ids", "Numbers", "Of tracked people"),
        }
        section.add(*self._parts.values())
        section.add(
            tick(
                "Colour by body side",
                False,
                "Left limbs warm, right limbs cold, instead of one colour per person",
                lambda on: self.change_look(colours="side" if on else "person"),
            )
        )
        section.add(*self._rows(DISPLAY))
        section.rows.addLayout(_form([("Heatmap", self.heatmap)]))
        self.set_skeleton(self.look.skeleton)
        self.heatmap.currentIndexChanged.connect(
            lambda: self.watched.emit(self.heatmap.currentData())
        )
        return section

    def _recording(self) -> Section:
        section = Section("Recording", opened=False)
        self._kept = (
            QCheckBox("Picture with skeletons"),
            QCheckBox("Picture as it came"),
            QCheckBox("Tracks (NDJSON)"),
        )
        for box, on in zip(self._kept, (True, False, True), strict=True):
            box.setChecked(on)
        section.add(*self._kept)
        buttons = QHBoxLayout()
        for button, text in ((self.open_folder, "Open folder"), (self.change_folder, "Change…")):
            button.setText(text)
            buttons.addWidget(button)
        section.rows.addLayout(buttons)
        return section

    def _rows(self, knobs: tuple[Knob, ...]) -> list[SliderRow]:
        rows = [SliderRow(knob, self._value(knob)) for knob in knobs]
        for row in rows:
            row.moved.connect(self._moved)
        self._sliders += rows
        return rows

    def _tick(self, section: str, field: str, text: str, tip: str) -> QCheckBox:
        on = getattr(getattr(self.settings, section), field)
        box = tick(text, on, tip, lambda on: self._set(section, field, on))
        self._ticks.append((box, section, field))
        return box

    def _look_of(self, field: str) -> Callable[[bool], None]:
        return lambda on: self.change_look(**{field: on})

    def _value(self, knob: Knob) -> float:
        return float(getattr(getattr(self.settings, knob.section), knob.field))

    def _moved(self, knob: Knob) -> None:
        row = next(row for row in self._sliders if row.knob is knob)
        self._set(knob.section, knob.field, int(row.value) if knob.whole else row.value)

    def _set(self, section: str, field: str, value: object) -> None:
        part = getattr(self.settings, section)
        changed = type(part).model_validate({**part.model_dump(), field: value})
        self.settings = self.settings.model_copy(update={section: changed})
        if section == "display":
            self._tell_look()
        self.changed.emit(self.settings)

    def _tell_look(self) -> None:
        display = self.settings.display
        self.change_look(
            min_joint_score=display.min_joint_score,
            thickness=display.thickness,
            boxes=display.boxes,
            ids=display.ids,
        )

    def _engine_chosen(self) -> None:
        engine = self.settings.engine.model_copy(
            update={
                "weights": self.model.currentData(),
                "device": self.device.currentData(),
                "precision": self.precision.currentData(),
            }
        )
        self.describe_model()
        if engine != self.settings.engine:
            self.settings = self.settings.model_copy(update={"engine": engine})
            self.engine_changed.emit(self.settings)

    def describe_model(self) -> None:
        """Say what the chosen model delivers, and what it was measured to cost here."""
        chosen = self.model.currentData()
        model = next((m for m in self._offer.models if m.name == chosen), None)
        cost = self._cost(chosen, self.device.currentData(), self.precision.currentData())
        delivers = _accuracy(model) if model else "A file of your own: accuracy not measured."
        costs = f"{cost:.0f} ms per frame here." if cost else "Speed here: not measured yet."
        self._price.setText(f"{delivers}\n{costs}")


def _form(rows: Sequence[tuple[str, QComboBox]]) -> QFormLayout:
    """Choosers with a label before each, as wide as the sidebar lets them."""
    form = QFormLayout()
    form.setHorizontalSpacing(12)
    form.setVerticalSpacing(8)
    for text, box in rows:
        box.setAccessibleName(text)
        box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        box.setMinimumContentsLength(12)
        label = QLabel(text)
        label.setProperty("role", "muted")
        form.addRow(label, box)
    return form


def _title(model: Model) -> str:
    return model.title if model.present else f"{model.title} (not downloaded)"


def _accuracy(model: Model) -> str:
    """What a model delivers, as measured; never guessed."""
    known = model.ap is not None
    text = f"{100 * (model.ap or 0):.1f} AP {model.ap_of}." if known else "Accuracy: not measured."
    fetch = f" Get it with: posestream weights fetch {model.name}"
    return text if model.present else text + fetch
