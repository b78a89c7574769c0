"""A labelled slider and number, and the table of all numbers that act at once."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Final

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QGridLayout, QLabel, QWidget

from app.gui.quiet import QuietNumber, QuietSlider

_STEPS = 200  # of a logarithmic slider


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


def _knob(path: str, label: str, low: float, high: float, tip: str, **more: object) -> Knob:
    section, _, field = path.partition(".")
    return Knob(section, field, label, low, high, tip, **more)  # type: ignore[arg-type]


FINDING: Final = (
    _knob(
        "grouping.peak_threshold",
        "Joints surer than",
        0.02,
        0.9,
        "How strong a joint's response in the heatmap must be to count",
    ),
    _knob(
        "grouping.min_score",
        "People surer than",
        0.0,
        0.9,
        "How sure the network must be of a person, on average over the joints",
    ),
    _knob(
        "grouping.min_joints",
        "Joints a person needs",
        0,
        17,
        "People with fewer found joints are left out",
        digits=0,
        whole=True,
    ),
    _knob(
        "grouping.duplicate_oks",
        "Same person above",
        0.3,
        1.0,
        "Two skeletons more alike than this are one person; 1 keeps both",
        unit="OKS",
    ),
    _knob(
        "grouping.tag_distance",
        "Join joints within",
        0.1,
        3.0,
        "Joints whose tags are closer than this belong to one person",
    ),
)
SMOOTHING: Final = (
    _knob(
        "smoothing.min_cutoff",
        "Calm at rest",
        0.1,
        10.0,
        "Cutoff of the filter when a joint rests: lower is calmer",
        unit="Hz",
        digits=1,
        logarithmic=True,
    ),
    _knob(
        "smoothing.beta",
        "Quick in motion",
        0.0,
        20.0,
        "How fast the filter opens with speed: higher follows faster",
        digits=1,
    ),
)
TRACKING: Final = (
    _knob(
        "tracking.max_lost",
        "Keep a number for",
        0.0,
        10.0,
        "How long a person may be out of sight and keep the number; never less than a few frames",
        unit="s",
        digits=1,
    ),
)
DISPLAY: Final = (
    _knob(
        "display.min_joint_score", "Draw joints above", 0.0, 0.9,
        "Weaker joints are found but not drawn",
    ),
    _knob(
        "display.thickness", "Line width", 0.3, 3.0,
        "Of limbs and joints, relative to what fits the person", unit="×", digits=1,
    ),
)  # fmt: skip


class SliderRow(QWidget):
    """The label and the number above the slider; `moved` is sent as a person changes either."""

    moved = pyqtSignal(object)  # Knob

    def __init__(self, knob: Knob, value: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.knob = knob
        self.number, self.slider = QuietNumber(), QuietSlider()
        self.number.setDecimals(knob.digits)
        self.number.setRange(knob.low, knob.high)
        self.number.setSuffix(f" {knob.unit}" if knob.unit else "")
        self.number.setFixedWidth(84)
        if knob.logarithmic:
            self.slider.setRange(0, _STEPS)
        else:  # in the number's last digit: what a screen reader says of it
            self.slider.setRange(self._digits(knob.low), self._digits(knob.high))
        self.slider.setAccessibleDescription(knob.tip)
        self.number.setAccessibleName(knob.label)
        self.number.setAccessibleDescription(knob.tip)
        self.setToolTip(knob.tip)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(1)
        label = QLabel(knob.label)
        label.setProperty("role", "muted")
        grid.addWidget(label, 0, 0)
        grid.addWidget(self.number, 0, 1)
        grid.addWidget(self.slider, 1, 0, 1, 2)
        self.set_value(value)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._typed)

    @property
    def value(self) -> float:
        """The number, in the knob's unit."""
        return self.number.value()

    def set_value(self, value: float) -> None:
        """Show a value; nothing is sent."""
        self._show(value)
        self._move_to(value)

    def _slid(self) -> None:
        knob, steps = self.knob, self.slider.value()
        if knob.logarithmic:
            value = knob.low * exp(steps / _STEPS * log(knob.high / knob.low))
        else:
            value = steps / 10**knob.digits
        self._show(value)
        self.moved.emit(self.knob)

    def _typed(self, value: float) -> None:
        self._move_to(value)
        self._name()
        self.moved.emit(self.knob)

    def _show(self, value: float) -> None:
        self.number.blockSignals(True)
        self.number.setValue(value)
        self.number.blockSignals(False)
        self._name()

    def _move_to(self, value: float) -> None:
        knob = self.knob
        inside = min(max(value, knob.low), knob.high)
        self.slider.blockSignals(True)
        if knob.logarithmic:
            share = log(inside / knob.low) / log(knob.high / knob.low)
            self.slider.setValue(round(share * _STEPS))
        else:
            self.slider.setValue(self._digits(inside))
        self.slider.blockSignals(False)

    def _digits(self, value: float) -> int:
        return round(value * 10.0**self.knob.digits)

    def _name(self) -> None:
        """A screen reader says the real value, not the slider's step."""
        self.slider.setAccessibleName(f"{self.knob.label}: {self.number.text()}")
