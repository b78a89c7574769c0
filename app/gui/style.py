"""How the window looks: two themes, the style sheet, icons, and the colours of people.

`assets/style.qss` names colours as `@text`; a theme gives each name a value. Icons are drawn with
`currentColor` and take the colour of the text they stand beside.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from PyQt6.QtCore import QByteArray, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QFont, QFontDatabase, QIcon, QPainter, QPalette, QPixmap
from PyQt6.QtSvg import QSvgRenderer
from PyQt6.QtWidgets import QApplication

import assets

Theme = dict[str, str]

DARK: Final[Theme] = {
    "background": "#0f1216",
    "surface": "#161a20",
    "raised": "#1e242c",
    "hover": "#28303a",
    "line": "#272e38",
    "text": "#e9edf3",
    "muted": "#97a1b1",
    "faint": "#667183",
    "accent": "#5aa9ff",
    "accent_hover": "#7bbaff",
    "on_accent": "#07131f",
    "good": "#45d394",
    "warning": "#f7b955",
    "bad": "#ff7373",
    "canvas": "#0a0c0f",
    "tile": "#12161b",
}
LIGHT: Final[Theme] = {
    "background": "#eef1f5",
    "surface": "#ffffff",
    "raised": "#f1f4f8",
    "hover": "#e4eaf1",
    "line": "#dce2ea",
    "text": "#171e28",
    "muted": "#525e76",
    "faint": "#7b879c",
    "accent": "#1768d8",
    "accent_hover": "#0f57ba",
    "on_accent": "#ffffff",
    "good": "#12814f",
    "warning": "#9a5b00",
    "bad": "#c62f2f",
    "canvas": "#e3e8ee",
    "tile": "#d6dde6",
}
THEMES: Final = {"dark": DARK, "light": LIGHT}

_FONTS = ("Inter", "Segoe UI Variable", "Segoe UI", "SF Pro Text", "Noto Sans", "DejaVu Sans")
_DIGITS = ("JetBrains Mono", "Cascadia Mono", "SF Mono", "Noto Sans Mono", "DejaVu Sans Mono")


def dress(app: QApplication, name: str) -> Theme:
    """Give the whole application a theme, `dark` or `light`."""
    theme = THEMES[name]
    app.setFont(font())
    app.setPalette(_palette(theme))
    app.setStyleSheet(_sheet(theme))
    return theme


def font(points: float = 10.0, *, bold: bool = False) -> QFont:
    """The text font."""
    chosen = QFont(_first_installed(_FONTS))
    chosen.setPointSizeF(points)
    chosen.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return chosen


def digits(points: float = 10.0, *, bold: bool = False) -> QFont:
    """The font of figures that change: all digits have one width, so nothing jumps."""
    chosen = QFont(_first_installed(_DIGITS))
    chosen.setPointSizeF(points)
    chosen.setWeight(QFont.Weight.DemiBold if bold else QFont.Weight.Normal)
    return chosen


def icon(name: str, colour: str, size: int = 20) -> QIcon:
    """An icon of assets/icons in one colour, with a fainter version for disabled controls."""
    made = QIcon()
    for scale in (1, 2, 3):
        made.addPixmap(_drawn(name, colour, size, scale))
        made.addPixmap(_drawn(name, _faded(colour), size, scale), QIcon.Mode.Disabled)
    return made


def pixmap(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    """An icon as a picture of `size` logical pixels."""
    return _drawn(name, colour, size, ratio)


@lru_cache(maxsize=256)
def _drawn(name: str, colour: str, size: int, ratio: float) -> QPixmap:
    drawing = assets.path(f"icons/{name}.svg").read_text(encoding="utf-8")
    opacity = QColor(colour).alphaF()
    solid = QColor(colour).name()
    renderer = QSvgRenderer(QByteArray(drawing.replace("currentColor", solid).encode()))
    drawn = QPixmap(QSize(round(size * ratio), round(size * ratio)))
    drawn.fill(Qt.GlobalColor.transparent)
    painter = QPainter(drawn)
    painter.setOpacity(opacity)
    renderer.render(painter, QRectF(drawn.rect()))
    painter.end()
    drawn.setDevicePixelRatio(ratio)
    return drawn


def _faded(colour: str) -> str:
    faded = QColor(colour)
    faded.setAlphaF(0.35)
    return faded.name(QColor.NameFormat.HexArgb)


@lru_cache(maxsize=2)
def _first_installed(families: tuple[str, ...]) -> str:
    installed = set(QFontDatabase.families())
    return next((family for family in families if family in installed), families[-1])


def _sheet(theme: Theme) -> str:
    sheet = assets.path("style.qss").read_text(encoding="utf-8")
    folder = assets.path("icons").as_posix()
    return re.sub(r"@(\w+)", lambda found: theme[found[1]], sheet.replace("@@icons", folder))


def _palette(theme: Theme) -> QPalette:
    palette = QPalette()
    roles = QPalette.ColorRole
    for role, name in (
        (roles.Window, "background"),
        (roles.Base, "surface"),
        (roles.AlternateBase, "raised"),
        (roles.Button, "raised"),
        (roles.ToolTipBase, "raised"),
        (roles.WindowText, "text"),
        (roles.Text, "text"),
        (roles.ButtonText, "text"),
        (roles.ToolTipText, "text"),
        (roles.PlaceholderText, "muted"),
        (roles.Highlight, "accent"),
        (roles.HighlightedText, "on_accent"),
        (roles.Link, "accent"),
    ):
        palette.setColor(role, QColor(theme[name]))
    return palette
