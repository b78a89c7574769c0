"""Local cameras by number, device path or name. The only place where pixels are BGR."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import SourceError
from engine.sources import v4l2
from engine.sources.source import SourceInfo
from engine.types import Frame

_MOST_PROBED = 4  # cameras looked for where the system does not list them
_BACKENDS = {
    "linux": (cv2.CAP_V4L2,),
    "win32": (cv2.CAP_DSHOW, cv2.CAP_MSMF),  # MSMF may need 12 s to open
    "darwin": (cv2.CAP_AVFOUNDATION,),
}


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used."""

    def isOpened(self) -> bool: ...  # noqa: N802, D102
    def read(self) -> tuple[bool, NDArray[np.uint8] | None]: ...  # noqa: D102
    def get(self, prop: int) -> float: ...  # noqa: D102
    def set(self, prop: int, value: float) -> bool: ...  # noqa: D102
    def release(self) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class CameraFound:
    """A camera of this machine."""

    source: str  # its number, as text
    name: str
    modes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CameraRequest:
    """What to ask the camera for; it may answer with something near it."""

    width: int = 1280
    height: int = 720
    rate: float = 30.0
    coding: str = "MJPG"  # raw video of this size does not fit through USB 2 at 30 fps


def cameras() -> list[CameraFound]:
    """The cameras that are there, by the names the system gives them."""
    if sys.platform.startswith("linux"):
        return _cameras_of_linux()
    named = _named_by_the_system()
    return _probed() if named is None else named


def _named_by_the_system() -> list[CameraFound] | None:
    """The list that Windows or macOS keeps, which opens none; None where the package is missing."""
    try:
        from cv2_enumerate_cameras import enumerate_cameras
    except ImportError:
        return None
    backend = _BACKENDS.get(sys.platform, (cv2.CAP_ANY,))[0]
    return [CameraFound(str(camera.index), camera.name) for camera in enumerate_cameras(backend)]


def _probed() -> list[CameraFound]:
    """The first numbers that answer; each camera is opened for a moment."""
    found = []
    for number in range(_MOST_PROBED):
        capture = _opened(number)
        if capture is not None:
            w, h = (
                int(capture.get(cv2.CAP_PROP_FRAME_WIDTH)),
                int(capture.get(cv2.CAP_PROP_FRAME_HEIGHT)),
            )
            capture.release()
            found.append(CameraFound(str(number), f"Camera {number}", (f"{w}x{h}",)))
    return found


def number_of(text: str, found: Sequence[CameraFound] | None = None) -> int | None:
    """The number of the camera a person means: "0", "/dev/video0", "camera:brio"; else None.

    Raises:
        SourceError: it is meant to be a camera, but there is none of that name.
    """
    if text.isdecimal():
        return int(text)
    if text.startswith("/dev/video"):
        number = text.removeprefix("/dev/video")
        if not number.isdecimal():
            raise SourceError(f"{text} is not a camera: a number must follow, as in /dev/video0")
        return int(number)
    if not text.lower().startswith("camera:"):
        return None
    name = text.partition(":")[2].strip().lower()
    there = cameras() if found is None else found
    for camera in there:
        if name in camera.name.lower():
            return int(camera.source)
    names = ", ".join(camera.name for camera in there) or "none"
    raise SourceError(f"no camera is called {name!r} (cameras found: {names})")


class CameraSource:
    """One camera, opened when its frames are asked for. It can be read once."""

    def __init__(
        self,
        number: int,
        wanted: CameraRequest | None = None,
        name: str = "",
        open_camera: Callable[[int], Capture | None] | None = None,
    ) -> None:
        self.name = name or str(number)
        self.info = SourceInfo(kind="camera", size=(0, 0), live=True)
        self._number = number
        self._wanted = wanted or CameraRequest()
        self._open = open_camera or _opened
        self._closed = threading.Event()

    def frames(self) -> Iterator[Frame]:
        """Yield pictures as the camera delivers them.

        Raises:
            SourceError: it cannot be opened, or it delivers nothing any more.
        """
        capture = self._open(self._number)
        if capture is None:
            there = ", ".join(f"{c.source} {c.name}" for c in cameras()) or "none"
            raise SourceError(
                f"cannot open camera {self.name}: in use or unplugged (cameras found: {there})"
            )
        try:
            self._negotiate(capture)
            yield from self._pictures(capture)
        finally:
            capture.release()

    def close(self) -> None:
        """Deliver nothing more; the camera is released by the thread that reads it."""
        self._closed.set()

    def _negotiate(self, capture: Capture) -> None:
        """Ask for the wanted mode – the coding first, because it decides about the rest."""
        wanted = self._wanted
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*wanted.coding))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, wanted.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, wanted.height)
        capture.set(cv2.CAP_PROP_FPS, wanted.rate)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        coding = int(capture.get(cv2.CAP_PROP_FOURCC))
        w, h = capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)
        self.info = SourceInfo(
            kind="camera",
            size=(int(w), int(h)),
            rate=capture.get(cv2.CAP_PROP_FPS) or None,
            codec="".join(chr(coding >> 8 * i & 255) for i in range(4)).strip("\0 "),
            live=True,
        )

    def _pictures(self, capture: Capture) -> Iterator[Frame]:
        began, index = time.perf_counter(), 0
        while not self._closed.is_set():
            there, bgr = capture.read()
            if not there or bgr is None:
                if self._closed.is_set():
                    return
                raise SourceError(f"camera {self.name} has stopped; was it unplugged?")
            arrived = time.perf_counter()
            rgb = np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)
            yield Frame(rgb, index, arrived - began, arrived, self.name)
            index += 1


def _cameras_of_linux() -> list[CameraFound]:
    found = []
    for path, name in v4l2.devices():
        modes = v4l2.modes(path)
        if modes:  # None: not a camera; empty: its metadata twin
            number = path.removeprefix("/dev/video")
            found.append(CameraFound(number, name, tuple(str(mode) for mode in modes)))
    return found


def _opened(number: int) -> Capture | None:
    platform = "linux" if sys.platform.startswith("linux") else sys.platform
    for backend in _BACKENDS.get(platform, (cv2.CAP_ANY,)):
        capture = cv2.VideoCapture(number, backend)
        if capture.isOpened():
            return capture  # type: ignore[return-value]
        capture.release()
    return None
