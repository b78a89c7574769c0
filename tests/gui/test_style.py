"""Everything can be read: contrast as WCAG 2.2 asks for, 4.5 for text and 3 for controls."""

import pytest

from app.gui.style import THEMES


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
