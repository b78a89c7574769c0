"""Everything can be read: contrast as WCAG 2.2 asks for, 4.5 for text and 3 for controls."""

from collections import Counter

import pytest
from PyQt6.QtCore import QPoint, QRect, Qt
from PyQt6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
)

from app.gui.style import THEMES

TEXTS = (QLabel, QAbstractButton, QLineEdit, QComboBox, QAbstractSpinBox)
BORDERED = (QPushButton, QComboBox, QLineEdit)


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("ground", ["background", "surface", "raised"])
def test_texts_and_controls_stand_out(theme, ground):
    for text in ("text", "muted", "bad", "warning"):
        assert contrast(theme[text], theme[ground]) >= 4.5, text
    for part in ("faint", "accent"):
        assert contrast(theme[part], theme[ground]) >= 3, part


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_text_of_a_filled_button_can_be_read(theme):
    assert contrast(theme["on_accent"], theme["accent"]) >= 4.5
    assert contrast(theme["on_accent"], theme["accent_hover"]) >= 4.5
    assert contrast(theme["text"], theme["canvas"]) >= 4.5
    assert contrast(theme["muted"], theme["tile"]) >= 4.5


def colours(image, at=None):
    """Of all pixels, or of a line of them, as #rrggbb."""
    spots = at or [(x, y) for y in range(image.height()) for x in range(image.width())]
    return Counter(image.pixelColor(x, y).name() for x, y in spots)


def shown(window, kinds):
    """Controls that are seen and enabled: each, a picture of all around it, and its place there."""
    sidebar = window.controls.widget()  # whole, not what is scrolled to
    pictures = {root: root.grab().toImage() for root in (window, sidebar)}
    found = (widget for kind in TEXTS for widget in window.findChildren(kind))
    for widget in found:
        if isinstance(widget, kinds) and widget.isVisible() and widget.isEnabled():
            root = sidebar if sidebar.isAncestorOf(widget) else window
            yield widget, pictures[root], QRect(widget.mapTo(root, QPoint(0, 0)), widget.size())


def said(widget):
    text = widget.currentText() if isinstance(widget, QComboBox) else widget.text()
    if isinstance(widget, QLineEdit):
        text = text or widget.placeholderText()
    return text if any(letter.isalnum() for letter in text) else ""


def everything(qtbot, open_window, theme, *sources):
    window = open_window(*sources)
    window.set_theme(theme)
    for section in window.controls.sections:
        section.set_open(True)
    for way in window.controls.sending.ways.values():
        way.set_on(True)
    if sources:
        qtbot.waitUntil(lambda: window.ages.count >= 3, timeout=8000)
    window.runner.stop()
    window.setFocus()
    qtbot.wait(50)
    return window


@pytest.mark.parametrize("sources", [(), ("a",)], ids=["page", "running"])
@pytest.mark.parametrize("theme", THEMES)
def test_every_text_stands_out_from_what_is_painted_behind_it(qtbot, open_window, theme, sources):
    window = everything(qtbot, open_window, theme, *sources)
    looked_at = 0
    for widget, picture, place in shown(window, TEXTS):
        if not said(widget):
            continue
        painted = colours(picture.copy(place))
        behind = painted.most_common(1)[0][0]
        best = max(contrast(behind, other) for other in painted)
        assert best >= 4.5, (type(widget).__name__, said(widget), behind, best)
        looked_at += 1
    assert looked_at > 30


@pytest.mark.parametrize("theme", THEMES)
def test_every_control_has_an_edge_that_stands_out(qtbot, open_window, theme):
    window = everything(qtbot, open_window, theme, "a")
    looked_at = 0
    for widget, picture, place in shown(window, BORDERED):
        if widget.property("kind") == "plain" or isinstance(widget.parent(), QAbstractSpinBox):
            continue  # a number beside its slider: its text is what is seen
        x, y = place.center().x(), place.y()
        around = picture.pixelColor(x, y - 3).name()
        column = colours(picture, [(x, y + i) for i in range(3)])
        assert max(contrast(around, c) for c in column) >= 3, (said(widget), around, column)
        looked_at += 1
    assert looked_at > 5


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("theme", THEMES)
def test_a_box_to_tick_shows_its_edge_and_the_focus(qtbot, open_window, theme, checked):
    window = everything(qtbot, open_window, theme, "a")
    box = window.controls.findChildren(QCheckBox)[-1]
    box.setChecked(checked)
    window.activateWindow()
    qtbot.waitUntil(lambda: not box.hasFocus())
    at_rest = box.grab().toImage()
    box.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(box.hasFocus)
    focused = box.grab().toImage()
    middle = box.height() // 2
    edges = [max(colours(image, [(x, middle) for x in range(3)]), key=lambda c: contrast(
        c, THEMES[theme]["surface"])) for image in (at_rest, focused)]  # fmt: skip
    assert contrast(edges[0], THEMES[theme]["surface"]) >= 3
    assert contrast(edges[1], THEMES[theme]["surface"]) >= 3
    assert edges[0] != edges[1]


@pytest.mark.parametrize("theme", THEMES)
def test_what_is_switched_on_has_an_edge(qtbot, open_window, theme):
    window = everything(qtbot, open_window, theme, "a")
    bar = window.transport
    bar.setEnabled(True)
    bar.show()
    bar.loop.setChecked(True)
    qtbot.waitUntil(bar.loop.isVisible)
    image = bar.grab(QRect(bar.loop.pos(), bar.loop.size())).toImage()
    edge = colours(image, [(image.width() // 2, y) for y in range(2)])
    assert max(contrast(THEMES[theme]["surface"], c) for c in edge) >= 3
