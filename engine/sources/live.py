"""Sources of the live mode: cameras, streams, the screen, and files played in real time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from engine.sources.addresses import STANDARD_INPUT, is_url, shown
from engine.sources.camera import CameraRequest, CameraSource, number_of
from engine.sources.paced import Paced
from engine.sources.play_clock import PlayClock
from engine.sources.reconnect import Change, Reconnecting, Tell
from engine.sources.source import Source, SourceInfo
from engine.types import Frame

GENERATED = "lavfi:"  # FFmpeg's own pictures, for tests: lavfi:testsrc2=size=640x360:rate=25


def open_live(
    text: str,
    tell: Tell,
    *,
    fast: bool = False,
    loop: bool = False,
    wanted: CameraRequest | None = None,
    clock: PlayClock | None = None,
    name: str = "",
) -> Source:
    """Prepare a source; nothing is opened before its frames are asked for.

    Args:
        text: "0", "/dev/video0", "camera:brio", "rtsp://…", "screen", "-", "lavfi:…", a file,
            a folder or a pattern of images.
        tell: called on the capture thread when the source opens, is lost or comes back.
        fast: files as fast as the engine takes them, instead of in real time.
        loop: files begin again at their end.
        wanted: what to ask cameras for.
        clock: plays files together with others; None: a clock of its own.
        name: what frames and changes call it; default: the text as it may be shown.

    Raises:
        SourceError: no camera has this name, or there is no screen.
    """
    name = name or shown(text)
    camera = number_of(text)
    if camera is not None:
        return Reconnecting(name, lambda: CameraSource(camera, wanted, name), tell)
    if is_url(text):
        from engine.sources.container import Address
        from engine.sources.stream import StreamSource

        address = Address.of(text, live=True)
        return Reconnecting(name, lambda: StreamSource(address, name), tell)
    if re.fullmatch(r"screen(:\d+)?", text):
        from engine.sources.screen import open_screen

        open_screen(text)
        return Reconnecting(name, lambda: open_screen(text), tell)
    return _played(text, name, tell, fast=fast, clock=clock or PlayClock(loop=loop))


def _played(text: str, name: str, tell: Tell, *, fast: bool, clock: PlayClock) -> Source:
    if text == STANDARD_INPUT:
        return Opened(name, lambda: _stream("pipe:0", name), tell)
    if fast:
        return Opened(name, lambda: _file(text, 0.0), tell)
    paced = Paced(name, lambda start: _file(text, start), clock=clock)
    paced.opened = lambda info: tell(Change(name, "live", "", info))
    return paced


def _file(text: str, start: float) -> Source:
    """A file from a time on; generated pictures and images always begin at their beginning."""
    from engine.sources import open_source

    if text.startswith(GENERATED):
        return _stream(text.removeprefix(GENERATED), text, "lavfi")
    if start > 0:
        from engine.sources.images import image_files
        from engine.sources.seeking import VideoFrom

        if not image_files(text):
            return VideoFrom(text, start)
    return open_source(text)


def _stream(text: str, name: str, form: str | None = None) -> Source:
    from engine.sources.container import Address
    from engine.sources.stream import StreamSource

    return StreamSource(Address(text, form), name)


class Opened:
    """A source that is opened by the capture thread, and says what it is once it delivers."""

    def __init__(self, name: str, open_it: Callable[[], Source], tell: Tell) -> None:
        self.name = name
        self.info = SourceInfo(kind="stream", size=(0, 0))
        self._open, self._tell = open_it, tell
        self._closed = False

    def frames(self) -> Iterator[Frame]:
        """Yield the frames under this source's name."""
        source = self._open()
        first = True
        try:
            for frame in source.frames():
                if self._closed:
                    return
                if first:
                    self.info, first = source.info, False
                    self._tell(Change(self.name, "live", "", source.info))
                yield replace(frame, source=self.name)
        finally:
            source.close()

    def close(self) -> None:
        """Deliver nothing more, from any thread."""
        self._closed = True
