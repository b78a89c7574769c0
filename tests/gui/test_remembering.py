"""Every control of the sidebar and the player is remembered, and Reset resets it."""

import pytest
from PyQt6.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QLineEdit, QSlider, QToolButton

from app.gui.display_section import Chooser
from app.gui.preferences import Preferences
from app.gui.quiet import QuietNumber
from app.gui.remembering import with_changes
from app.live.offered import Model, Offer
from app.live.plan import Plan
from app.live.protocol import Ready
from app.overlay.look import Zone
from engine.settings import Settings
from engine.skeleton import COCO

OFFER = Offer([Model("w48", "w48, 640 px", True)], outputs=["mine"])
MODEL = {"Weights", "Device", "Precision"}  # Reset leaves these
ONCE = {"Time: type where to go"}  # says where the player is
ZONE = Zone("line", (0.1, 0.2), (0.9, 0.8))


def controls_of(window):
    """What a person can set in the sidebar and the player: name -> control.

    Sliders are left out: each shows the number beside it.
    """
    found = {}
    for place in (window.controls, window.transport):
        for kind in (QCheckBox, QComboBox, QLineEdit, QuietNumber, Chooser, QToolButton):
            for control in place.findChildren(kind):
                button = kind is QToolButton and (
                    not control.isCheckable() or control.property("kind") == "section"
                )
                if button or isinstance(control.parent(), QAbstractSpinBox):
                    continue
                fixed = getattr(control, "_title", "")
                name = fixed or control.accessibleName() or control.text()
                assert name, f"{control} has no name"
                assert found.get(name, control) is control, f"two controls are called {name}"
                if name not in ONCE:
                    found[name] = control
    return found


def value(control):
    if isinstance(control, Chooser):
        return control.value
    if isinstance(control, QuietNumber):
        return control.value()
    if isinstance(control, QComboBox):
        return control.currentText()
    return control.text() if isinstance(control, QLineEdit) else control.isChecked()


def change(control):
    """As a person would."""
    if isinstance(control, Chooser):
        control._menu.actions()[2].trigger()
    elif isinstance(control, QuietNumber):
        low, high = control.minimum(), control.maximum()
        control.setValue(high if control.value() < (low + high) / 2 else low)
    elif isinstance(control, QComboBox):
        index = (control.currentIndex() + 1) % control.count()
        control.setCurrentIndex(index)
        control.activated.emit(index)
    elif isinstance(control, QLineEdit):
        control.setText(f"{control.text()}1")
        control.editingFinished.emit()
    else:
        control.click()


def values(window):
    return {name: value(control) for name, control in controls_of(window).items()}


def start_again(open_window, preferences):
    settings = preferences.settings(Settings())
    return open_window(offer=OFFER, plan=Plan(("a",), settings))


def test_every_control_is_remembered_and_reset(qtbot, open_window, preferences):
    window = start_again(open_window, preferences)
    qtbot.waitUntil(lambda: window.ages.count >= 1, timeout=8000)
    window.controls.people.refresh()  # what depends on people can be used
    fresh = values(window)
    assert len(fresh) > 35
    for name, control in controls_of(window).items():
        if control.isEnabled():
            change(control)
            assert value(control) != fresh[name], f"{name} was not changed"
    changed = values(window)
    unchanged = {name for name in fresh if fresh[name] == changed[name]}
    assert unchanged == {"Picture as it came"}, "not while heads are blurred"
    engine = window.runner.plan.settings.engine
    window.runner.bridge.session.tell(Ready("CPU", "fp32", "w48", COCO, 640, {}, engine))
    qtbot.waitUntil(lambda: window.runner.works == engine)
    window.close()
    again = start_again(open_window, preferences)
    assert values(again) == changed
    again.controls._reset.click()
    after = values(again)
    assert {name: after[name] for name in MODEL} == {name: changed[name] for name in MODEL}
    assert {n: v for n, v in after.items() if n not in MODEL} == {
        n: v for n, v in fresh.items() if n not in MODEL
    }
    again.close()
    assert values(start_again(open_window, preferences)) == after, "the reset is remembered"


def test_every_control_of_the_sidebar_says_what_it_does(open_window):
    window = open_window("a", offer=OFFER)
    for name, control in controls_of(window).items():
        tips = [control.toolTip(), control.parentWidget().toolTip()]
        explained = any(tips) or isinstance(control, QLineEdit)  # its switch says it
        assert explained, f"{name} has no tip"


def test_every_slider_has_a_number_beside_it(open_window):
    window = open_window("a")
    sliders = set(window.controls.findChildren(QSlider))
    assert sliders == {row.slider for row in window.controls._sliders}


def test_what_was_set_reaches_the_session_that_follows(qtbot, open_window, preferences):
    window = open_window("a")
    window.controls.heatmap.setCurrentIndex(3)
    window.controls.sending.switch_on(["osc"])
    window.roster.set_zone("a", ZONE)
    window.transport.loop.setChecked(True)
    window.transport.change_speed(1)
    window.close()
    again = open_window("a")
    qtbot.waitUntil(lambda: again.ages.count >= 1, timeout=8000)
    session = again.runner.bridge.session
    assert session.watched == 2
    assert session.sent == {"osc://127.0.0.1:9000"}
    assert session.looks[-1].zones == {"a": ZONE}
    assert (session.plan.loop, session.plan.speed) == (True, 1.5)
    again.controls._reset.click()
    assert again.roster.zones == {}
    assert (session.watched, session.sent) == (None, frozenset())


def test_a_player_that_is_started_again_has_the_loop_and_the_speed_that_are_shown(
    qtbot, open_window
):
    window = open_window("a")
    qtbot.waitUntil(lambda: window.ages.count >= 1, timeout=8000)
    window.transport.loop.click()
    window.transport.change_speed(-1)
    window.runner.stop()
    window.runner.start()
    assert (window.runner.plan.loop, window.runner.plan.speed) == (True, 0.75)
    session = window.runner.bridge.session
    assert (session.plan.loop, session.plan.speed) == (True, 0.75)


def test_a_loop_of_the_command_line_is_shown_and_not_remembered(open_window, preferences):
    preferences.keep("loop", False)
    window = open_window(plan=Plan(("a",), Settings(), loop=True))
    assert window.transport.loop.isChecked()
    window.close()
    assert not preferences.get("loop", True)


def test_an_option_of_the_command_line_leaves_what_was_remembered(open_window, preferences):
    window = open_window("a")
    window.controls.toggle("mirrored")
    window.close()
    options = Settings.model_validate({"engine": {"weights": "w48"}, "display": {"count": True}})
    once = open_window(plan=Plan(("a",), options))
    once.controls.toggle("boxes")
    once.close()
    kept = preferences.settings(Settings())
    assert (kept.display.mirrored, kept.display.boxes) == (True, True)
    assert not kept.display.count
    assert kept.engine.weights == "auto"


@pytest.mark.parametrize(
    ("stored", "before", "after", "kept"),
    [
        ({"boxes": True}, {"count": True}, {"count": True, "limbs": False}, {"boxes", "limbs"}),
        ({"boxes": True}, {"boxes": True}, {}, set()),
        ({"boxes": True}, {}, {"boxes": False}, {"boxes"}),
        ({}, {"count": True}, {"count": True}, set()),
    ],
)
def test_only_what_changed_is_kept(stored, before, after, kept):
    stored, before, after = (
        Settings.model_validate({"display": values}) for values in (stored, before, after)
    )
    merged = with_changes(stored, before, after).display
    assert merged.model_fields_set == kept
    for field in kept & after.display.model_fields_set:
        assert getattr(merged, field) == getattr(after.display, field)


@pytest.mark.parametrize("kept", [{"a": 3}, {"a": ["line", [1, 2]]}, {"a": ["oval", [0.1, 0.1]]}])
def test_a_line_that_is_none_any_more_is_left_out(open_window, preferences: Preferences, kept):
    preferences.keep("zones", kept)
    assert open_window("a").roster.zones == {}


def test_reset_says_where_recordings_go_again(qtbot, open_window, preferences):
    window = open_window("a")
    assert preferences.folder.name == "kept"
    window.controls._reset.click()
    assert preferences.folder.name == "posestream"
    assert str(preferences.folder) in window.notices.text.text()
    assert window.controls.recording._where.text() == str(preferences.folder)
