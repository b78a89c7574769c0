"""The window does what a person asks of it, with clicks and keys."""

from dataclasses import replace

import numpy as np
import pytest
from PyQt6.QtCore import QPoint, QPointF, Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QListWidget, QSlider

from app.gui import style
from app.gui.shortcuts import ACTIONS
from app.live.offered import Camera, Offer
from app.live.picture import scene_in
from app.live.protocol import Recorded, RecordedFile, SourceState, Told
from app.live.viewport import Viewport
from app.overlay.heat import Heat
from app.overlay.traces import Traces
from engine.errors import SourceError
from engine.geometry import fit
from engine.settings import Settings
from tests.support.fresh_python import loaded_after
from tests.support.synthetic import Figures


def painting(qtbot, window, count=3):
    qtbot.waitUntil(lambda: window.ages.count >= count, timeout=8000)


def idle(qtbot, window):
    qtbot.waitUntil(lambda: window.runner.state == "idle", timeout=8000)


def test_the_window_needs_neither_torch_nor_opencv_nor_pyav():
    heavy = ("torch", "cv2", "av", "scipy", "cupy")
    assert loaded_after("import app.gui.window, app.gui.main", *heavy) == []


def test_start_and_stop_with_the_button(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    assert window.top.start.text().strip() == "Stop"
    qtbot.mouseClick(window.top.start, Qt.MouseButton.LeftButton)
    idle(qtbot, window)
    assert window.top.start.text().strip() == "Start"
    before = window.ages.count
    qtbot.mouseClick(window.top.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.runner.state == "running")
    painting(qtbot, window, before + 1)


def test_people_are_painted_on_the_picture(qtbot, open_window):
    window = open_window("a", people=2)
    painting(qtbot, window)
    with_people = pixels(window)
    window.controls.toggle("limbs")
    window.controls.toggle("joints")
    window.controls.toggle("ids")
    assert colourful(with_people) > 50 * (colourful(pixels(window)) + 1)


class Halves(Figures):
    """A red picture whose last tenth is blue."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.background[...] = 255, 0, 0
        self.background[:, -self.size[0] // 10 :] = 0, 0, 255


def pixels(window):
    grabbed = window.canvas.grab().toImage()
    image = grabbed.convertToFormat(grabbed.Format.Format_RGB32)
    data = image.constBits().asarray(image.sizeInBytes())
    return np.frombuffer(data, np.uint8).reshape(image.height(), image.width(), 4).copy()


def colourful(image):
    part = image[..., :3].astype(int)
    return int((part.max(-1) - part.min(-1) > 110).sum())


def test_an_error_stays_on_screen_as_a_sentence(qtbot, open_window):
    window = open_window("a", "b", fail_after=2)
    qtbot.waitUntil(lambda: window.notices.isVisible(), timeout=8000)
    assert window.notices.text.text() == "Cannot go on: the camera was unplugged"
    idle(qtbot, window)
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not window.notices.isVisible()
    assert [said.text for _, said in window.notices.log] == [
        "Cannot go on: the camera was unplugged"
    ]


def test_after_a_failure_nothing_promises_a_picture(qtbot, open_window):
    class Fails(Figures):
        def results(self):
            self.tell(SourceState("a", "opening", "Opening a…"))
            raise SourceError("nothing listens there")
            yield

    window = open_window("a", start=Fails)
    qtbot.waitUntil(lambda: bool(window.notices.log), timeout=8000)
    idle(qtbot, window)
    (tile,) = window.canvas.tiles
    assert (tile.state.status, tile.state.text) == ("failed", "nothing listens there")
    assert not window.transport.isVisible()


def test_options_of_the_command_line_are_not_remembered(qtbot, open_window, preferences):
    window = open_window("a")
    window.close()
    idle(qtbot, window)
    assert preferences.settings(None) is None


def test_a_slider_acts_at_once_and_is_remembered(qtbot, open_window, preferences):
    window = open_window("a")
    painting(qtbot, window)
    session = window.runner.bridge.session
    row = next(r for r in window.controls._sliders if r.knob.field == "peak_threshold")
    row.slider.setValue(row.slider.maximum())
    assert session.settings.grouping.peak_threshold == pytest.approx(0.9)
    window.close()
    idle(qtbot, window)
    assert preferences.settings(Settings()).grouping.peak_threshold == pytest.approx(0.9)


def test_another_device_is_loaded_beside_the_running_one(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    session = window.runner.bridge.session
    window.controls.model.device.setCurrentIndex(1)
    window.controls.model.device.activated.emit(1)
    assert session.settings.engine.device == "cpu"
    assert window.runner.bridge.session is session
    assert not session.stopped.is_set()


def test_closing_does_not_wait_for_the_engine_whose_thread_ends_by_itself(qtbot, open_window):
    window = open_window("a", delay=0.2)
    painting(qtbot, window, 1)
    window.close()
    assert not window.isVisible()
    assert window.runner.state == "idle"
    assert window.runner.bridge.wait(5)


def test_without_a_camera_the_demo_is_offered_and_starts(qtbot, open_window, tmp_path):
    window = open_window(offer=Offer(demo=tmp_path / "people.mp4"))
    qtbot.waitUntil(lambda: "demo" in window.page._hint.text())
    qtbot.mouseClick(window.page.demo, Qt.MouseButton.LeftButton)
    painting(qtbot, window)
    assert window.runner.plan.sources == (str(tmp_path / "people.mp4"),)


def test_cameras_found_are_listed_with_their_modes_and_start_with_a_click(qtbot, open_window):
    offer = Offer(cameras=lambda: [Camera("2", "Brio", ("1280x720 at 30 fps, MJPG",))])
    window = open_window(offer=offer)
    found = window.page.cameras
    qtbot.waitUntil(lambda: found.count() == 1)
    assert "Brio" in found.item(0).text()
    assert "1280x720 at 30 fps, MJPG" in found.item(0).text()
    where = found.visualItemRect(found.item(0)).center()
    qtbot.mouseClick(found.viewport(), Qt.MouseButton.LeftButton, pos=where)
    painting(qtbot, window)
    assert window.runner.plan.sources == ("2",)


def test_an_address_typed_starts_a_stream(qtbot, open_window):
    window = open_window()
    qtbot.keyClicks(window.page.address, "rtsp://door/stream")
    qtbot.keyClick(window.page.address, Qt.Key.Key_Return)
    painting(qtbot, window)
    assert window.runner.plan.sources == ("rtsp://door/stream",)


def test_a_second_source_becomes_a_second_tile(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    window.runner.choose("b")
    qtbot.waitUntil(lambda: len(window.canvas.results) == 2, timeout=8000)
    assert {result.frame.source for result in window.canvas.results} == {"a", "b"}
    window.runner.remove("a")
    qtbot.waitUntil(lambda: [r.frame.source for r in window.canvas.results] == ["b"], timeout=8000)


def test_a_lost_source_is_marked_on_its_tile_and_said(qtbot, open_window):
    window = open_window("a", "b", lost=("b",))
    painting(qtbot, window)
    qtbot.waitUntil(lambda: window.canvas.has_failed("b"))
    qtbot.waitUntil(lambda: bool(window.notices.log))
    ((_, said),) = window.notices.log
    assert ("Trying again" in said.text, said.level) == (True, "warning")
    assert not window.notices.isVisible(), "the tile says it"


def test_keys_pause_step_and_seek_a_file(qtbot, open_window):
    class Player:
        paused = ended = False
        duration = 30.0

        def __init__(self):
            self.asked = []

        def pause(self, on):
            self.asked.append(("pause", on))

        def step(self, frames):
            self.asked.append(("step", frames))

        def seek(self, to):
            self.asked.append(("seek", round(to)))

    class File(Figures):
        player = Player()

    window = open_window("clip.mp4", start=File)
    painting(qtbot, window)
    assert window.transport.isVisible()
    window.canvas.setFocus()
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Period, Qt.Key.Key_Comma, Qt.Key.Key_Right):
        qtbot.keyClick(window, key)
    asked = File.player.asked
    assert asked[:3] == [("pause", True), ("step", 1), ("step", -1)]
    assert asked[3][0] == "seek"
    assert asked[3][1] >= 5


def test_zoom_keeps_the_spot_under_the_pointer(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    canvas = window.canvas
    spot = canvas.rect().center() + QPoint(80, 40)
    before = canvas._share(spot.toPointF())
    canvas.zoom_by(2.0, spot.toPointF())
    after = canvas._share(spot.toPointF())
    assert (after.x(), after.y()) == pytest.approx((before.x(), before.y()), abs=1e-6)
    qtbot.keyClick(window, Qt.Key.Key_0)
    assert canvas.zoom == 1.0


def test_a_screenshot_is_saved_in_the_frames_own_size(qtbot, open_window, preferences):
    window = open_window("a", size=(640, 360))
    painting(qtbot, window)
    qtbot.keyClick(window, Qt.Key.Key_S)
    (file,) = preferences.folder.glob("screenshot*.png")
    image = QImage(str(file))
    assert (image.width(), image.height()) == (640, 360)


def test_recording_asks_the_session_and_says_where_the_files_are(qtbot, open_window, preferences):
    window = open_window("a")
    painting(qtbot, window)
    session = window.runner.bridge.session
    qtbot.keyClick(window, Qt.Key.Key_R)
    assert session.recorded.overlay
    assert session.recorded.tracks
    qtbot.waitUntil(lambda: window.reactions.recording)
    qtbot.keyClick(window, Qt.Key.Key_R)
    assert session.recorded is None
    file = RecordedFile(preferences.folder / "a.ndjson", "a", 10, 0, 1.0)
    session.tell(Recorded(preferences.folder, False, (file,)))
    qtbot.waitUntil(lambda: "Saved a.ndjson" in window.notices.text.text())


def test_the_theme_and_the_panel_are_remembered(qtbot, open_window, preferences):
    window = open_window("a")
    painting(qtbot, window)
    qtbot.keyClick(window, Qt.Key.Key_T)
    qtbot.keyClick(window, Qt.Key.Key_C)
    assert preferences.theme == "light"
    assert not window.controls.isVisible()
    again = open_window("a")
    assert again.theme["background"] == "#eef1f5"
    assert not again.controls.isVisible()


def test_every_shortcut_does_something_and_none_is_used_twice():
    keys = [key for action in ACTIONS for key in action.keys]
    assert len(keys) == len(set(keys))


def test_the_sheet_shows_every_shortcut(qtbot, open_window):
    from PyQt6.QtWidgets import QLabel

    from app.gui.shortcuts import ShortcutSheet

    window = open_window("a")
    window.actions_by_key.show_shortcuts()
    sheet = window.findChild(ShortcutSheet)
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    assert {action.text for action in ACTIONS} <= texts
    sheet.close()


def test_every_control_has_a_name_for_screen_readers(qtbot, open_window):
    window = open_window("a")
    for kind in (QAbstractButton, QComboBox, QSlider, QLineEdit, QListWidget):
        for control in window.findChildren(kind):
            if control.objectName().startswith("qt_"):
                continue  # a part of one of Qt's own controls
            text = control.text() if hasattr(control, "text") else ""
            assert control.accessibleName() or text, f"{control} {control.objectName()} is nameless"


def test_a_screen_reader_gets_what_stands_there(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    window.reactions.refresh()
    window.controls.people.refresh()
    window.say(Told("a is back after 2.0 s."))
    named = [label for label in window.findChildren(QLabel) if label.accessibleName()]
    assert not named, "a name would be read in place of the text"
    for row in window.controls._sliders:
        assert row.number.text() in row.slider.accessibleName()
    heads = [section._head.accessibleName() for section in window.controls.sections]
    assert heads[0] == "People   3 in view: show or hide"
    assert "fps: show or hide" in heads[-1]


def test_the_window_is_called_as_its_sources_and_has_an_icon(qtbot, open_window):
    window = open_window("/clips/a.mp4", "rtsp://anna:secret@door/x")
    assert window.windowTitle() == "a.mp4, rtsp://door/x – posestream"
    window.rename_source("/clips/a.mp4", "Hall")
    assert window.windowTitle().startswith("Hall, ")
    assert not window.windowIcon().isNull()
    window.runner.remove("/clips/a.mp4")
    window.runner.remove("rtsp://***@door/x")
    assert window.windowTitle() == "posestream"


def test_the_first_focus_is_on_what_is_wanted_most_likely(open_window, preferences, tmp_path):
    offer = Offer(demo=tmp_path / "people.mp4")
    window = open_window()
    assert window.focusWidget() is window.page.address
    window = open_window(offer=offer)
    assert window.focusWidget() is window.page.demo
    preferences.keep_recent("clip.mp4")
    window = open_window(offer=offer)
    assert window.focusWidget() is window.page.recent


def test_sources_come_before_what_follows_them_in_the_tab_order(qtbot, open_window):
    window = open_window("a", "b")
    window.rename_source("a", "Hall")  # chips are made anew
    order = []
    widget = window.nextInFocusChain()
    while widget is not window:
        order.append(widget)
        widget = widget.nextInFocusChain()
    closers = [chip.closer for chip in window.top.chips.chips]
    places = [order.index(part) for part in (*closers, window.top.buttons["add"])]
    assert places == sorted(places)


def test_the_age_is_of_capture_to_paint(qtbot, open_window):
    window = open_window("a", delay=0.05)
    painting(qtbot, window, 5)
    spread = window.ages.spread()
    assert spread.p50 >= 0.05
    window.reactions.refresh()
    assert "ms old" in window.top._age.text() or "s old" in window.top._age.text()


def test_in_a_preview_the_age_of_the_people_is_told_apart(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window, 5)
    window.runner.stop()
    shown = window.canvas.tiles[0].shown
    assert "behind" not in window.reactions._age()
    now = shown.frame.arrived + 0.31
    window.ages.add("a", now, 0.02, shown.result)
    assert window.reactions._age().endswith("fps · people 310 ms behind")


def test_a_source_that_comes_back_is_said(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    session = window.runner.bridge.session
    session.tell(SourceState("a", "live", "a is back after 2.0 s."))
    qtbot.waitUntil(lambda: window.notices.text.text() == "a is back after 2.0 s.")


def test_the_heatmap_of_a_joint_is_asked_for(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    session = window.runner.bridge.session
    qtbot.keyClick(window, Qt.Key.Key_H)
    assert session.watched == 0
    window.controls.heatmap.setCurrentIndex(0)
    assert session.watched is None


def test_pictures_are_asked_for_as_they_are_seen(qtbot, open_window):
    window = open_window("a", size=(3840, 2160))
    painting(qtbot, window)
    canvas, bridge = window.canvas, window.runner.bridge
    plain = bridge.viewports["a"]
    assert plain == Viewport((canvas.width(), canvas.height()))
    canvas.zoom_by(2.0)
    assert bridge.viewports["a"] == replace(plain, zoom=2.0)
    window.controls.toggle("mirrored")
    (tile,) = canvas.tiles
    qtbot.waitUntil(lambda: tile.shown.viewport.zoom == 2.0 and tile.shown.look is canvas.look)
    canvas.zoom_to_fit()
    assert bridge.viewports["a"] == plain


def test_a_view_that_changes_while_nothing_comes_is_painted_at_once(qtbot, open_window):
    window = open_window("a", start=lambda plan, tell: Halves(plan, tell, people=0))
    painting(qtbot, window)
    window.runner.toggle()
    qtbot.waitUntil(lambda: window.runner.state == "idle")
    window.canvas.set_state(SourceState("a", "live", ""))  # nothing lies over the picture
    plain = bluish(window)
    assert 0.02 < plain < 0.12
    window.canvas.zoom_by(4.0, QPointF(window.canvas.width() * 0.99, window.canvas.height() / 2))
    assert bluish(window) > 3 * plain
    window.controls.toggle("mirrored")
    assert bluish(window) == 0, "the other end of the picture is seen now"


def bluish(window):
    """The share of the canvas that is blue."""
    return float((pixels(window)[..., :3] == (255, 0, 0)).all(-1).mean())


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("sources", [("a",), ("a", "b")], ids=["one", "two"])
def test_beside_pictures_the_canvas_has_the_colours_of_the_theme(
    qtbot, open_window, sources, theme
):
    window = open_window(*sources, size=(90, 400), people=0)
    painting(qtbot, window, 4)
    window.set_theme(theme)
    colours = style.LIGHT if theme == "light" else style.DARK
    image = window.canvas.grab().toImage()
    several = len(sources) > 1
    for _, area in window.canvas._laid_out():
        left, right = round(area.x()) + 2, round(area.right()) - 3
        for x in (left, right):
            for y in (round(area.y()) + 2, round(area.center().y())):
                spot = image.pixelColor(x, y).name()
                assert spot == colours["tile" if several else "canvas"]
    assert image.pixelColor(1, 1).name() == colours["canvas"]


def test_a_heatmap_is_on_the_screenshot_under_the_name_of_its_joint(
    qtbot, open_window, preferences
):
    class Hot(Figures):
        def results(self):
            placed = fit(self.size, 256)
            level = np.full(placed.size[::-1], 255, np.uint8)
            self.traces["a"] = Traces(heat=Heat("left_wrist", placed, level))
            yield from super().results()

    window = open_window("a", start=lambda plan, tell: Hot(plan, tell, people=0))
    painting(qtbot, window)
    (tile,) = window.canvas.tiles
    shown = tile.shown
    (name,) = scene_in(shown.frame, shown.poses, shown.viewport, shown.look, shown.traces).marks
    assert name.text == "heatmap: left wrist"
    window.canvas.zoom_by(3.0)  # the screenshot is of the whole picture
    qtbot.keyClick(window, Qt.Key.Key_S)
    (file,) = preferences.folder.glob("screenshot*.png")
    image = QImage(str(file))
    assert (image.width(), image.height()) == (480, 270)
    spots = [image.pixelColor(x, y).lightness() for x, y in ((20, 135), (240, 200), (460, 135))]
    assert min(spots) > 180, "hot everywhere"


def test_the_negotiated_mode_of_a_camera_is_shown(qtbot, open_window):
    window = open_window("0")
    painting(qtbot, window)
    session = window.runner.bridge.session
    session.tell(SourceState("0", "live", "", mode="640x480, 30 fps, MJPG"))
    window.controls.sections[-1].set_open(True)
    modes = window.controls.performance._modes
    qtbot.waitUntil(lambda: "Camera 0: 640x480 · 30.0 fps arrive" in modes.text())


def test_reset_brings_back_the_defaults_but_keeps_the_model(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    row = next(r for r in window.controls._sliders if r.knob.field == "min_score")
    row.slider.setValue(row.slider.maximum())
    window.controls.toggle("boxes")
    window.controls._reset.click()
    fresh = Settings()
    assert window.controls.settings.grouping == fresh.grouping
    assert window.controls.settings.display == fresh.display
    assert not window.controls._parts["boxes"].isChecked()
    assert row.value == pytest.approx(fresh.grouping.min_score, abs=0.01)
