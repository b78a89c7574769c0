"""Exact values are typed in the sidebar, results are sent from it, and it says what happens."""

from pathlib import Path

import pytest
from PyQt6.QtCore import QLocale, Qt
from PyQt6.QtGui import QDesktopServices
from PyQt6.QtWidgets import QCheckBox

from app.gui.recording_section import outcome
from app.gui.section import Section
from app.gui.sliders import DISPLAY, TRACKING, SliderRow
from app.live.protocol import Recorded, RecordedFile, Sent, Told


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


def test_the_sections_stand_in_the_order_of_what_people_come_for(open_window):
    controls = open_window("a").controls
    rows = controls.widget().layout()
    shown = [rows.itemAt(i).widget() for i in range(rows.count())]
    titles = [part.title for part in shown if isinstance(part, Section)]
    assert titles == ["People", "Display", "Recording", "Send", "Model", "Advanced", "Performance"]
    assert not controls.sections[-1].opened


def test_what_became_of_frames_is_counted_for_display_engine_and_recording(qtbot, open_window):
    window = open_window("a", rate=5)
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    window.controls.sections[-1].set_open(True)
    window.reactions._ticks = 0
    window.reactions.refresh()
    line = window.controls.performance._modes.text()
    assert "5.0 fps arrive (10 so far, 1 skipped)" in line
    seen = window.ages.sources["a"]
    assert f"{seen.analysed} analysed, {seen.shown} shown" in line
    files = (
        RecordedFile(Path("a.mp4"), "a", 310, 0, 65.2),
        RecordedFile(Path("a overlay.mp4"), "a", 290, 20, 64.9),
        RecordedFile(Path("a.ndjson"), "a", 12, 0, 2.0, "the disk is full"),
    )
    window.runner.bridge.session.tell(Recorded(Path("/kept"), True, files))
    qtbot.waitUntil(lambda: window.top._recorded.text() == "1:05, 20 missed")
    assert window.controls.recording._files.text().splitlines() == [
        "a.mp4: 310 frames",
        "a overlay.mp4: 290 frames, 20 missed",
        "a.ndjson: ended, the disk is full",
    ]


def test_the_timer_of_a_recording_stands_while_nothing_is_written(qtbot, open_window):
    window = open_window("a")
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    window.runner.bridge.session.tell(Recorded(Path("/kept"), True))
    qtbot.waitUntil(lambda: window.top._recorded.text() == "0:00")
    assert window.controls.recording._files.text() == "Waiting for a picture…"


def test_what_was_saved_can_be_opened(qtbot, open_window, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: not opened.append(url))
    window = open_window("a")
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    file = RecordedFile(tmp_path / "a.ndjson", "a", 10, 0, 1.0)
    window.runner.bridge.session.tell(Recorded(tmp_path, False, (file,)))
    qtbot.waitUntil(window.notices.opener.isVisible)
    assert str(tmp_path) in window.notices.text.text()
    window.notices.opener.click()
    assert [url.toLocalFile() for url in opened] == [str(tmp_path)]


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


def test_a_recording_that_holds_nothing_is_not_called_saved(qtbot, open_window, tmp_path):
    window = open_window("a")
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    failed = RecordedFile(tmp_path / "zero.mp4", "zero", 0, 0, 0.0, "zero.mp4 is empty")
    window.runner.bridge.session.tell(Recorded(tmp_path, False, (failed,)))
    qtbot.waitUntil(window.notices.isVisible)
    assert "Nothing was recorded" in window.notices.text.text()
    assert not window.notices.opener.isVisible()
    kept = RecordedFile(tmp_path / "a.mp4", "a", 5, 0, 1.0)
    window.runner.bridge.session.tell(Recorded(tmp_path, False, (failed, kept)))
    qtbot.waitUntil(window.notices.opener.isVisible)
    assert window.notices.text.text() == f"Saved a.mp4 in {tmp_path}"
    full = RecordedFile(tmp_path / "b.mp4", "b", 5, 0, 1.0, "the disk is full", broken=True)
    assert outcome(Recorded(tmp_path, False, (kept, full))) == Told(
        f"Saved a.mp4 in {tmp_path}. Not complete: b.mp4", "warning", tmp_path
    )
    assert outcome(Recorded(tmp_path, False, (full,))) == Told("Not complete: b.mp4", "warning")


def test_several_angles_are_chosen_without_opening_the_menu_again(qtbot, open_window):
    window = open_window("a")
    chooser = window.controls.display.angles
    menu = chooser.menu()
    menu.popup(chooser.mapToGlobal(chooser.rect().bottomLeft()))
    qtbot.waitUntil(menu.isVisible)
    first, second, third = menu.actions()[:3]
    for entry in (first, second):
        qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(entry).center())
    menu.setActiveAction(third)
    qtbot.keyClick(menu, Qt.Key.Key_Space)
    assert menu.isVisible()
    assert len(chooser.value) == len(window.controls.settings.display.angles) == 3
    qtbot.keyClick(menu, Qt.Key.Key_Escape)
    assert not menu.isVisible()
