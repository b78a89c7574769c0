"""Exact values are typed in the sidebar, and live results are sent from it."""

import pytest
from PyQt6.QtCore import QLocale, Qt
from PyQt6.QtWidgets import QCheckBox

from app.gui.sliders import DISPLAY, TRACKING, SliderRow
from app.live.protocol import Sent


@pytest.fixture(params=["C", "de_DE"])
def language(request):
    before = QLocale()
    QLocale.setDefault(QLocale(request.param))
    yield request.param
    QLocale.setDefault(before)


def type_into(qtbot, field, text):
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, text)
    qtbot.keyClick(field, Qt.Key.Key_Return)


@pytest.mark.parametrize("text", ["0.42", "0,42"])
def test_an_exact_value_is_typed_with_a_point_or_a_comma(qtbot, language, text):
    row = SliderRow(DISPLAY[0], 0.15)
    qtbot.addWidget(row)
    sent = []
    row.moved.connect(lambda knob: sent.append((knob.field, row.value)))
    type_into(qtbot, row.number, text)
    assert sent == [("min_joint_score", 0.42)]
    share = row.slider.value() / row.slider.maximum()
    assert share == pytest.approx(0.42 / DISPLAY[0].high, abs=0.01)
    assert "42" in row.slider.accessibleName(), "a screen reader says the value"


def test_what_is_no_value_changes_nothing(qtbot):
    row = SliderRow(TRACKING[0], 2.0)
    qtbot.addWidget(row)
    sent = []
    row.moved.connect(sent.append)
    for text in ("abc", "x,", ""):
        type_into(qtbot, row.number, text)
        assert (row.value, sent) == (2.0, [])


def test_a_typed_value_reaches_the_engine_and_is_remembered(qtbot, open_window, preferences):
    window = open_window("a")
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    window.controls.display.set_open(True)
    row = next(r for r in window.controls._sliders if r.knob.field == "thickness")
    type_into(qtbot, row.number, "1.7")
    assert window.runner.bridge.session.settings.display.thickness == 1.7
    window.close()
    assert preferences.settings(None).display.thickness == 1.7


def test_a_switch_under_send_sends_counts_and_says_what_is_wrong(qtbot, open_window):
    window = open_window("a")
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    session, section = window.runner.bridge.session, window.controls.sending
    section.set_open(True)
    way = section.ways["osc"]
    switch = way.findChild(QCheckBox)
    switch.click()
    assert session.sent == {"osc://127.0.0.1:9000"}
    assert "1 on" in section._head.text()
    session.tell(Sent("osc://127.0.0.1:9000", 120, lost=3))
    qtbot.waitUntil(lambda: way._told.text() == "120 frames, 3 lost")
    type_into(qtbot, way._target, "osc://10.0.0.7:9001")
    assert session.sent == {"osc://10.0.0.7:9001"}
    section.ways["ws"].findChild(QCheckBox).click()
    session.tell(Sent("ws://127.0.0.1:8765", 7, listeners=2))
    qtbot.waitUntil(lambda: section.ways["ws"]._told.text() == "7 frames, 2 listening")
    session.tell(Sent("osc://10.0.0.7:9001", 0, error="the host is not known"))
    qtbot.waitUntil(lambda: way._told.text() == "Not sent: the host is not known")
    switch.click()
    assert session.sent == {"ws://127.0.0.1:8765"}
    assert not way._told.text()
