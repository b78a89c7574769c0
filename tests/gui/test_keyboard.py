"""Everything without a mouse: Tab, a ring around what it reached, keys, and a harmless Escape."""

from itertools import pairwise

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QRect, Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QApplication, QMenu, QWidget

from app.gui.roster import Seen
from app.gui.style import THEMES
from tests.support.clips import write_clip
from tests.support.live_fakes import Bench


def watching(qtbot, open_window, tmp_path):
    """A window that plays a file, large enough for all of it, with every fold open."""
    clip = write_clip(tmp_path / "clip.mp4", frames=90)
    window = open_window(str(clip), start=Bench(delay=0.01, people=2).start)
    window.resize(1360, 900)
    window.activateWindow()
    for section in window.controls.sections:
        section.set_open(True)
    qtbot.waitUntil(lambda: window.transport.position.isEnabled(), timeout=8000)
    qtbot.waitUntil(lambda: len(window.roster.people) == 2, timeout=8000)
    window.transport.set_paused(True, tell=True)
    return window


def tabbed(qtbot, window):
    """What Tab reaches one after the other, from the picture on."""
    window.canvas.setFocus()
    reached = []
    while (control := QApplication.focusWidget()) not in reached:
        reached.append(control)
        qtbot.keyClick(control, Qt.Key.Key_Tab)
    return reached


def wants_keys(window):
    """Controls that are there, enabled and made for the keyboard."""
    return {
        w
        for w in window.findChildren(QWidget)
        if w.focusPolicy() & Qt.FocusPolicy.TabFocus
        and w.isVisible()
        and w.isEnabled()
        and w.focusProxy() is None
    }


def test_tab_reaches_every_control_in_the_order_of_the_window(qtbot, open_window, tmp_path):
    window = watching(qtbot, open_window, tmp_path)
    reached = tabbed(qtbot, window)
    assert set(reached) == wants_keys(window)
    parts = [window.canvas, window.transport, window.controls, window.top]
    of_part = [next(p for p in parts if p is c or p.isAncestorOf(c)) for c in reached]
    assert [p for p, after in pairwise([*of_part, None]) if p is not after] == parts
    for part in (window.transport, window.top):
        row = [c.mapTo(window, QPoint(0, 0)).x() for c in reached if part.isAncestorOf(c)]
        assert row == sorted(row), "from left to right"


def luminances(window, place):
    image = window.grab(place).toImage().convertToFormat(QImage.Format.Format_RGB32)
    data = image.constBits().asarray(image.sizeInBytes())
    pixels = np.frombuffer(data, np.uint8).reshape(image.height(), image.width(), 4) / 255
    linear = np.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)
    return linear[..., :3] @ (0.0722, 0.7152, 0.2126)  # blue, green, red


@pytest.mark.parametrize("theme", THEMES)
def test_a_ring_is_around_the_control_that_tab_reached(qtbot, open_window, tmp_path, theme):
    window = watching(qtbot, open_window, tmp_path)
    window.set_theme(theme)
    window.runner.stop()
    reached = tabbed(qtbot, window)
    for before, control in pairwise([*reached, reached[0]]):
        window.controls.ensureWidgetVisible(control)
        at = control.mapTo(window, QPoint(0, 0))
        place = QRect(at, control.size()).adjusted(-2, -2, 2, 2)
        before.setFocus(Qt.FocusReason.TabFocusReason)
        window.ring.leave()
        without = luminances(window, place)
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        changed = (np.maximum(without, luminances(window, place)) + 0.05) / (
            np.minimum(without, luminances(window, place)) + 0.05
        )
        around = 2 * (place.width() + place.height())
        assert (changed >= 3).sum() >= 0.8 * around, control.accessibleName()


def test_the_mouse_leaves_no_ring(qtbot, open_window, tmp_path):
    window = watching(qtbot, open_window, tmp_path)
    assert window.ring.control is None, "the focus that the program gave shows none"
    limbs = window.controls._parts["limbs"]
    qtbot.keyClick(window.canvas, Qt.Key.Key_Tab)
    assert window.ring.control is QApplication.focusWidget()
    qtbot.mouseClick(limbs, Qt.MouseButton.LeftButton, pos=QPoint(8, limbs.height() // 2))
    assert limbs.hasFocus()


def test_the_keyboard_stays_beside_a_source_that_it_removed(qtbot, open_window):
    window = open_window("a", "b")
    window.activateWindow()
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    chip = window.top.chips.chips[1]
    window.top.chips.chips[0].closer.setFocus()
    qtbot.keyClick(window.top.chips.chips[0].closer, Qt.Key.Key_Tab)
    assert window.ring.control is chip.closer
    qtbot.keyClick(chip.closer, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: len(window.top.chips.chips) == 1)
    (left,) = window.top.chips.chips
    assert left.closer.hasFocus(), "the keyboard stays there"
    assert window.ring.control is left.closer
    window.resize(window.width() - 40, window.height())
    window.set_theme("light")


def who_in(row):
    return row.data(0, Qt.ItemDataRole.UserRole)


def in_the_list(qtbot, open_window):
    """A window that stands still, with the keyboard on the second row of its list of people."""
    window = open_window("a")
    window.activateWindow()
    qtbot.waitUntil(lambda: len(window.roster.people) >= 3, timeout=8000)
    window.runner.stop()
    panel = window.controls.people
    panel.refresh()
    panel.list.setFocus()
    panel.list.setCurrentItem(panel.list.topLevelItem(1))
    return window, panel.list, who_in(panel.list.topLevelItem(1))


def test_enter_follows_the_person_of_the_row(qtbot, open_window):
    window, rows, who = in_the_list(qtbot, open_window)
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    assert window.roster.followed == who
    qtbot.keyClick(rows, Qt.Key.Key_Return)
    assert window.roster.followed is None


def test_the_row_stays_when_people_come_and_go(qtbot, open_window):
    window, rows, who = in_the_list(qtbot, open_window)
    first = who_in(rows.topLevelItem(0))
    del window.roster.people[first]
    window.controls.people.refresh()
    assert who_in(rows.topLevelItem(0)) == who, "the rows were made anew"
    assert who_in(rows.currentItem()) == who


def test_the_list_stays_where_it_was_scrolled(qtbot, open_window):
    window, rows, _ = in_the_list(qtbot, open_window)
    for number in range(20, 60):
        window.roster.people["a", number] = Seen(here=True)
    window.controls.people.refresh()
    rows.verticalScrollBar().setValue(15)
    before = who_in(rows.itemAt(QPoint(5, 5)))
    window.roster.people["a", 60] = Seen(here=True)
    window.controls.people.refresh()
    qtbot.wait(50)
    assert who_in(rows.itemAt(QPoint(5, 5))) == before


def test_the_menu_of_a_row_or_a_chip_opens_without_a_mouse(qtbot, open_window):
    window, rows, _ = in_the_list(qtbot, open_window)
    for control, entry in ((rows, "Follow"), (window.top.chips.chips[0].closer, "Edit source…")):
        control.setFocus()
        qtbot.keyClick(control, Qt.Key.Key_F10, Qt.KeyboardModifier.ShiftModifier)
        qtbot.waitUntil(lambda: QApplication.activePopupWidget() is not None)
        menu = QApplication.activePopupWidget()
        assert isinstance(menu, QMenu)
        assert entry in [action.text() for action in menu.actions()]
        menu.close()


def test_space_and_letters_act_while_the_list_of_people_has_the_focus(qtbot, open_window, tmp_path):
    window = watching(qtbot, open_window, tmp_path)
    assert window.runner.player.paused
    window.controls.people.list.setFocus()
    qtbot.keyClick(window.controls.people.list, Qt.Key.Key_Space)
    assert not window.runner.player.paused
    before = window.preferences.theme
    qtbot.keyClick(window.controls.people.list, Qt.Key.Key_T)
    assert window.preferences.theme != before


def test_escape_gives_up_a_time_that_is_being_typed(qtbot, open_window, tmp_path):
    window = watching(qtbot, open_window, tmp_path)
    clock = window.transport.clock
    qtbot.keyClick(window.canvas, Qt.Key.Key_G)
    qtbot.keyClicks(clock, "1:23")
    qtbot.keyClick(clock, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: clock.text().startswith("0:0"))
    assert not clock.hasFocus()


def test_escape_ends_no_recording_and_forgets_no_name(qtbot, open_window, tmp_path):
    window = watching(qtbot, open_window, tmp_path)
    window.preferences.folder = tmp_path / "kept"
    who = next(iter(window.roster.people))
    window.roster.rename(who, "Anna")
    window.roster.notes[who] = ["limps"]
    window.actions_by_key.record()
    qtbot.waitUntil(lambda: window.reactions.recording, timeout=8000)
    for _ in range(6):
        qtbot.keyClick(window.canvas, Qt.Key.Key_Escape)
    qtbot.wait(700)
    assert window.reactions.recording
    assert (window.roster.names, window.roster.notes) == ({who: "Anna"}, {who: ["limps"]})
    assert window.runner.state == "running"
    window.actions_by_key.record()
    qtbot.waitUntil(lambda: not window.reactions.recording, timeout=8000)
