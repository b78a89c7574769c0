"""The sliders show what a checkpoint brings along, and remember only what a person has set."""

from dataclasses import replace

import pytest

from app.live.protocol import Ready
from engine.skeleton import COCO

READY = Ready("a test", "fp32", "mine", COCO, 256)


def slider(controls, field):
    return next(row for row in controls._sliders if row.knob.field == field)


def test_a_threshold_nobody_set_shows_the_checkpoints_own(qtbot, open_window):
    controls = open_window().controls
    controls.suit({"min_score": 0.6})
    assert slider(controls, "min_score").value == pytest.approx(0.6, abs=0.01)
    controls.suit({})  # another checkpoint, without any
    usual = controls.settings.grouping.min_score
    assert slider(controls, "min_score").value == pytest.approx(usual, abs=0.01)


def test_a_threshold_a_person_set_stays_and_the_others_follow(qtbot, open_window):
    controls = open_window().controls
    row = slider(controls, "min_score")
    row.slider.setValue(row.slider.maximum())
    chosen = row.value
    controls.suit({"min_score": 0.6, "min_joints": 2})
    assert row.value == chosen
    assert slider(controls, "min_joints").value == pytest.approx(2, abs=0.1)
    assert controls.settings.grouping.model_fields_set == {"min_score"}


def test_what_nobody_set_is_not_remembered_as_set(qtbot, open_window, preferences):
    window = open_window()
    preferences.keep_settings(window.controls.settings)
    assert preferences.settings(window.controls.settings).grouping.model_fields_set == set()
    window.controls._set("grouping", "min_joints", 3)
    preferences.keep_settings(window.controls.settings)
    kept = preferences.settings(window.controls.settings).grouping
    assert kept.model_fields_set == {"min_joints"}
    assert kept.min_joints == 3


def test_the_engine_tells_the_window(qtbot, open_window):
    window = open_window("a")
    qtbot.waitUntil(lambda: window.runner.bridge.session is not None)
    window.runner.bridge.session.tell(replace(READY, suiting={"min_score": 0.7}))
    row = slider(window.controls, "min_score")
    qtbot.waitUntil(lambda: row.value == pytest.approx(0.7, abs=0.01))
