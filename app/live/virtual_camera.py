"""The picture with everything drawn on it as a camera for other programs: `camera:`.

Needs a driver: v4l2loopback on Linux, OBS's virtual camera on Windows and macOS.
"""

from __future__ import annotations

import re
import sys
from typing import Any, Final

import pyvirtualcam

from app.live.outputs import Context
from app.overlay.drawing import draw_frame, resized
from app.overlay.look import Look
from app.overlay.traces import Traces
from engine.errors import OutputError
from engine.types import Result

_ACT: Final = {"linux": "load v4l2loopback"}
_BACKEND = re.compile(r"^'\w+' backend: ")
_RATE = 30.0  # frames per second announced to other programs


def open_output(target: str, context: Context) -> CameraOutput:
    """Prepare; the device is opened with the size of the first frame.

    Args:
        target: "camera:", or "camera:NAME" for a device of a name such as /dev/video10.
    """
    return CameraOutput(target.partition(":")[2].strip() or None, context)


class CameraOutput:
    """Shows one source: the one whose frame comes first."""

    lost = 0
    listeners = None

    def __init__(self, device: str | None, context: Context) -> None:
        self._device, self._context = device, context
        self._camera: Any = None
        self._source = ""

    def write(self, result: Result, look: Look, traces: Traces) -> None:
        """Show one frame.

        Raises:
            OutputError: there is no such device here.
        """
        frame = result.frame
        if self._camera is None:
            self._camera, self._source = self._opened(*frame.size), frame.source
        if frame.source != self._source:
            return
        drawn = draw_frame(frame, result.poses, look, traces, self._context.plates)
        size = (self._camera.width, self._camera.height)
        self._camera.send(drawn if frame.size == size else resized(drawn, size))

    def close(self, error: str | None = None) -> None:
        """Give the device back."""
        if self._camera is not None:
            self._camera.close()
            self._camera = None

    def _opened(self, width: int, height: int) -> Any:
        try:
            return pyvirtualcam.Camera(width, height, _RATE, device=self._device)
        except (RuntimeError, ValueError, OSError) as error:
            act = _ACT.get(sys.platform, "start OBS's virtual camera once")
            raise OutputError(f"there is no virtual camera; {act} ({_short(error)})") from error


def _short(error: Exception) -> str:
    """What the driver's side says, without the advice that follows."""
    text = str(error).strip().partition("\n")[0].partition(". ")[0]
    return _BACKEND.sub("", text) or "no device"
