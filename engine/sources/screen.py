"""The screen as a source, through FFmpeg's grabbers."""

from __future__ import annotations

import os
import sys

from engine.errors import SourceError
from engine.sources.container import Address
from engine.sources.stream import StreamSource

RATE = 30  # frames per second asked for


def open_screen(text: str = "screen") -> StreamSource:
    """The whole screen; "screen:1" is the second one where the system counts them.

    Raises:
        SourceError: there is no screen that can be read.
    """
    return StreamSource(_address(text.partition(":")[2] or "0"), text)


def _address(number: str) -> Address:
    options = {"framerate": str(RATE)}
    if sys.platform == "win32":
        return Address("desktop", "gdigrab", options)
    if sys.platform == "darwin":
        return Address(f"Capture screen {number}:none", "avfoundation", options)
    display = os.environ.get("DISPLAY")
    if not display:
        raise SourceError("there is no screen to read: DISPLAY is not set (Wayland needs XWayland)")
    return Address(display, "x11grab", options)
