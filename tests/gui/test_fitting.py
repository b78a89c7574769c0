"""Everything fits: long names, long sentences, small windows."""

from types import SimpleNamespace

import pytest
from PyQt6.QtCore import QRect
from PyQt6.QtGui import QFont, QFontMetrics
from PyQt6.QtWidgets import QScrollArea

from app.gui.chips import each_telling, shortened
from app.gui.window import Window
from app.live.offered import Camera, Offer
from app.live.protocol import Told

LONG = [f"/data/2026-11-26 sports hall north entrance camera {n}.mp4" for n in range(6)]


def painting(qtbot, window, count=3):
    qtbot.waitUntil(lambda: window.ages.count >= count, timeout=8000)


@pytest.mark.parametrize("weights", ["compact", "/home/anna/models/trained for the north hall.pt"])
def test_nothing_of_the_sidebar_is_cut_off(qtbot, open_window, weights):
    window = open_window(*LONG, people=9)
    painting(qtbot, window)
    controls = window.controls
    controls.model.set_running(weights)
    controls.people.refresh()
    for section in controls.sections:
        section.set_open(True)
    room = controls.viewport()
    qtbot.waitUntil(lambda: controls.widget().width() <= room.width())
    assert controls.widget().minimumSizeHint().width() <= room.width()


@pytest.mark.parametrize("room", [(1366, 728), (1280, 760), (910, 480), (683, 364)])
def test_the_first_size_fits_the_screen(open_window, monkeypatch, room):
    """1366×768 with a task bar; 2560×1600 at scale 2; 1366×768 at scale 1.5 and at scale 2."""
    screen = SimpleNamespace(availableGeometry=lambda: QRect(0, 0, *room))
    monkeypatch.setattr(Window, "screen", lambda self: screen)
    window = open_window(*LONG)
    window.transport.show()
    assert window.width() < room[0]
    assert window.height() < room[1]
    assert window.minimumSizeHint().width() < room[0]
    assert window.minimumSizeHint().height() < room[1]


def test_nothing_of_the_start_page_is_beside_the_edge_of_a_narrow_window(
    qtbot, open_window, tmp_path, preferences
):
    preferences.keep_recent(LONG[0])
    window = open_window(offer=Offer(demo=tmp_path / "people.mp4"))
    window.resize(window.minimumSizeHint().width(), 360)
    page = window.page
    scrolled = page.findChild(QScrollArea, "page")
    qtbot.waitUntil(lambda: scrolled.horizontalScrollBar().maximum() == 0)
    assert page.buttons["images"].x() == page.buttons["film"].x()
    window.resize(1200, 700)
    qtbot.waitUntil(lambda: page.buttons["images"].x() > page.buttons["film"].x())


def test_six_long_names_fit_1280_pixels(qtbot, open_window):
    window = open_window(*LONG)
    window.resize(1280, 720)
    painting(qtbot, window)
    assert window.width() == 1280
    chips = window.top.chips
    shown = [chip for chip in chips.chips if chip.isVisible()]
    rest = [action.text() for action in chips._menu.actions()]
    assert len(shown) + len(rest) == 6
    assert [chip.text for chip in chips.chips[len(shown) :]] == rest
    assert len({chip.label.text() for chip in shown}) == len(shown), "they can be told apart"
    for chip in shown:
        label = chip.label
        assert label.fontMetrics().horizontalAdvance(label.text()) <= label.contentsRect().width()


def test_names_that_differ_only_in_the_middle_are_told_apart(qtbot, open_window):
    days = [f"2026-11-2{i} training hall east entrance camera morning session.mp4" for i in "0123"]
    cameras = [f"rtsp://192.168.100.121:554/streaming/channels/{i}/main" for i in "12"]
    window = open_window(*days, *cameras)
    window.resize(1280, 720)
    painting(qtbot, window)
    texts = [chip.label.text() for chip in window.top.chips.chips if chip.isVisible()]
    assert len(set(texts)) == len(texts) > 4
    assert texts[0].startswith("…20")
    assert texts[0].count("…") <= 2
    titles = [tile.title for tile in window.canvas.tiles]
    assert titles[1] == "…21 training hall east entrance camera morning session.mp4"


def test_a_file_that_is_watched_twice_keeps_its_name():
    assert each_telling(["people.mp4", "people.mp4 (2)"]) == ["people.mp4", "people.mp4 (2)"]
    assert each_telling(["outer lane walk.mp4", "outer lane run.mp4"]) == ["…walk.mp4", "…run.mp4"]


def test_a_name_is_shortened_to_what_says_most():
    metrics = QFontMetrics(QFont())

    def wide(text):
        return metrics.horizontalAdvance(text)

    assert shortened("clip.mp4", metrics, wide("clip.mp4")) == "clip.mp4"
    assert shortened("clip.mp4", metrics, wide("clip.mp4") - 1) == "clip"
    name = "north entrance 12.mp4"
    assert shortened(name, metrics, wide("north e… 12")).endswith("… 12")
    address = shortened("rtsp://10.0.0.7:554/a/b/c", metrics, wide("10.0.0.7:5"))
    assert address.startswith("10.0.")
    assert shortened("rtsp://192.168.1.20:554/a", metrics, wide("…8.1.20")).endswith(".20")
    assert wide(shortened(name, metrics, 20)) <= 20


def test_a_long_sentence_leaves_its_buttons_in_a_small_window(qtbot, open_window, tmp_path):
    window = open_window("a")
    painting(qtbot, window)
    window.resize(700, 460)
    window.say(Told("The recording could not be written. " * 6, "error", tmp_path))
    notices = window.notices
    for part in (notices.text, notices.opener, notices.closer):
        corner = part.mapTo(window.stack, part.rect().bottomRight())
        assert window.stack.rect().contains(corner)


def test_the_start_page_can_be_scrolled_on_a_low_screen(qtbot, open_window, preferences):
    for name in LONG:
        preferences.keep_recent(name)
    modes = ("1920x1080 at 30 fps, MJPG", "1280x720 at 60 fps, MJPG", "640x480 at 30 fps, YUYV")
    window = open_window(offer=Offer(cameras=lambda: [Camera("0", "Brio", modes)]))
    window.resize(960, 560)
    page = window.page
    qtbot.waitUntil(lambda: page.cameras.count() == 1)
    assert page.cameras.item(0).text() == "Brio\n1920x1080 at 30 fps, MJPG  and 2 more"
    assert page.cameras.item(0).toolTip().count("\n") == 2
    assert page.recent.currentRow() == 0
    assert page.recent.hasFocus()
    scrolled = page.findChild(QScrollArea, "page")
    qtbot.waitUntil(lambda: scrolled.verticalScrollBar().maximum() > 0)


def test_the_panel_is_laid_out_when_a_person_comes(qtbot, open_window):
    window = open_window("a", people=5)
    panel = window.controls.people
    painting(qtbot, window)
    panel.refresh()
    below = panel.list.mapTo(panel, panel.list.rect().bottomLeft()).y()
    assert panel.keep.mapTo(panel, panel.keep.rect().topLeft()).y() > below
    assert panel.keep.mapTo(panel, panel.keep.rect().bottomLeft()).y() <= panel.height()


def test_the_first_window_of_a_program_looks_like_every_other(open_window, qapp):
    qapp.setStyleSheet("")
    qapp.setFont(QFont("DejaVu Sans", 8))
    widths = [open_window().controls.display.sizeHint().width() for _ in range(2)]
    assert widths[0] == widths[1]


def test_another_theme_moves_nothing(qtbot, open_window):
    window = open_window("a")
    painting(qtbot, window)
    window.controls.people.refresh()  # it fills on a timer of its own, which moves what is below
    qtbot.wait(50)
    places = [section.geometry() for section in window.controls.sections]
    window.set_theme("light")
    qtbot.wait(50)
    assert [section.geometry() for section in window.controls.sections] == places
