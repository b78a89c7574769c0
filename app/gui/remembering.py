"""What a person set, brought back at the next start; and the question before a model is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QMessageBox

from engine.settings import Settings

if TYPE_CHECKING:
    from app.gui.window import Window


class Remembering:
    """Keeps nothing that only the command line said."""

    def __init__(self, window: Window, given: Settings) -> None:
        """Begin with the settings the window was given."""
        self._window, self._given = window, given

    def keep(self) -> None:
        """Write down everything that was set."""
        window, preferences = self._window, self._window.preferences
        preferences.keep_layout(window.saveGeometry(), window.splitter.saveState())
        if window.runner.plan.settings != self._given:  # an option of the command line is for once
            preferences.keep_settings(self._settings_that_work())
        controls = window.controls
        preferences.keep("record", controls.recording.ticked())
        preferences.keep("send", controls.sending.addresses())
        preferences.keep("preview", controls.display.preview.isChecked())
        preferences.keep("keep in view", controls.people.keep.isChecked())
        preferences.keep("loop", window.transport.loop.isChecked())
        preferences.keep("sections", {s.title: s.opened for s in controls.sections})

    def restore(self) -> None:
        """Set everything as it was the last time."""
        window, preferences = self._window, self._window.preferences
        controls = window.controls
        controls.recording.set_kept(preferences.get("record", ["overlay", "tracks"]))
        controls.sending.set_addresses(preferences.get("send", {}))
        controls.display.preview.setChecked(preferences.get("preview", False))
        controls.people.keep.setChecked(preferences.get("keep in view", False))
        window.transport.loop.setChecked(preferences.get("loop", window.runner.plan.loop))
        window.runner.set_cameras(preferences.cameras)
        opened = preferences.get("sections", {})
        for section in controls.sections:
            if section.title in opened:
                section.set_open(bool(opened[section.title]))

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
