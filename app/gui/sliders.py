"""A labelled slider for a number, and the table of all numbers that act at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QSlider, QWidget

_STEPS = 200


@dataclass(frozen=True, slots=True)
class Knob:
    """One number of `Settings`, as a slider shows it."""

    section: str
    field: str
    label: str
    low: float
    high: float
    tip: str
    unit: str = ""
    digits: int = 2
    logarithmic: bool = False
    whole: bool = False


PEOPLE = (
    Knob(
        "grouping",
        "peak_threshold",
        "Joint threshold",
        0.02,
        0.9,
        "How strong a joint's response in the heatmap must be to count",
    ),
    Knob(
        "grouping",
        "min_score",
        "Person threshold",
        0.0,
        0.9,
        "How sure the network must be of a person, on average over the joints",
    ),
    Knob(
        "grouping",
        "min_joints",
        "Fewest joints",
        0,
        17,
        "People with fewer found joints are left out",
        digits=0,
        whole=True,
    ),
    Knob(
        "grouping",
        "duplicate_oks",
        "Same person above",
        0.3,
        1.0,
        "Two skeletons more alike than this are one person (pose NMS); 1 keeps all",
        unit="OKS",
    ),
    Knob(
        "grouping",
        "tag_distance",
        "Tag distance",
        0.1,
        3.0,
        "Joints whose tags are closer than this belong to one person",
    ),
)
SMOOTHING = (
    Knob(
        "smoothing",
        "min_cutoff",
        "Calm at rest",
        0.1,
        10.0,
        "Cutoff of the filter when a joint rests: lower is calmer",
        unit="Hz",
        digits=1,
        logarithmic=True,
    ),
    Knob(
        "smoothing",
        "beta",
        "Quick in motion",
        0.0,
        20.0,
        "How fast the filter opens with speed: higher follows faster",
        digits=1,
    ),
)
TRACKING = (
    Knob(
        "tracking",
        "max_lost",
        "Remember for",
        0.0,
        10.0,
        "How long a person may be out of sight and keep the number",
        unit="s",
        digits=1,
    ),
)
DISPLAY = (
    Knob(
        "display",
        "min_joint_score",
        "Draw joints above",
        0.0,
        0.9,
        "Weaker joints are found but not drawn",
    ),
    Knob(
        "display",
        "thickness",
        "Line width",
        0.3,
        3.0,
        "Of limbs and joints, relative to what fits the person",
        unit="×",
        digits=1,
    ),
)


class SliderRow(QWidget):
    """The label and the value above the slider; `moved` sends the value as a person changes it."""

    moved = pyqtSignal(object)  # Knob

    def __init__(self, knob: Knob, value: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.knob = knob
        self._shown = QLabel()
        self._shown.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, round(knob.high - knob.low) if knob.whole else _STEPS)
        self.slider.setAccessibleName(knob.label)
        self.slider.setAccessibleDescription(knob.tip)
        self.setToolTip(knob.tip)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(1)
        label = QLabel(knob.label)
        label.setProperty("role", "muted")
        grid.addWidget(label, 0, 0)
        grid.addWidget(self._shown, 0, 1)
        grid.addWidget(self.slider, 1, 0, 1, 2)
        self.set_value(value)
        self.slider.valueChanged.connect(self._moved)

    @property
    def value(self) -> float:
        """What the slider stands at, in the knob's unit."""
        knob, share = self.knob, self.slider.value() / self.slider.maximum()
        if knob.whole:
            return knob.low + self.slider.value()
        if knob.logarithmic:
            return round(knob.low * exp(share * log(knob.high / knob.low)), knob.digits)
        return round(knob.low + share * (knob.high - knob.low), knob.digits)

    def set_value(self, value: float) -> None:
        """Move the slider without telling anybody."""
        knob = self.knob
        inside = min(max(value, knob.low), knob.high)
        if knob.logarithmic:
            share = log(inside / knob.low) / log(knob.high / knob.low)
        else:
            share = (inside - knob.low) / (knob.high - knob.low)
        self.slider.blockSignals(True)
        self.slider.setValue(round(share * self.slider.maximum()))
        self.slider.blockSignals(False)
        self._show(value)

    def _moved(self) -> None:
        self._show(self.value)
        self.moved.emit(self.knob)

    def _show(self, value: float) -> None:
        text = f"{value:.{self.knob.digits}f}"
        self._shown.setText(f"{text} {self.knob.unit}".strip())
