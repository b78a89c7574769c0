"""The player: replay, loop, speed, typing a time, full screen."""

import pytest
from PyQt6.QtCore import QPoint, Qt

from app.gui.transport import clock_text, seconds_in
from app.live.protocol import Recorded, RecordedFile, Told
from tests.support.clips import write_clip
from tests.support.live_fakes import Bench
from tests.support.synthetic import Figures


class Player:
    paused = ended = False
    duration = 30.0

    def __init__(self):
        self.asked = []

    def __getattr__(self, name):
        return lambda *values: self.asked.append((name, *values))


class File(Figures):
    player = Player()


def playing(qtbot, open_window):
    File.player = Player()
    window = open_window("clip.mp4", start=File)
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    window.reactions.refresh()
    window.canvas.setFocus()
    return window, File.player


def test_space_at_the_end_plays_again(qtbot, open_window):
    window, player = playing(qtbot, open_window)
    player.ended = True
    window.reactions.refresh()
    assert window.transport.play.accessibleName() == "Play again"
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert ("pause", False) in player.asked


def test_loop_speed_and_a_typed_time_reach_the_player(qtbot, open_window):
    window, player = playing(qtbot, open_window)
    qtbot.keyClick(window, Qt.Key.Key_O)
    qtbot.keyClick(window, Qt.Key.Key_BracketLeft)
    qtbot.keyClick(window, Qt.Key.Key_BracketRight)
    qtbot.keyClick(window, Qt.Key.Key_BracketRight)
    window.transport.clock.setText("0:12.5")
    qtbot.keyClick(window.transport.clock, Qt.Key.Key_Return)
    assert ("loop", True) in player.asked
    assert [s for n, s in (a for a in player.asked if a[0] == "set_speed")] == [0.75, 1.0, 1.5]
    assert ("seek", 12.5) in player.asked


def test_the_frame_number_and_the_time_are_shown(qtbot, open_window):
    window, _ = playing(qtbot, open_window)
    assert window.transport._frame.text().startswith("#")
    assert window.transport._total.text() == "/ 0:30.00"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("65.2", 65.2),
        ("65,2", 65.2),
        ("1:05.2", 65.2),
        ("1:01:05", 3665.0),
        ("soon", None),
        ("", None),
    ],
)
def test_a_typed_time_is_understood(text, seconds):
    assert seconds_in(text) == seconds


def test_times_are_written_with_hours_only_where_needed():
    assert [clock_text(s) for s in (0, 65.2, 3665.25, 59.999)] == [
        "0:00.00", "1:05.20", "1:01:05.25", "1:00.00",
    ]  # fmt: skip


def test_a_double_click_fills_the_screen_and_the_mouse_leads_out(qtbot, open_window):
    window, _ = playing(qtbot, open_window)
    qtbot.mouseClick(window.canvas, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    qtbot.mouseDClick(window.canvas, Qt.MouseButton.LeftButton, pos=QPoint(200, 200))
    assert window.isFullScreen()
    assert not window.top.isVisible()
    window.full_screen._hide()
    window.reactions.refresh()
    assert not window.transport.isVisible()
    assert window.canvas.cursor().shape() == Qt.CursorShape.BlankCursor
    qtbot.mouseMove(window.canvas, QPoint(220, 220))
    qtbot.waitUntil(window.full_screen.leave.isVisible)
    qtbot.mouseClick(window.full_screen.leave, Qt.MouseButton.LeftButton)
    assert not window.isFullScreen()
    assert window.top.isVisible()


def test_escape_leads_out_of_full_screen(qtbot, open_window):
    window, _ = playing(qtbot, open_window)
    qtbot.keyClick(window, Qt.Key.Key_F)
    assert window.isFullScreen()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.isFullScreen()


def test_in_full_screen_only_errors_cover_the_picture(qtbot, open_window):
    window, _ = playing(qtbot, open_window)
    notices = window.notices
    window.say(Told("a is back after 2.0 s."))
    window.set_full_screen(True)
    window.full_screen._hide()
    assert not notices.isVisible(), "what was there goes with the bar"
    window.say(Told("Little disk space: 40 MB are left.", "warning"))
    window.say(Told("b is back after 2.0 s."))
    assert not notices.isVisible()
    qtbot.mouseMove(window.canvas, QPoint(220, 220))
    qtbot.waitUntil(notices.isVisible)
    assert "Little disk space" in notices.text.text(), "a warning waits for the bar"
    window.full_screen._hide()
    window.say(Told("clip.mp4 is not recorded any more: the disk is full", "error"))
    assert notices.isVisible()
    window.say(Told("Little disk space: 1 MB is left.", "warning"))
    window.full_screen._hide()
    assert "not recorded any more" in notices.text.text()


def test_a_sentence_makes_room_for_the_bar_that_comes_after_it(qtbot, open_window):
    window, _ = playing(qtbot, open_window)
    window.transport.hide()
    window.say(Told("rtsp://door/x: nothing listens there", "error"))
    window.transport.show()
    notices = window.notices
    qtbot.waitUntil(lambda: notices.geometry().bottom() < window.transport.y())


def test_in_full_screen_a_key_is_answered_and_the_answer_goes(qtbot, open_window, preferences):
    window, _ = playing(qtbot, open_window)
    notices = window.notices
    window.set_full_screen(True)
    window.full_screen._hide()
    qtbot.keyClick(window, Qt.Key.Key_S)
    assert notices.isVisible()
    assert notices.text.text().startswith("Saved screenshot")
    assert not window.transport.isVisible(), "the bar is not asked for"
    window.full_screen._hide()
    assert notices.isVisible(), "it has a time of its own"
    notices._hide_later.timeout.emit()
    assert not notices.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_R)
    assert notices.text.text() == "The recording has begun."
    file = RecordedFile(preferences.folder / "clip.ndjson", "clip.mp4", 10, 0, 1.0)
    window.runner.bridge.session.tell(Recorded(preferences.folder, False, (file,)))
    qtbot.waitUntil(lambda: "Saved clip.ndjson" in notices.text.text())


def test_in_a_narrow_window_the_position_keeps_its_room(qtbot, open_window):
    window, _ = playing(qtbot, open_window)
    window.resize(window.minimumSizeHint().width(), 500)
    window.transport.set_duration(139.4)
    window.transport.show_time(61.0, 1525)
    qtbot.waitUntil(lambda: window.transport.position.width() >= 80)
    assert not window.transport._frame.isVisible()
    window.resize(1360, 500)
    qtbot.waitUntil(window.transport._frame.isVisible)


def test_a_picture_that_stands_still_follows_what_is_changed(qtbot, open_window, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", frames=90)
    window = open_window(str(clip), start=Bench(delay=0.01).start)
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    window.transport.set_paused(True, tell=True)
    qtbot.wait(300)
    (tile,) = window.canvas.tiles
    before = tile.shown
    window.controls.heatmap.setCurrentIndex(4)
    qtbot.waitUntil(lambda: tile.shown.traces.heat is not None, timeout=8000)
    assert tile.shown.traces.heat.joint == window.controls.skeleton.names[3]
    assert tile.shown.frame.index == before.frame.index
    again = tile.shown.result
    row = next(r for r in window.controls._sliders if r.knob.field == "min_joints")
    row.number.setValue(5)
    qtbot.waitUntil(lambda: tile.shown.result is not again, timeout=8000)
    assert tile.shown.frame.index == before.frame.index
    found = tile.shown.result
    window.controls.toggle("boxes")
    qtbot.wait(300)
    assert tile.shown.result is found, "how people are drawn needs no analysis"
