"""Names of files and people are data: shown as they are, whatever is in them."""

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QInputDialog, QLabel

from app.gui.menus import note_person
from app.live.protocol import Told

ODD = "<b>fat & thin.mp4"


def test_what_looks_like_html_in_a_name_is_shown_as_it_is(qtbot, open_window):
    window = open_window(ODD, "b")
    qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    (chip, _) = window.top.chips.chips
    assert chip.label.textFormat() == Qt.TextFormat.PlainText
    assert "&lt;b&gt;fat" in chip.toolTip()
    assert "&lt;b&gt;fat" in chip.closer.toolTip()
    window.say(Told(f"{ODD} has ended."))
    assert window.notices.text.textFormat() == Qt.TextFormat.PlainText
    window.roster.rename((ODD, 0), "<u>Anna</u>")
    window.controls.people.refresh()
    assert "&lt;u&gt;Anna" in window.controls.people.list.topLevelItem(0).toolTip(0)
    note_person(window, (ODD, 0))
    dialog = window.findChildren(QInputDialog)[-1]
    assert dialog.findChild(QLabel).textFormat() == Qt.TextFormat.PlainText
    dialog.reject()
    labels = [label for label in window.findChildren(QLabel) if "fat" in label.text()]
    assert all(label.textFormat() == Qt.TextFormat.PlainText for label in labels)


def test_an_ampersand_in_a_name_is_no_key_of_a_menu(qtbot, open_window):
    window = open_window(*(f"{ODD}{i}" for i in range(9)))
    window.resize(900, 700)
    qtbot.waitUntil(window.top.chips.more.isVisible)
    entry = window.top.chips.more.menu().actions()[0]
    assert "&&" in entry.text()
