"""The sidebar: everything a person can change while watching, in the order of what they came for.

Holds one `Settings` value and replaces it whole on every change. It never calls the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QPushButton, QScrollArea, QVBoxLayout, QWidget

from app.gui.display_section import TICKS, DisplaySection
from app.gui.model_section import Cost, ModelSection
from app.gui.people_panel import PeoplePanel
from app.gui.performance_panel import PerformancePanel
from app.gui.recording_section import RecordingSection
from app.gui.roster import Roster
from app.gui.section import Section, note, tick
from app.gui.send_section import SendSection
from app.gui.sliders import DISPLAY, FINDING, SMOOTHING, TRACKING, Knob, SliderRow
from app.live.offered import Offer
from app.overlay.look import Look
from engine.settings import EngineSettings, Settings
from engine.skeleton import COCO, Skeleton


class Controls(QScrollArea):
    """People, display, recording, send, model, advanced, performance."""

    changed = pyqtSignal(object)  # Settings: to be used at once
    engine_changed = pyqtSignal(object)  # Settings: another model or device
    look_changed = pyqtSignal()
    watched = pyqtSignal(object)  # the keypoint whose heatmap is shown, or None
    was_reset = pyqtSignal()

    def __init__(
        self,
        settings: Settings,
        offer: Offer,
        performance: PerformancePanel,
        roster: Roster,
        cost: Cost = lambda weights, device, precision: None,
        parent: QWidget | None = None,
    ) -> None:
        """Show `settings`; `cost` gives the milliseconds a model was measured to take here."""
        super().__init__(parent)
        self.settings = settings
        self.skeleton: Skeleton = COCO
        self._suiting: Mapping[str, float] = {}
        self.performance = performance
        self._sliders: list[SliderRow] = []
        self._ticks: list[tuple[QCheckBox, str, str]] = []  # box, section, field
        self._parts = {f: self._tick("display", f, text, tip) for f, text, tip in TICKS}
        self._reset = QPushButton("Reset all but the model")
        self._reset.setToolTip("Everything in this sidebar as it comes; people keep their names")
        self.people = PeoplePanel(roster)
        self.display = DisplaySection(self._parts)
        self.recording = RecordingSection()
        self.sending = SendSection(offer.outputs)
        self.model = ModelSection(settings.engine, offer, cost)
        self.advanced = self._advanced()
        folded = Section("Performance", opened=False)
        folded.add(performance)
        performance.summary.connect(folded.set_summary)
        self.sections: Sequence[Section] = (
            self.people,
            self.display,
            self.recording,
            self.sending,
            self.model,
            self.advanced,
            folded,
        )
        self._side = tick(
            "Colour by body side",
            False,
            "Left limbs warm, right limbs cold, instead of one colour per person",
            lambda on: self._set("display", "colours", "side" if on else "person"),
        )
        self.display.add(self._side, *self._rows(DISPLAY))
        self.heatmap = self.display.heatmap
        self._lay_out()
        self._connect()
        self.set_skeleton(COCO)
        self.set_settings(settings)

    @property
    def look(self) -> Look:
        """How pictures are drawn, as the settings say."""
        return Look(
            self.skeleton,
            self.settings.display,
            faint_strangers=self.settings.tracking.enabled,
        )

    def set_settings(self, settings: Settings) -> None:
        """Show other values, for example those of the last time."""
        self.settings = settings
        for row in self._sliders:
            row.set_value(self._value(row.knob))
        for box, section, field in self._ticks:
            _set_quietly(box, getattr(getattr(settings, section), field))
        _set_quietly(self._side, settings.display.colours == "side")
        self.display.trails.set_value(settings.display.trails)
        self.display.angles.set_value(settings.display.angles)
        self._tell_look()

    def suit(self, values: Mapping[str, float]) -> None:
        """Show the checkpoint's own thresholds where the user has set none."""
        self._suiting = values
        self.set_settings(self.settings)

    def reset(self) -> None:
        """All settings as they come; model and device stay. The window resets the rest."""
        fresh = Settings()
        self.set_settings(fresh.model_copy(update={"engine": self.settings.engine}))
        self.changed.emit(self.settings)
        self.was_reset.emit()

    def set_skeleton(self, skeleton: Skeleton) -> None:
        """Offer the heatmaps and trails of these keypoints, and paint these limbs."""
        names = [name.replace("_", " ") for name in skeleton.names]
        if [self.heatmap.itemText(i) for i in range(1, self.heatmap.count())] != names:
            self.heatmap.clear()
            self.heatmap.addItem("no joint", None)
            for joint, name in enumerate(names):
                self.heatmap.addItem(name, joint)
        self.display.trails.offer(skeleton.names)
        self.skeleton = skeleton
        self._tell_look()

    def choose_heatmap(self, joint: str) -> None:
        """Show the heatmap of this joint, as it is called here; of none if there is no such."""
        self.heatmap.setCurrentIndex(max(self.heatmap.findText(joint), 0))

    def set_engine(self, engine: EngineSettings) -> None:
        """Show the model that runs."""
        self.settings = self.settings.model_copy(update={"engine": engine})
        self.model.set_engine(engine)

    def toggle(self, part: str) -> None:
        """Switch a part of the picture on or off, by its name in the display settings."""
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
        rows.addStretch()
        self.setObjectName("sidebar")
        self.setWidget(body)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setAccessibleName("Controls")
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # what is in it has the focus

    def _connect(self) -> None:
        self._reset.clicked.connect(self.reset)
        self.model.chosen.connect(self._engine_chosen)
        self.display.trails_chosen.connect(lambda names: self._set("display", "trails", names))
        self.display.angles_chosen.connect(lambda names: self._set("display", "angles", names))
        self.heatmap.currentIndexChanged.connect(
            lambda: self.watched.emit(self.heatmap.currentData())
        )

    def _advanced(self) -> Section:
        section = Section("Advanced", opened=False)
        section.add(note("Finding people", role="muted"), *self._rows(FINDING))
        section.add(
            self._tick(
                "grouping",
                "refine",
                "Search for missing joints",
                "Look for a person's missing joints in the whole heatmap; they are drawn hollow",
            ),
            note("Following people", role="muted"),
            self._tick("tracking", "enabled", "Number people", "Each keeps the same number"),
            *self._rows(TRACKING),
            note("Steady joints", role="muted"),
            self._tick("smoothing", "enabled", "Smooth joints", "A One-Euro filter per joint"),
            *self._rows(SMOOTHING),
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
        self.recording.set_blurred(self.settings.display.blur_heads)
        self.look_changed.emit()

    def _engine_chosen(self, engine: EngineSettings) -> None:
        self.settings = self.settings.model_copy(update={"engine": engine})
        self.engine_changed.emit(self.settings)


def _set_quietly(box: QCheckBox, on: bool) -> None:
    box.blockSignals(True)
    box.setChecked(on)
    box.blockSignals(False)
