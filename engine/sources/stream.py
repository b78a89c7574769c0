"""Network streams, the screen, standard input and FFmpeg's test pictures: whatever is live.

Unlike `video.VideoSource` nothing is opened before `frames` runs, because opening may wait for a
host and only the capture thread may wait. Reading is bounded, decoding is set for low delay, and
damage is skipped: a live picture has no second chance.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import av
import av.container
import av.error
import numpy as np
from av.codec.context import Flags
from av.video.reformatter import VideoReformatter

from engine.errors import SourceError
from engine.sources.container import is_url, shown
from engine.sources.reasons import reason
from engine.sources.source import SourceInfo
from engine.types import Frame

OPEN_SECONDS = 5.0  # a host that does not answer is given up after this
READ_SECONDS = 5.0  # a stream that sends nothing is lost after this
_JUMP = 1.0  # s; a time stamp this far from the clock is a new start of the sender's clock

_OPTIONS = {
    "rtsp": {"rtsp_flags": "prefer_tcp", "buffer_size": "4194304", "max_delay": "200000"},
    "rtsps": {"rtsp_transport": "tcp", "max_delay": "200000"},
    "udp": {"fifo_size": "65536", "overrun_nonfatal": "1", "buffer_size": "4194304"},
    "http": {"multiple_requests": "0"},
}
_LOW_DELAY = {"fflags": "nobuffer", "analyzeduration": "1000000", "probesize": "1000000"}


@dataclass(frozen=True, slots=True)
class Address:
    """What PyAV opens."""

    text: str
    format: str | None = None  # FFmpeg's input format, where it cannot be guessed
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_url(cls, url: str) -> Address:
        """A network stream, with the options that keep its delay low."""
        scheme = url.partition("://")[0].lower()
        return cls(url, None, {**_LOW_DELAY, **_OPTIONS.get(scheme, {})})


class StreamSource:
    """Frames as they arrive, until the sender ends or the link breaks. It can be read once."""

    def __init__(self, address: Address, name: str = "") -> None:
        self._address = address
        self.name = name or shown(address.text)
        self.info = SourceInfo(kind="stream", size=(0, 0), live=True)
        self._closed = threading.Event()
        self._heard = 0.0  # monotonic time of the last sign of life

    def frames(self) -> Iterator[Frame]:
        """Open, and yield every frame that can be decoded; call it once.

        Raises:
            SourceError: it cannot be opened, or nothing arrives any more.
        """
        self._heard = time.monotonic()
        try:
            with self._open() as container:
                yield from self._decoded(container)
        except (av.error.FFmpegError, OSError) as error:
            if not self._closed.is_set():
                # FFmpeg may call a timeout "invalid data", so the clock decides.
                in_time = time.monotonic() - self._heard < READ_SECONDS
                silent = f"it has sent nothing for {READ_SECONDS:g} s"
                why = reason(self._address.text, error) if in_time else silent
                raise SourceError(f"{self.name}: {why}") from error

    def close(self) -> None:
        """Deliver nothing more; a read under way ends within its time limit. From any thread."""
        self._closed.set()

    def _open(self) -> av.container.InputContainer:
        return av.open(
            self._address.text,
            format=self._address.format,
            options=dict(self._address.options),
            timeout=(OPEN_SECONDS, READ_SECONDS) if is_url(self._address.text) else None,
            metadata_errors="replace",
        )

    def _decoded(self, container: av.container.InputContainer) -> Iterator[Frame]:
        if not container.streams.video:
            raise SourceError(f"{self.name}: it answers, but sends no picture")
        stream = container.streams.video[0]
        stream.thread_type = "SLICE"  # frame threads would each hold a frame back
        stream.codec_context.flags |= Flags.low_delay
        rate = stream.average_rate or stream.guessed_rate
        self.info = SourceInfo(
            kind="stream",
            size=(stream.codec_context.width, stream.codec_context.height),
            rate=float(rate) if rate else None,
            codec=stream.codec_context.name,
            live=True,
        )
        clock, converter, index = _Clock(), VideoReformatter(), 0
        for packet in container.demux(stream):
            if self._closed.is_set():
                return
            self._heard = time.monotonic()
            for decoded in _decode(packet):
                arrived = time.perf_counter()
                rgb = converter.reformat(decoded, format="rgb24", threads=1)
                pixels = np.asarray(rgb.to_ndarray(), np.uint8)
                yield Frame(pixels, index, clock.seconds(decoded.time, arrived), arrived, self.name)
                index += 1


def _decode(packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())
    except av.error.InvalidDataError:
        return []  # a stream is joined in the middle, and parts of it may be lost on the way


class _Clock:
    """Time stamps of the sender while they are sane, else the time of arrival; never backwards."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._offset = 0.0
        self._last = -1e-3

    def seconds(self, stamp: float | None, arrived: float) -> float:
        """Seconds since the first frame, from the sender's stamp and the local arrival time."""
        if self._began is None:
            self._began, self._offset = arrived, -(stamp or 0.0)
        local = arrived - self._began
        if stamp is None:
            seconds = local
        else:
            if abs(stamp + self._offset - local) > _JUMP:
                self._offset = local - stamp
            seconds = stamp + self._offset
        self._last = max(seconds, self._last + 1e-3)
        return self._last
