"""Nothing changes that nobody meant to change; what was set is kept, and Reset resets it."""

import threading

import pytest
from PyQt6.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt6.QtGui import QMouseEvent, QWheelEvent
from PyQt6.QtWidgets import QApplication, QMessageBox

from app.gui.chips import shares
from app.live.offered import Better, Model, Offer
from app.live.protocol import EngineFailed, Ready, Recorded, SourceState
from engine.errors import WeightsError
from engine.settings import Settings
from engine.skeleton import COCO
from tests.support.synthetic import Figures

HERE = Model("compact", "compact, 256 px", True, 0.3, "measured")
AWAY = Model("w32-512", "w32-512, 512 px", False, 0.67, "published")


def painting(qtbot, window, count=3):
    qtbot.waitUntil(lambda: window.ages.count >= count, timeout=8000)


def turn_wheel(widget):
    at = QPointF(widget.rect().center())
    event = QWheelEvent(
        at, widget.mapToGlobal(at), QPoint(), QPoint(0, -240), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def test_the_wheel_over_a_control_scrolls_the_sidebar(qtbot, open_window):
    window = open_window(offer=Offer([HERE, AWAY]))
    controls = window.controls
    for section in controls.sections:
        section.set_open(True)
    window.setFocus()
    row = controls._sliders[0]
    before = controls.settings, controls.model.weights.currentIndex()
    for widget in (row.slider, row.number, controls.model.weights, controls.heatmap):
        assert not turn_wheel(widget), "it is left to the sidebar"
    assert (controls.settings, controls.model.weights.currentIndex()) == before
    window.activateWindow()
    row.slider.setFocus()
    qtbot.waitUntil(row.slider.hasFocus)
    turn_wheel(row.slider)
    assert controls.settings != before[0], "with the focus it is meant"


def test_a_model_that_is_not_here_cannot_be_chosen_by_scrolling(qtbot, open_window):
    window = open_window("a", offer=Offer([AWAY], fetch=lambda name, progress: None))
    painting(qtbot, window)
    model = window.controls.model
    model.set_open(True)
    window.activateWindow()
    model.weights.setFocus()
    qtbot.waitUntil(model.weights.hasFocus)
    turn_wheel(model.weights)
    assert model.weights.currentData() == "auto"
    assert window.runner.bridge.session.settings.engine.weights == "auto"
    assert "not on this machine" in model.downloading.text.text()


def choose(section, name):
    section.weights.setCurrentIndex(section.weights.findData(name))
    section.weights.activated.emit(section.weights.currentIndex())


def test_a_model_that_is_not_here_is_offered_for_download_while_the_other_runs(qtbot, open_window):
    go, asked = threading.Event(), []

    def fetch(name, progress):
        asked.append(name)
        progress(1 << 20, 4 << 20)
        go.wait(5)
        progress(4 << 20, 4 << 20)

    window = open_window("a", offer=Offer([HERE, AWAY], fetch=fetch))
    painting(qtbot, window)
    model, session = window.controls.model, window.runner.bridge.session
    model.set_open(True)
    choose(model, "w32-512")
    assert model.weights.currentData() == "auto"
    assert "not on this machine" in model.downloading.text.text()
    qtbot.mouseClick(model.downloading.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(
        lambda: (
            model.downloading.progress.value() == 1024
            and model.downloading.progress.maximum() == 4096
        )
    )
    assert session.settings.engine.weights == "auto", "the other continues meanwhile"
    go.set()
    qtbot.waitUntil(lambda: session.settings.engine.weights == "w32-512")
    assert asked == ["w32-512"]
    assert model.weights.currentData() == "w32-512"


@pytest.mark.parametrize("end", ["cancelled", "failed"])
def test_a_download_that_is_cancelled_or_fails_changes_nothing(qtbot, open_window, end):
    began = threading.Event()

    def fetch(name, progress):
        began.set()
        if end == "failed":
            raise WeightsError("the server has another file: its sha256 begins 12 instead of 34")
        while True:
            progress(1, 2)
            threading.Event().wait(0.01)

    window = open_window("a", offer=Offer([HERE, AWAY], fetch=fetch))
    painting(qtbot, window)
    model = window.controls.model
    model.set_open(True)
    choose(model, "w32-512")
    qtbot.mouseClick(model.downloading.start, Qt.MouseButton.LeftButton)
    assert began.wait(5)
    if end == "cancelled":
        qtbot.mouseClick(model.downloading.cancel, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: not model.downloading.isVisible())
    else:
        qtbot.waitUntil(lambda: "sha256" in model.downloading.text.text())
    assert window.controls.settings.engine.weights == "auto"
    assert window.runner.bridge.session.settings.engine.weights == "auto"


BETTER = Better("w32-512", 0.671, 110, on_gpu=False)


def test_a_better_model_is_offered_with_its_size_and_fetched_only_when_asked(qtbot, open_window):
    asked, fetched, go = [], [], threading.Event()

    def better(device, weights):
        asked.append((device, weights))
        return BETTER if weights == "auto" else None

    def fetch(name, progress):
        fetched.append(name)
        progress(1, 2)
        go.wait(5)

    window = open_window("a", offer=Offer([HERE, AWAY], fetch=fetch, better=better))
    painting(qtbot, window)
    model, session = window.controls.model, window.runner.bridge.session
    model.set_open(True)
    qtbot.waitUntil(model.get.isVisible)
    assert model.get.text() == "Download w32-512 (110 MB)"
    assert "67.1 AP on COCO val2017, published" in model._advice.text()
    assert "slower on a CPU" in model._advice.text()
    assert "better available" in model._head.text()
    assert not fetched, "nothing is downloaded unasked"
    qtbot.mouseClick(model.get, Qt.MouseButton.LeftButton)
    assert not model.get.isVisible()
    assert model.downloading.cancel.isVisible()
    go.set()
    qtbot.waitUntil(lambda: session.settings.engine.weights == "w32-512")
    assert fetched == ["w32-512"]
    assert not model.get.isVisible()
    choose(model, "auto")
    assert not model.get.isVisible(), "it is here now"
    assert asked[0] == ("auto", "auto")


def test_a_better_model_is_offered_again_after_a_cancelled_download(qtbot, open_window):
    def fetch(name, progress):
        while True:
            progress(1, 2)
            threading.Event().wait(0.01)

    offer = Offer([HERE, AWAY], fetch=fetch, better=lambda device, weights: BETTER)
    model = open_window("a", offer=offer).controls.model
    model.set_open(True)
    qtbot.waitUntil(model.get.isVisible)
    qtbot.mouseClick(model.get, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(model.downloading.cancel, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(model.get.isVisible)
    assert not model.downloading.isVisible()


def test_a_model_that_fails_falls_back_and_is_not_remembered(qtbot, open_window, preferences):
    window = open_window("a", offer=Offer([HERE, Model("broken", "broken", True)]))
    painting(qtbot, window)
    session = window.runner.bridge.session
    choose(window.controls.model, "broken")
    assert session.settings.engine.weights == "broken"
    session.tell(EngineFailed("broken.pt is no checkpoint", Settings()))
    qtbot.waitUntil(lambda: window.controls.model.weights.currentData() == "auto")
    assert "broken.pt is no checkpoint" in window.notices.text.text()
    assert window.runner.state == "running"
    window.controls.toggle("boxes")
    window.close()
    assert preferences.settings(Settings()).engine.weights == "auto"
    assert preferences.settings(Settings()).display.boxes


def test_a_model_that_fails_at_the_start_gives_way_to_the_last_that_worked(qtbot, open_window):
    class Picky(Figures):
        def results(self):
            if self.plan.settings.engine.weights == "broken":
                raise WeightsError("broken.pt is no checkpoint")
            yield from super().results()

    window = open_window("a", offer=Offer([HERE, Model("broken", "broken", True)]), start=Picky)
    painting(qtbot, window)
    window.runner.stop()
    choose(window.controls.model, "broken")
    window.runner.start()
    painting(qtbot, window)
    assert window.runner.state == "running"
    assert window.runner.plan.settings.engine.weights == "auto"
    assert "broken.pt" in window.notices.text.text(), "no tile says it any more"


def test_a_measured_speed_belongs_to_the_run_that_measured_it(qtbot, open_window, preferences):
    window = open_window("a", offer=Offer([HERE, Model("w48", "w48", True)]), rate=100.0)
    painting(qtbot, window, 45)
    choose(window.controls.model, "w48")
    assert preferences.cost("w48", "auto", "auto") is None
    engine = window.runner.plan.settings.engine
    window.runner.bridge.session.tell(Ready("CPU", "fp32", "w48", COCO, 512, {}, engine))
    qtbot.waitUntil(lambda: preferences.cost("auto", "auto", "auto") is not None)
    window.runner.stop()
    assert preferences.cost("w48", "auto", "auto") is None, "not one frame was measured with it"


def test_a_source_joins_and_leaves_without_a_new_session(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    session = window.runner.bridge.session
    window.runner.choose("b")
    qtbot.waitUntil(lambda: len(window.canvas.results) == 2, timeout=8000)
    window.runner.remove("a")
    qtbot.waitUntil(lambda: [r.frame.source for r in window.canvas.results] == ["b"])
    assert window.runner.bridge.session is session
    assert (session.added, session.removed) == (["b"], ["a"])


def test_a_source_added_under_a_name_that_runs_has_a_tile_of_its_own(qtbot, open_window):
    window = open_window("rtsp://a:1@door/x")
    painting(qtbot, window)
    session = window.runner.bridge.session
    window.choose("rtsp://b:2@door/x")
    names = ["rtsp://***@door/x", "rtsp://***@door/x (2)"]
    assert session.names == names
    qtbot.waitUntil(lambda: len(window.canvas.results) == 2, timeout=8000)
    assert [r.frame.source for r in window.canvas.results] == names
    window.runner.remove(names[0])
    window.runner.retry(names[1])
    assert session.names == names[1:]
    assert window.runner.source_of(names[1]) == "rtsp://b:2@door/x"


def test_an_address_that_runs_is_not_opened_twice_and_one_that_failed_is_again(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    session = window.runner.bridge.session
    window.choose("a")
    assert window.notices.text.text() == "a is shown already."
    assert not session.added
    session.tell(SourceState("a", "failed", "nothing listens there"))
    qtbot.waitUntil(lambda: window.canvas.has_failed("a"))
    window.choose("a")
    assert session.added == ["a"]


def test_a_double_click_that_chose_a_source_does_not_fill_the_screen(
    qtbot, open_window, preferences
):
    preferences.keep_recent("a")
    window = open_window()
    recent = window.page.recent
    where = recent.visualItemRect(recent.item(0)).center()
    qtbot.mouseClick(recent.viewport(), Qt.MouseButton.LeftButton, pos=where)
    painting(qtbot, window)
    at = QPointF(window.canvas.rect().center())
    left = Qt.MouseButton.LeftButton
    second = QMouseEvent(
        QEvent.Type.MouseButtonDblClick, at, at, left, left, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(window.canvas, second)
    assert not window.isFullScreen()
    qtbot.mouseClick(window.canvas, left, pos=at.toPoint())
    qtbot.mouseDClick(window.canvas, left, pos=at.toPoint())
    assert window.isFullScreen()
    qtbot.mouseDClick(window.canvas, left, pos=at.toPoint())
    assert not window.isFullScreen()


def test_a_model_is_changed_during_a_recording_only_after_a_question(qtbot, open_window, tmp_path):
    window = open_window("a", offer=Offer([HERE, Model("w48", "w48", True)]))
    painting(qtbot, window)
    session = window.runner.bridge.session
    session.tell(Recorded(tmp_path, True))
    qtbot.waitUntil(lambda: window.reactions.recording)
    choose(window.controls.model, "w48")
    box = window.findChild(QMessageBox)
    assert session.settings.engine.weights == "auto"
    next(b for b in box.buttons() if b.text() == "Keep recording").click()
    assert window.controls.model.weights.currentData() == "auto"
    assert session.settings.engine.weights == "auto"


def test_letters_do_nothing_while_somebody_types(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    window.transport.show()
    controls = window.controls
    for control in (controls._sliders[0].number, controls.model.weights, window.transport.clock):
        control.setFocus()
        window.actions_by_key._leave_keys_to(None, control)
        off = {s.key().toString() for s in window.actions_by_key._shortcuts if not s.isEnabled()}
        assert {"R", "S", "T", "1", "Space"} <= off
        assert "F11" not in off


def test_letters_that_are_typed_into_an_address_are_an_address(qtbot, open_window, preferences):
    window = open_window("a")
    painting(qtbot, window)
    sending = window.controls.sending
    sending.set_open(True)
    sending.switch_on(["osc"])
    field = sending.ways["osc"]._target
    window.activateWindow()
    field.setFocus()
    qtbot.waitUntil(field.hasFocus)
    field.clear()
    qtbot.keyClicks(field, "osc://rst1 mfc:5")
    assert field.text() == "osc://rst1 mfc:5"
    assert window.runner.bridge.session.recorded is None
    assert window.controls.settings == Settings()
    assert (preferences.theme, window.isFullScreen()) == ("dark", False)
    assert not preferences.folder.exists(), "no screenshot"


def test_a_lost_stream_is_said_once_however_often_it_is_tried(qtbot, open_window):
    window = open_window("a", rate=5)
    painting(qtbot, window, 1)
    session = window.runner.bridge.session
    for attempt in (1, 2, 3):
        text = f"a: it broke off. Trying again ({attempt})."
        session.tell(SourceState("a", "reconnecting", text))
    qtbot.waitUntil(lambda: bool(window.notices.log))
    qtbot.wait(50)
    assert len(window.notices.log) == 1
    assert window.reactions._age() == "lost"
    session.tell(SourceState("a", "live", "a is back after 2.0 s."))
    qtbot.waitUntil(lambda: len(window.notices.log) == 2)


def test_six_long_names_fit_a_narrow_bar():
    six = shares([250] * 6, 640)
    assert len(six) == 6
    assert min(six) >= 100
    assert sum(six) + 36 <= 640
    assert shares([100, 250], 400) == [100, 250]
    assert shares([80, 250, 250], 420) == [80, 161, 161]
    few = shares([250] * 12, 640)
    assert 0 < len(few) < 12
    assert sum(few) + 6 * len(few) + 46 <= 640


def test_a_preview_shows_pictures_with_the_newest_people(qtbot, open_window):
    window = open_window("a", rate=60)
    painting(qtbot, window)
    window.controls.display.preview.click()
    before = window.ages.sources["a"].shown
    qtbot.waitUntil(lambda: window.ages.sources["a"].shown > before + 5, timeout=8000)
    shown = window.canvas.tiles[0].shown
    assert shown.result is not None
    assert shown.frame.index >= shown.result.frame.index
    window.controls.toggle("blur_heads")
    assert not window.runner.bridge._previews, "a newer picture would show heads that moved on"
