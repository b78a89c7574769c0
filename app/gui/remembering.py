"""What a person set, brought back at the next start; and the question before a model is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PyQt6.QtWidgets import QMessageBox

from app.live.protocol import Told
from app.overlay.look import Zone
from engine.settings import Settings

if TYPE_CHECKING:
    from app.gui.window import Window


@dataclass(frozen=True, slots=True)
class _Kept:
    """One thing that is not among the settings of the engine; JSON can hold its value."""

    key: str
    now: Callable[[], Any]
    use: Callable[[Any], object]
    fresh: Any  # as it comes


class Remembering:
    """Keeps nothing that only the command line said."""

    def __init__(self, window: Window, given: Settings) -> None:
        """Begin with the settings the window was given, and everything else as it comes."""
        self._window, self._given = window, given
        self._loops = window.runner.plan.loop  # the command line said so
        self._kept = [_Kept(key, now, use, now()) for key, now, use in _things(window)]

    def keep(self) -> None:
        """Write down everything that was set."""
        window, preferences = self._window, self._window.preferences
        preferences.keep_layout(window.saveGeometry(), window.splitter.saveState())
        now = self._settings_that_work()
        if window.runner.plan.settings != self._given:  # an option of the command line is for once
            stored = preferences.settings(Settings())
            preferences.keep_settings(with_changes(stored, self._given, now))
        for kept in self._kept:
            if not (kept.key == "loop" and self._loops):
                preferences.keep(kept.key, kept.now())
        preferences.keep("sections", {s.title: s.opened for s in window.controls.sections})

    def restore(self) -> None:
        """Set everything as it was the last time."""
        window, preferences = self._window, self._window.preferences
        for kept in self._kept:
            kept.use(preferences.get(kept.key, kept.fresh))
        if self._loops:
            window.transport.loop.setChecked(True)
        window.runner.set_cameras(preferences.cameras)
        opened = preferences.get("sections", {})
        for section in window.controls.sections:
            if section.title in opened:
                section.set_open(bool(opened[section.title]))

    def reset(self) -> None:
        """Set everything as it comes; what sources are called and how they are opened stays."""
        window = self._window
        for kept in self._kept:
            kept.use(kept.fresh)
        before = window.preferences.folder
        window.preferences.forget_folder()
        if window.preferences.folder != before:
            window.reactions.show_folder()
            text = f"Recordings and screenshots go to {window.preferences.folder} again."
            window.say(Told(text), asked=True)

    def ask_before_engine(self, settings: Settings) -> None:
        """Use another model; while something is recorded, only after a question."""
        window = self._window
        if not window.reactions.recording:
            window.runner.change(settings)
            return
        box = QMessageBox(window)
        box.setWindowTitle("posestream")
        box.setText("A recording is running.")
        box.setInformativeText("Its tracks say which model made them. Finish it and change?")
        change = box.addButton("Finish and change", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Keep recording", QMessageBox.ButtonRole.RejectRole)

        def answered() -> None:
            if box.clickedButton() is change:
                window.runner.bridge.record(None)
                window.runner.change(settings)
            else:
                window.controls.set_engine(window.runner.plan.settings.engine)

        box.finished.connect(lambda code: answered())
        box.open()

    def _settings_that_work(self) -> Settings:
        """The settings with the last engine that was loaded, if there was one."""
        settings, works = self._window.runner.plan.settings, self._window.runner.works
        return settings.model_copy(update={"engine": works or self._given.engine})


def with_changes(stored: Settings, before: Settings, after: Settings) -> Settings:
    """`stored`, with what is set otherwise in `after` than in `before`."""
    sections = {}
    for name in Settings.model_fields:
        kept, old, new = (
            getattr(each, name).model_dump(exclude_unset=True) for each in (stored, before, after)
        )
        same = {field for field in old.keys() & new.keys() if old[field] == new[field]}
        changed = (old.keys() | new.keys()) - same
        values = {field: value for field, value in kept.items() if field not in changed}
        values |= {field: new[field] for field in changed & new.keys()}
        sections[name] = type(getattr(after, name)).model_validate(values)
    return Settings.model_validate(sections)


def _things(
    window: Window,
) -> list[tuple[str, Callable[[], Any], Callable[[Any], object]]]:
    """Everything a person can set beside the engine's settings: its key, its value, its setter."""
    controls, transport = window.controls, window.transport
    recording, sending, preview = controls.recording, controls.sending, controls.display.preview
    return [
        ("record", recording.ticked, recording.set_kept),
        ("sending", sending.switched_on, sending.switch_on),
        ("send", sending.addresses, sending.set_addresses),
        ("preview", preview.isChecked, preview.setChecked),
        ("keep in view", controls.people.keep.isChecked, controls.people.keep.setChecked),
        ("heatmap", controls.heatmap.currentText, controls.choose_heatmap),
        ("loop", transport.loop.isChecked, transport.loop.setChecked),
        ("speed", transport.speed.currentData, transport.set_speed),
        (
            "zones",
            lambda: {source: _plain(zone) for source, zone in window.roster.zones.items()},
            lambda kept: window.roster.set_zones(_zones(kept)),
        ),
    ]


def _plain(zone: Zone) -> list[object]:
    return [zone.kind, list(zone.start), list(zone.end)]


def _zones(kept: Mapping[str, object]) -> dict[str, Zone]:
    """Those that were kept; what is none is left out."""
    zones = {}
    for source, value in kept.items():
        match value:
            case ["line" | "region" as kind, [float(x0), float(y0)], [float(x1), float(y1)]]:
                zones[source] = Zone(kind, (x0, y0), (x1, y1))
    return zones
