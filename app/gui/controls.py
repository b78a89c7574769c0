"""The sidebar: every value a person can change while watching, and what the model costs.

Holds one `Settings` value and replaces it whole on every change. It never calls the engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.gui.model_section import Cost, ModelSection
from app.gui.people import Look
from app.gui.performance_panel import PerformancePanel
from app.gui.recording_section import RecordingSection
from app.gui.section import Section, form, tick
from app.gui.sliders import DISPLAY, PEOPLE, SMOOTHING, TRACKING, Knob, SliderRow
from app.live.protocol import Offer
from engine.settings import EngineSettings, Settings
from engine.skeleton import Skeleton


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
        performance: PerformancePanel,
        cost: Cost = lambda weights, device, precision: None,
        parent: QWidget | None = None,
    ) -> None:
        """Show `settings`; `cost` gives the milliseconds a model was measured to take here."""
        super().__init__(parent)
        self.settings = settings
        self.look = Look()
        self._suiting: Mapping[str, float] = {}
        self.performance = performance
        self._sliders: list[SliderRow] = []
        self._ticks: list[tuple[QCheckBox, str, str]] = []  # box, section, field
        self.heatmap = QComboBox()
        self._reset = QPushButton("Reset all but the model")
        self.model = ModelSection(settings.engine, offer, cost)
        self.recording = RecordingSection()
        self.sections = (
            self._performance(),
            self.model,
            self._people(),
            self._steadiness(),
            self._display(),
            self.recording,
        )
        self._lay_out()
        self.model.chosen.connect(self._engine_chosen)
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

    def suit(self, values: Mapping[str, float]) -> None:
        """Show what the checkpoint brings along for thresholds that nobody has set."""
        self._suiting = values
        self.set_settings(self.settings)

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
        section.add(self.performance)
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
        section.rows.addLayout(form([("Heatmap", self.heatmap)]))
        self.set_skeleton(self.look.skeleton)
        self.heatmap.currentIndexChanged.connect(
            lambda: self.watched.emit(self.heatmap.currentData())
        )
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
        part = getattr(self.settings, knob.section)
        if knob.section == "grouping" and knob.field not in part.model_fields_set:
            return float(self._suiting.get(knob.field, getattr(part, knob.field)))
        return float(getattr(part, knob.field))

    def _moved(self, knob: Knob) -> None:
        row = next(row for row in self._sliders if row.knob is knob)
        self._set(knob.section, knob.field, int(row.value) if knob.whole else row.value)

    def _set(self, section: str, field: str, value: object) -> None:
        part = getattr(self.settings, section)
        changed = type(part).model_validate({**part.model_dump(exclude_unset=True), field: value})
        self.settings = self.settings.model_copy(update={section: changed})
        if section in ("display", "tracking"):
            self._tell_look()
        self.changed.emit(self.settings)

    def _tell_look(self) -> None:
        display = self.settings.display
        self.change_look(
            min_joint_score=display.min_joint_score,
            thickness=display.thickness,
            boxes=display.boxes,
            ids=display.ids,
            faint_strangers=self.settings.tracking.enabled,
        )

    def _engine_chosen(self, engine: EngineSettings) -> None:
        self.settings = self.settings.model_copy(update={"engine": engine})
        self.engine_changed.emit(self.settings)
