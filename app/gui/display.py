"""Whether a window can be opened and read here. Qt itself would dump core, or draw empty boxes."""

from __future__ import annotations

import ctypes
import os
import re
import socket
import sys

from PyQt6.QtGui import QFont, QFontMetrics

from engine.errors import PoseError


def check_display(environment: dict[str, str] | None = None) -> None:
    """Do nothing where a window can be opened.

    Raises:
        PoseError: there is no display, it does not answer, or a library that Qt needs is missing.
    """
    names = dict(os.environ) if environment is None else environment
    if not sys.platform.startswith("linux") or names.get("QT_QPA_PLATFORM", "xcb") != "xcb":
        return
    if names.get("WAYLAND_DISPLAY") and "QT_QPA_PLATFORM" not in names:
        return
    display = names.get("DISPLAY", "")
    if not display:
        raise PoseError(
            "there is no display to open a window on; use --headless, or set DISPLAY (over ssh: -X)"
        )
    if not _answers(display):
        raise PoseError(
            f"the display {display} does not answer; is DISPLAY right? --headless works"
        )
    try:
        ctypes.CDLL("libxcb-cursor.so.0")
    except OSError as error:
        raise PoseError("Qt needs libxcb-cursor0: apt install libxcb-cursor0") from error


def check_fonts(font: QFont) -> None:
    """Do nothing where texts can be read. After an application was made.

    Raises:
        PoseError: there is no font with letters; Qt would draw empty boxes.
    """
    if not QFontMetrics(font).inFont("a"):
        raise PoseError(
            "no font is installed, so no text can be shown: apt install fonts-dejavu-core"
        )


def _answers(display: str) -> bool:
    found = re.fullmatch(r"(.*):(\d+)(?:\.\d+)?", display)
    if not found:
        return False
    host, number = found[1], int(found[2])
    if host not in ("", "unix"):
        return _connects(socket.AF_INET, (host, 6000 + number))
    path = f"/tmp/.X11-unix/X{number}"  # where X servers listen
    return _connects(socket.AF_UNIX, path) or _connects(socket.AF_UNIX, f"\0{path}")


def _connects(family: int, address: tuple[str, int] | str) -> bool:
    try:
        with socket.socket(family) as probe:
            probe.settimeout(3)
            probe.connect(address)
    except OSError:
        return False
    return True
