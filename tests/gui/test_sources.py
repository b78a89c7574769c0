"""Sources that fail, are tried again, edited in place, turned, and asked for another mode."""

import pytest
from PyQt6.QtCore import QPoint, QRectF, Qt
from PyQt6.QtGui import QImage, QPainter
from PyQt6.QtWidgets import QInputDialog, QMenu

from app.gui.menus import open_menu
from app.gui.notices import sentence
from app.live.plan import CameraMode
from app.live.protocol import SourceState
from engine.errors import WeightsError
from tests.support.live_fakes import Bench
from tests.support.synthetic import Figures

WIDE = "lavfi:testsrc2=size=96x48:rate=50:duration=60"
HIGH = "lavfi:testsrc2=size=48x96:rate=50:duration=60"


def real(open_window, *sources, **options):
    """A window on sessions with real sources and a fake network."""
    return open_window(*sources, start=Bench(delay=0.01).start, **options)


def painting(qtbot, window, *names):
    """Every one of these sources is on the canvas."""

    def shown():
        return {tile.source for tile in window.canvas.tiles if tile.shown}

    qtbot.waitUntil(lambda: set(names) <= shown(), timeout=20_000)


def idle(qtbot, window):
    qtbot.waitUntil(lambda: window.runner.state == "idle", timeout=8000)


def words(window, name, size=(400, 300)):
    """What the tile of a source says in place of its picture."""
    return "\n".join(text for _, text in said_in(window, name, size))


def said_in(window, name, size):
    """Each text that its tile paints in an area of this size, and where: as high as it is."""
    said = []

    class Says(QPainter):
        def drawText(self, box, text, layout):  # noqa: N802  Qt's name
            said.append((self.boundingRect(box, text, layout), text))

    image = QImage(*size, QImage.Format.Format_RGB32)
    painter = Says(image)
    tile = next(tile for tile in window.canvas.tiles if tile.source == name)
    tile.paint_state(painter, QRectF(image.rect()), window.theme)
    painter.end()
    return said


def choose(window, name, *path):
    """Choose an entry of a source's menu, such as "Turn", "90°"."""
    open_menu(window, (name, None), QPoint(10, 10))
    top = next(m for m in reversed(window.findChildren(QMenu)) if m.parent() is window)
    menu = top
    for text in path[:-1]:
        menu = next(a.menu() for a in menu.actions() if a.text() == text)
    next(a for a in menu.actions() if a.text() == path[-1]).trigger()
    top.close()
    top.setParent(None)


def entries(window, name):
    open_menu(window, (name, None), QPoint(10, 10))
    top = next(m for m in reversed(window.findChildren(QMenu)) if m.parent() is window)
    texts = [action.text() for action in top.actions()]
    top.close()
    top.setParent(None)
    return texts


def answer(qtbot, window, text):
    dialog = window.findChildren(QInputDialog)[-1]
    dialog.setTextValue(text)
    dialog.accept()
    dialog.setParent(None)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("camera:nope", "No camera is called 'nope'"),
        ("nowhere.mp4", "There is no file nowhere.mp4"),
        ("http://127.0.0.1:9/x", "connection refused"),
    ],
)
def test_at_the_start_one_bad_source_of_three_says_why_and_the_others_run(
    qtbot, open_window, bad, why
):
    window = real(open_window, WIDE, bad, HIGH)
    painting(qtbot, window, WIDE, HIGH)
    qtbot.waitUntil(lambda: why in words(window, bad), timeout=8000)
    assert "try again, or to edit or remove" in words(window, bad)
    assert words(window, WIDE) == ""
    assert window.runner.state == "running"
    assert {"Try again", "Edit source…", "Remove source"} <= set(entries(window, bad))
    assert any(why in told.text for _, told in window.notices.log)
    assert not window.notices.isVisible(), "the tile says it"
    qtbot.waitUntil(window.transport.isVisible, timeout=8000)


def test_only_what_has_shown_a_picture_is_offered_the_next_time(qtbot, open_window, preferences):
    window = real(open_window, WIDE, "nowhere.mp4", "http://127.0.0.1:9/x")
    painting(qtbot, window, WIDE)
    window.choose(HIGH)
    painting(qtbot, window, HIGH)
    qtbot.waitUntil(lambda: "refused" in words(window, "http://127.0.0.1:9/x"), timeout=8000)
    assert set(preferences.recent) == {WIDE, HIGH}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("there is no file x.mp4", "There is no file x.mp4"),
        ("rtsp://door/1: access denied", "rtsp://door/1: access denied"),
        ("w48.pt is damaged", "w48.pt is damaged"),
        ("door has ended.", "door has ended."),
        ("", ""),
    ],
)
def test_sentences_begin_with_a_capital_and_names_stay_as_they_are(text, shown):
    assert sentence(text, ["door"]) == shown


def test_of_several_dropped_at_once_one_bad_source_says_why(qtbot, open_window):
    window = real(open_window)
    window.choose([WIDE, "nowhere.mp4", HIGH])
    painting(qtbot, window, WIDE, HIGH)
    qtbot.waitUntil(lambda: "There is no file" in words(window, "nowhere.mp4"), timeout=8000)


def test_a_source_that_failed_is_tried_again_while_the_others_go_on(qtbot, open_window, tmp_path):
    late = tmp_path / "late"
    window = real(open_window, WIDE, str(late))
    painting(qtbot, window, WIDE)
    qtbot.waitUntil(lambda: "try again" in words(window, str(late)), timeout=8000)
    session = window.runner.bridge.session
    late.mkdir()
    image = QImage(48, 32, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    for number in range(3):
        image.save(str(late / f"{number}.png"))
    choose(window, str(late), "Try again")
    painting(qtbot, window, str(late))
    assert words(window, str(late)) == ""
    assert window.runner.bridge.session is session


def test_the_only_source_that_fails_says_why_once(qtbot, open_window):
    window = real(open_window, "nowhere.mp4")
    qtbot.waitUntil(lambda: bool(window.canvas.tiles))
    idle(qtbot, window)
    assert "There is no file nowhere.mp4" in words(window, "nowhere.mp4")
    assert "edit or remove the source" in words(window, "nowhere.mp4")
    assert [told.level for _, told in window.notices.log] == ["error"]
    assert not window.notices.isVisible(), "the picture says it"
    assert "There is no file nowhere.mp4" in window.canvas.accessibleDescription()


def test_why_a_source_failed_fits_a_small_tile_above_its_name(qtbot, open_window):
    long = "/somewhere in a folder/of recordings/trial number 12 of the left leg.mp4"
    window = real(open_window, long)
    qtbot.waitUntil(lambda: bool(window.canvas.tiles))
    idle(qtbot, window)
    for size in ((246, 150), (200, 120), (320, 240), (900, 600)):
        ((place, text),) = said_in(window, long, size)
        assert place.bottom() <= size[1] - 30, size
        assert text.startswith("There is no file")
        assert ("edit or remove" in text) is (size[0] > 300), size


class EngineFails(Figures):
    """Says of b that it failed; then its own engine does."""

    def results(self):
        self.tell(SourceState("b", "failed", "nothing listens there"))
        raise WeightsError("w48.pt is damaged: fetch it again")
        yield


@pytest.mark.parametrize("sources", [("a",), ("a", "c", "b")])
def test_a_failure_of_the_engine_is_said_once_and_no_fault_of_the_source(
    qtbot, open_window, sources
):
    window = open_window(*sources, start=EngineFails)
    qtbot.waitUntil(lambda: bool(window.canvas.tiles))
    idle(qtbot, window)
    said = [words(window, name) for name in sources]
    assert all("choose another model" in text for text in said[:2])
    if window.notices.isVisible():
        said.append(window.notices.text.text())
    assert sum("w48.pt is damaged" in text for text in said) == 1
    assert "w48.pt is damaged" in window.notices.log[-1][1].text
    if "b" in sources:
        assert "Nothing listens there" in words(window, "b")
        assert "edit or remove the source" in words(window, "b")


def test_a_source_is_edited_in_its_place_and_the_others_stay(qtbot, open_window):
    window = real(open_window, "nowhere.mp4", WIDE)
    painting(qtbot, window, WIDE)
    session = window.runner.bridge.session
    choose(window, "nowhere.mp4", "Edit source…")
    answer(qtbot, window, HIGH)
    painting(qtbot, window, HIGH)
    assert [tile.source for tile in window.canvas.tiles] == [HIGH, WIDE]
    assert window.runner.plan.sources == (HIGH, WIDE)
    assert window.runner.bridge.session is session


def test_an_edit_to_what_is_shown_already_is_said_and_changes_nothing(qtbot, open_window):
    window = real(open_window, WIDE, HIGH)
    painting(qtbot, window, WIDE, HIGH)
    choose(window, HIGH, "Edit source…")
    answer(qtbot, window, WIDE)
    assert "is shown already" in window.notices.text.text()
    assert window.runner.plan.sources == (WIDE, HIGH)


def test_a_source_is_turned_and_turned_the_next_time(qtbot, open_window, preferences):
    window = real(open_window, WIDE)
    painting(qtbot, window, WIDE)
    choose(window, WIDE, "Turn", "90°")
    turned = window.canvas.tiles[0]
    qtbot.waitUntil(lambda: turned.shown.frame.size == (48, 96), timeout=8000)
    assert preferences.cameras[WIDE].turned == 90
    window.close()
    idle(qtbot, window)
    again = real(open_window, WIDE)
    painting(qtbot, again, WIDE)
    assert again.canvas.tiles[0].shown.frame.size == (48, 96)


def test_size_and_rate_are_asked_of_a_camera_only(qtbot, open_window, preferences):
    window = open_window("0", "clip.mp4")
    painting(qtbot, window, "0", "clip.mp4")
    session = window.runner.bridge.session
    choose(window, "0", "Camera size", "1920 × 1080")
    choose(window, "0", "Camera rate", "60 fps")
    assert session.cameras["0"] == CameraMode((1920, 1080), 60.0)
    assert session.added == ["0", "0"], "it is opened anew with each"
    assert preferences.cameras["0"] == CameraMode((1920, 1080), 60.0)
    assert "Camera size" not in entries(window, "clip.mp4")
