"""What a person does with the people in the picture."""

import re
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt6.QtGui import QContextMenuEvent, QDropEvent
from PyQt6.QtWidgets import QApplication, QInputDialog, QMenu

from app.gui.menus import note_person, open_menu, rename_person
from app.gui.people_panel import PeoplePanel
from app.gui.plates import qt_plate
from app.gui.roster import Roster
from app.gui.shown import Shown
from app.gui.tile import Tile
from app.live.offered import Offer
from app.live.picture import scene_in
from app.live.protocol import Recorded, SamePerson
from app.live.session import LiveSession
from app.live.viewport import Viewport
from app.overlay.drawing import draw_frame
from app.overlay.look import Look, Zone
from app.overlay.palette import colour_of
from app.overlay.traces import NO_TRACES, Traces
from engine.settings import DisplaySettings
from engine.types import Frame, Result, no_people, untracked
from tests.support.live_fakes import FakeEstimator
from tests.support.synthetic import people as synthetic


def painting(qtbot, window, count=3):
    qtbot.waitUntil(lambda: window.ages.count >= count, timeout=8000)


def middle_of(window, number):
    """Where a person's hips are on the canvas."""
    tile, area = window.canvas._laid_out()[0]
    row = int(np.flatnonzero(tile.poses.ids == number)[0])
    x, y = tile.poses.xy[row, 11].tolist()
    place = tile.view.place(tile.size, area)
    scale = place.width() / tile.size.width()
    return QPoint(round(place.x() + x * scale), round(place.y() + y * scale))


def test_a_click_follows_a_person_and_escape_ends_it(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    qtbot.mouseClick(window.canvas, Qt.MouseButton.LeftButton, pos=middle_of(window, 1))
    assert window.roster.followed == ("a", 1)
    assert window.canvas.look.followed == ("a", 1)
    assert window.runner.bridge.session.looks[-1].followed == ("a", 1)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert window.roster.followed is None
    qtbot.keyClick(window, Qt.Key.Key_N)
    assert window.roster.followed == ("a", 0)


def test_in_a_mirrored_picture_a_click_means_the_person_under_it(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    window.runner.stop()
    at = middle_of(window, 0)
    window.controls.toggle("mirrored")
    mirrored = QPoint(window.canvas.width() - at.x(), at.y())
    qtbot.mouseClick(window.canvas, Qt.MouseButton.LeftButton, pos=mirrored)
    assert window.roster.followed == ("a", 0)


def test_a_row_says_how_long_a_person_was_seen_in_the_colour_of_their_marks(qtbot):
    roster = Roster()
    panel = PeoplePanel(roster)
    qtbot.addWidget(panel)
    for at in (0.0, 0.5, 1.0, 2.0, 7.0):
        roster.see(seen("a", at, 1, 2) if at == 1.0 else seen("a", at, 2))
    panel.refresh()
    (row,) = (row for row in map(panel.list.topLevelItem, range(2)) if row.text(0) == "Person 2")
    assert row.text(1) == "3 s", "a gap counts for a second at most"
    drawn = row.icon(0).pixmap(14, 14).toImage().pixelColor(6, 6).getRgb()[:3]
    assert drawn == colour_of(2)


def test_the_panel_lists_everybody_and_a_click_follows(qtbot, open_window):
    window = open_window("a", people=3)
    painting(qtbot, window)
    panel = window.controls.people
    window.controls.people.refresh()
    assert panel.list.topLevelItemCount() == 3
    assert "3 in view" in panel._head.text()
    row = panel.list.topLevelItem(2)
    assert [row.text(0), row.text(2)] == ["Person 2", "0.62"]
    port = panel.list.viewport()
    qtbot.mouseClick(port, Qt.MouseButton.LeftButton, pos=panel.list.visualItemRect(row).center())
    assert window.roster.followed == ("a", 2)


def test_with_several_sources_people_stand_in_the_order_of_the_sources(qtbot, open_window):
    window = open_window("z", "a", people=2)
    qtbot.waitUntil(lambda: len(window.roster.people) == 4, timeout=8000)
    panel = window.controls.people
    panel.refresh()
    rows = [panel.list.topLevelItem(row).text(0) for row in range(4)]
    assert rows == ["0 · z", "1 · z", "0 · a", "1 · a"]


def test_sources_whose_names_begin_alike_are_told_apart_in_the_list(qtbot):
    roster = Roster()
    panel = PeoplePanel(roster)
    qtbot.addWidget(panel)
    titles = ["gait of 0417 left side.mp4", "gait of 0417 right side.mp4", "stage.mp4"]
    panel.set_titles({title: title for title in titles})
    for title in titles:
        roster.see(seen(title, 0.0, 4))
    panel.refresh()
    rows = [panel.list.topLevelItem(row) for row in range(3)]
    assert [row.text(0) for row in rows] == [
        "4 · …left side.mp4",
        "4 · …right side.mp4",
        "4 · stage.mp4",
    ]
    assert [row.toolTip(0) for row in rows] == [f"4 · {title}" for title in titles]


def seen(source, at, *numbers):
    frame = Frame(np.zeros((270, 480, 3), np.uint8), 0, at, 0.0, source)
    return Result(frame, replace(synthetic(len(numbers), (480, 270), at), ids=np.int32(numbers)))


def test_what_is_below_the_list_does_not_move_when_people_leave(qtbot):
    roster = Roster()
    panel = PeoplePanel(roster)
    qtbot.addWidget(panel)
    roster.see(seen("a", 0.0, *range(5)))
    panel.refresh()
    high = panel.list.height()
    del roster.people["a", 3]
    panel.refresh()
    assert (panel.list.topLevelItemCount(), panel.list.height()) == (4, high)
    roster.forget({})
    panel.refresh()
    assert panel.list.isHidden()
    roster.see(seen("a", 0.0, 1))
    panel.refresh()
    assert panel.list.height() < high


def test_people_in_view_stand_above_those_who_have_left(qtbot):
    roster = Roster()
    panel = PeoplePanel(roster)
    qtbot.addWidget(panel)
    panel.set_titles({"a": "a", "b": "b"})

    def rows():
        panel.refresh()
        return [panel.list.topLevelItem(i).text(0) for i in range(panel.list.topLevelItemCount())]

    roster.see(seen("a", 0.0, 1, 2))
    roster.see(seen("b", 0.0, 1))
    roster.see(seen("a", 0.5, 2))
    assert rows() == ["1 · a", "2 · a", "1 · b"], "a moment out of sight moves no row"
    roster.see(seen("a", 1.5, 2))
    assert rows() == ["2 · a", "1 · b", "1 · a"]
    roster.see(seen("a", 2.0, 1, 2))
    assert rows() == ["1 · a", "2 · a", "1 · b"]


def test_the_view_keeps_to_the_followed_person(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    window.controls.people.refresh()
    window.controls.people.keep.click()
    window.roster.follow(("a", 0))
    tile = window.canvas.tiles[0]
    qtbot.waitUntil(lambda: tile.view.zoom > 1.02, timeout=5000)
    qtbot.waitUntil(lambda: tile.view.middle.x() < 0.45, timeout=5000)
    window.controls.people.keep.click()
    assert window.canvas.zoom == 1.0


def scene(window):
    """What is drawn on the picture now."""
    window.canvas.grab()
    shown = window.canvas.tiles[0].shown
    return scene_in(shown.frame, shown.poses, shown.viewport, shown.look, shown.traces)


def test_a_hidden_person_is_not_drawn_and_can_be_shown_again(qtbot, open_window):
    window = open_window("a", people=1)
    painting(qtbot, window)
    window.roster.hide(("a", 0))
    assert not scene(window).marks
    assert window.canvas._person_at(middle_of(window, 0).toPointF()) is None
    window.roster.show_all()
    assert scene(window).marks


def answer(qtbot, window, text):
    dialog = window.findChildren(QInputDialog)[-1]
    dialog.setTextValue(text)
    dialog.accept()


def test_a_name_stands_on_the_plate_and_goes_to_the_engine(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    rename_person(window, ("a", 1))
    answer(qtbot, window, "Zoë")
    assert window.runner.bridge.session.looks[-1].names == {("a", 1): "Zoë"}
    texts = {getattr(mark, "text", "") for mark in scene(window).marks}
    assert "Zoë" in texts


def test_a_long_name_is_whole_in_the_tracks_and_short_on_the_plate():
    roster = Roster()
    roster.rename(("a", 1), "Maximilian von und zu Hohenstein-Waldburg")
    look = roster.look(Look())
    assert look.label("a", 1) == "Maximilian von und zu H…"
    assert look.names["a", 1] == "Maximilian von und zu Hohenstein-Waldburg"


def test_the_menu_of_a_person_offers_what_can_be_done(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    open_menu(window, ("a", 1), QPoint(10, 10))
    menu = window.findChildren(QMenu)[-1]
    texts = [action.text() for m in window.findChildren(QMenu) for action in m.actions()]
    assert {"Follow", "Rename…", "Hide", "Note…", "Remove source"} <= set(texts)
    for m in window.findChildren(QMenu):
        m.close()
    menu.close()


def test_a_note_about_a_person_goes_to_the_engine(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    note_person(window, ("a", 1))
    answer(qtbot, window, " left early ")
    assert window.runner.bridge.session.notes == [("a", 1, "left early")]
    panel = window.controls.people
    panel.refresh()
    assert panel.list.topLevelItem(1).toolTip(0) == "Person 1\nleft early"


def offered(window):
    """What the menu that is open offers; it is closed."""
    menu = QApplication.activePopupWidget()
    texts = [action.text() for action in menu.actions()]
    menu.close()
    return texts


def right_click(widget, at):
    mouse = QContextMenuEvent.Reason.Mouse
    QApplication.sendEvent(widget, QContextMenuEvent(mouse, at, widget.mapToGlobal(at)))


def test_a_right_click_offers_the_same_in_the_picture_and_in_the_list(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    window.runner.stop()
    right_click(window.canvas, middle_of(window, 1))
    in_picture = offered(window)
    assert in_picture[:4] == ["Follow", "Rename…", "Hide", "Note…"]
    panel = window.controls.people
    panel.refresh()
    place = panel.list.visualItemRect(panel.list.topLevelItem(1)).center()
    right_click(panel.list.viewport(), place)
    assert offered(window) == in_picture
    right_click(window.canvas, QPoint(3, 3))
    assert "Follow" not in offered(window)
    right_click(window.top.chips.chips[0], QPoint(5, 5))
    assert "Rename source…" in offered(window)


def test_a_line_is_drawn_with_the_mouse(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    canvas = window.canvas
    window.controls.display.zone_asked.emit("line")
    assert canvas.is_drawing_zone
    _, area = canvas._laid_out()[0]
    start, end = area.center().toPoint(), area.center().toPoint() + QPoint(0, 120)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=start)
    qtbot.mouseMove(canvas, end)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=end)
    zone = window.roster.zones["a"]
    assert zone.kind == "line"
    assert zone.start == pytest.approx((0.5, 0.5), abs=0.01)
    assert zone.end[1] > 0.6
    assert not canvas.is_drawing_zone
    assert window.runner.bridge.session.looks[-1].zones == {"a": zone}
    assert window.roster.followed is None, "drawing is no click"


class Walks(FakeEstimator):
    """Finds a person who walks forth and back across the middle of the picture."""

    def _poses(self, frame):
        found = super()._poses(frame)
        away = np.float32([0.3 * frame.size[0] * np.sin(len(self.batches) / 12), 0])
        return untracked(found.xy + away, found.joint_score, found.score, found.state)


def drag(qtbot, window, start, end):
    """From and to a share of the first picture."""
    tile, area = window.canvas._laid_out()[0]
    place = tile.view.place(tile.size, area)
    a, b = (
        QPoint(round(place.x() + x * place.width()), round(place.y() + y * place.height()))
        for x, y in (start, end)
    )
    qtbot.mousePress(window.canvas, Qt.MouseButton.LeftButton, pos=a)
    qtbot.mouseMove(window.canvas, b)
    qtbot.mouseRelease(window.canvas, Qt.MouseButton.LeftButton, pos=b)


@pytest.mark.parametrize(("kind", "end"), [("line", (0.5, 0.95)), ("region", (0.95, 0.95))])
def test_people_are_counted_at_what_was_drawn_in_the_picture(qtbot, open_window, kind, end):
    @contextmanager
    def opened(settings):
        yield Walks(settings, delay=0.005)

    clip = "lavfi:testsrc2=size=192x96:rate=50:duration=60"
    window = open_window(clip, start=lambda p, tell: LiveSession(p, tell, open_estimator=opened))
    painting(qtbot, window)
    next(
        action for action in window.controls.display.zones.menu().actions() if kind in action.text()
    ).trigger()
    assert f"draw the {kind}" in window.notices.text.text()
    drag(qtbot, window, (0.5, 0.05), end)

    def words():
        return " ".join(getattr(mark, "text", "") for mark in scene(window).marks)

    counted = re.compile("in [1-9].* out [1-9]")
    qtbot.waitUntil(lambda: counted.search(words()), timeout=15_000)
    assert ("inside" in words()) == (kind == "region")


def test_while_heads_are_blurred_no_picture_is_kept_as_it_came(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    boxes = window.controls.recording.boxes
    boxes["raw"].setChecked(True)
    assert window.controls.recording.kept[0]
    window.controls.toggle("blur_heads")
    assert not window.controls.recording.kept[0]
    assert "would show them" in boxes["raw"].toolTip()
    window.controls.toggle("blur_heads")
    assert window.controls.recording.kept[0]


def test_heads_of_a_picture_that_stands_still_are_blurred_at_once(qtbot, open_window):
    window = open_window("a", people=2)
    painting(qtbot, window)
    window.runner.stop()
    before = window.canvas.screenshot()
    window.controls.toggle("blur_heads")
    assert len(scene(window).mosaics) == 2
    assert window.canvas.screenshot() != before, "what is saved has no heads either"


def test_nothing_ticked_disables_record_and_says_why(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    record = window.top.buttons["record"]
    assert record.isEnabled()
    for box in window.controls.recording.boxes.values():
        box.setChecked(False)
    assert not record.isEnabled()
    assert "Nothing is ticked" in record.toolTip()
    qtbot.keyClick(window, Qt.Key.Key_R)
    assert window.runner.bridge.session.recorded is None
    assert "Nothing to record" in window.notices.text.text()


def test_little_disk_space_is_said_before_and_during_a_recording(qtbot, open_window):
    window = open_window("a", offer=Offer(free_space=lambda folder: 300 << 20))
    painting(qtbot, window)
    section = window.controls.recording
    qtbot.waitUntil(lambda: section._space.text() == "315 MB free – that is little")
    qtbot.keyClick(window, Qt.Key.Key_R)
    assert "Only 300 MB are left" in window.notices.text.text()
    assert window.notices.property("level") == "warning"
    folder = window.preferences.folder
    window.runner.bridge.session.tell(Recorded(folder, True, free=200_000_000))
    qtbot.waitUntil(lambda: section._space.text() == "200 MB free – that is little")


LOOKS = {
    "plain": {},
    "boxes": {"boxes": True, "limbs": False},
    "side": {"colours": "side", "joints": False},
    "mirrored": {"mirrored": True, "angles": ("knee", "elbow", "trunk")},
    "black": {"skeleton_only": True, "count": True},
    "blurred": {"blur_heads": True, "thickness": 2.0},
}


@pytest.mark.parametrize("name", LOOKS)
def test_the_window_a_screenshot_and_the_video_show_the_same_picture(qapp, name):
    size = (480, 270)
    rng = np.random.default_rng(5)
    pixels = np.repeat(np.repeat(rng.integers(60, 160, (27, 48, 3)), 10, 0), 10, 1).astype(np.uint8)
    frame = Frame(pixels, 0, 0.0, 0.0, "a")
    result = Result(frame, synthetic(3, size, 0.3), 0, {})
    look = Look(
        display=DisplaySettings(**LOOKS[name]),
        zones={"a": Zone("line", (0.1, 0.2), (0.9, 0.8))},
        names={("a", 1): "Zoë"},
        followed=("a", 1),
    )
    traces = Traces(heads=((80.0, 60.0, 20.0),), came=2)
    video = draw_frame(frame, result.poses, look, traces, qt_plate)
    shown = Shown.of(frame, Viewport(size), look, result, traces)
    assert (shown.pixels[..., 2::-1] == video).all()
    empty = draw_frame(frame, no_people(17), replace(look, zones={}), NO_TRACES, qt_plate)
    assert (np.abs(video.astype(int) - empty).max(-1) > 20).sum() > 2000, "and that is something"
    screenshot = Tile("a", "a", shown=shown).screenshot(look)
    data = screenshot.constBits().asarray(screenshot.sizeInBytes())
    saved = np.frombuffer(data, np.uint8).reshape(size[1], size[0], 4)
    assert (saved[..., 2::-1] == video).all()


def drop(window, mime):
    at = QPointF(100, 100)
    keys, copied = Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    window.dropEvent(QDropEvent(at, copied, mime, Qt.MouseButton.LeftButton, keys))


def test_several_files_dropped_at_once_are_watched_side_by_side(qtbot, open_window):
    window = open_window()
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile("/clips/a.mp4"), QUrl.fromLocalFile("/clips/b.mp4")])
    drop(window, mime)
    painting(qtbot, window)
    assert window.runner.plan.sources == ("/clips/a.mp4", "/clips/b.mp4")


def test_a_dropped_address_is_watched(qtbot, open_window):
    window = open_window()
    mime = QMimeData()
    mime.setText("rtsp://door/stream")
    drop(window, mime)
    painting(qtbot, window)
    assert window.runner.plan.sources == ("rtsp://door/stream",)


def test_what_was_decided_about_a_number_holds_for_the_one_in_its_place(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    roster = window.roster
    roster.rename(("a", 7), "Zoë")
    roster.notes[("a", 7)] = ["left early"]
    roster.follow(("a", 7))
    roster.hide(("a", 8))
    session = window.runner.bridge.session
    session.tell(SamePerson("a", 7, 1))
    session.tell(SamePerson("a", 8, 2))
    qtbot.waitUntil(lambda: roster.followed == ("a", 1))
    assert roster.names == {("a", 1): "Zoë"}
    assert roster.notes == {("a", 1): ["left early"]}
    assert roster.hidden == {("a", 2)}
    assert session.looks[-1].names == {("a", 1): "Zoë"}


def test_a_new_start_gives_no_name_to_another_person(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    who = next(iter(window.roster.people))
    window.roster.rename(who, "Anna")
    window.roster.hide(who, True)
    window.runner.stop()
    assert window.roster.names == {who: "Anna"}, "the last picture stays as it was"
    window.runner.start()
    painting(qtbot, window)
    assert (window.roster.names, window.roster.hidden) == ({}, frozenset())
    assert window.runner.bridge.session.looks[-1].names == {}
