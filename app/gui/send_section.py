"""Where live results are sent to: a switch, an address and a counter for each way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from app.gui.section import Section, note, tick
from app.live.protocol import Sent

# scheme, its title, what it is sent to at first, what it is for
WAYS: Final = (
    ("udp", "UDP", "udp://127.0.0.1:8766", "A line of JSON per datagram"),
    ("ws", "WebSocket", "ws://127.0.0.1:8765", "Lines of JSON for web pages on this machine"),
    ("osc", "OSC", "osc://127.0.0.1:9000", "Open Sound Control: light, music, stage"),
    ("lsl", "Lab Streaming Layer", "lsl:posestream", "Aligned with EEG and the like"),
    ("camera", "Virtual camera", "camera:", "The picture as shown, as a camera for other programs"),
)


class SendSection(Section):
    """`changed` sends the targets that are switched on."""

    changed = pyqtSignal(object)  # frozenset of targets

    def __init__(self, others: Sequence[str] = (), parent: QWidget | None = None) -> None:
        super().__init__("Send", opened=False, parent=parent)
        self.ways: dict[str, _Way] = {}
        more = [(name, name, f"{name}:", "Added by another package") for name in others]
        for scheme, title, target, tip in (*WAYS, *more):
            way = self.ways[scheme] = _Way(title, target, tip)
            way.switched.connect(self._changed)
            self.add(way)

    @property
    def targets(self) -> frozenset[str]:
        """Those that are switched on."""
        return frozenset(way.target for way in self.ways.values() if way.on)

    def addresses(self) -> dict[str, str]:
        """What is written in each field, to be remembered."""
        return {scheme: way.target for scheme, way in self.ways.items()}

    def set_addresses(self, addresses: dict[str, str]) -> None:
        """Write these; nothing is switched."""
        for scheme, target in addresses.items():
            if scheme in self.ways:
                self.ways[scheme].set_target(target)

    def switched_on(self) -> list[str]:
        """The schemes that are switched on, to be remembered."""
        return [scheme for scheme, way in self.ways.items() if way.on]

    def switch_on(self, schemes: Sequence[str]) -> None:
        """Send by exactly these."""
        for scheme, way in self.ways.items():
            way.set_on(scheme in schemes)
        self._changed()

    def show_sent(self, sent: Sent) -> None:
        """Show how much a target got, or why it gets nothing."""
        for way in self.ways.values():
            if way.target == sent.target:
                way.show_sent(sent)

    def rest(self) -> None:
        """Nothing runs: nothing is sent."""
        for way in self.ways.values():
            way.clear()

    def _changed(self) -> None:
        on = sum(way.on for way in self.ways.values())
        self.set_summary(f"{on} on" if on else "")
        self.changed.emit(self.targets)


class _Way(QWidget):
    """A switch, an address, a line below."""

    switched = pyqtSignal()

    def __init__(self, title: str, target: str, tip: str) -> None:
        super().__init__()
        self._switch: QCheckBox = tick(title, False, tip, lambda on: self._switched())
        self._target = QLineEdit(target)
        self._target.setAccessibleName(f"{title}: where to")
        self._target.setCursorPosition(0)
        self._told = note()
        self._told.hide()
        rows = QVBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(3)
        for widget in (self._switch, self._target, self._told):
            rows.addWidget(widget)
        self._target.editingFinished.connect(self._edited)
        self._before = target
        self._target.setVisible(False)

    @property
    def on(self) -> bool:
        return self._switch.isChecked()

    @property
    def target(self) -> str:
        return self._target.text().strip()

    def set_target(self, target: str) -> None:
        self._before = target
        self._target.setText(target)

    def set_on(self, on: bool) -> None:
        self._switch.blockSignals(True)
        self._switch.setChecked(on)
        self._switch.blockSignals(False)
        self._target.setVisible(on)
        self.clear()

    def clear(self) -> None:
        self._told.setText("")
        self._told.hide()

    def show_sent(self, sent: Sent) -> None:
        self._told.setVisible(self.on)
        if sent.error:
            self._told.setText(f"Not sent: {sent.error}")
            return
        lost = f", {sent.lost} lost" if sent.lost else ""
        listen = "" if sent.listeners is None else f", {sent.listeners} listening"
        self._told.setText(f"{sent.frames} frames{lost}{listen}")

    def _switched(self) -> None:
        self._target.setVisible(self.on)
        self.clear()
        self.switched.emit()

    def _edited(self) -> None:
        if self.target != self._before:
            self._before = self.target
            if self.on:
                self.switched.emit()
