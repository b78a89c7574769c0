"""Network streams, the screen, standard input and FFmpeg's test pictures: whatever is live.

Unlike `video.VideoSource` nothing is opened before `frames` runs, because opening may wait for a
host and only the capture thread may wait. Reading is bounded, decoding is set for low delay, and
damage is skipped: a live picture has no second chance.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import av
import av.error
import numpy as np
from av.codec.context import Flags
from numpy.typing import NDArray

from engine.errors import SourceError
from engine.sources import container as opening
from engine.sources.addresses import is_url, shown
from engine.sources.choice import Container, Stream
from engine.sources.clock import ArrivalClock
from engine.sources.container import Address, has_stamps, is_snapshot, open_container
from engine.sources.reasons import reason
from engine.sources.source import SourceInfo
from engine.sources.upright import Upright
from engine.types import Frame

SNAPSHOT_SECONDS = 0.5  # an address that gives a single picture is asked again after this


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
            yield from self._frames()
        except (av.error.FFmpegError, OSError) as error:
            if not self._closed.is_set():
                # FFmpeg may report a timeout as "invalid data", so the elapsed time decides.
                limit = opening.READ_SECONDS
                in_time = time.monotonic() - self._heard < limit
                silent = f"it has sent nothing for {limit:g} s"
                why = reason(self._address.text, error, limit) if in_time else silent
                raise SourceError(f"{self.name}: {why}") from error

    def close(self) -> None:
        """Deliver nothing more; a read under way ends within its time limit. From any thread."""
        self._closed.set()

    def _frames(self) -> Iterator[Frame]:
        clock, index = ArrivalClock(), 0
        while not self._closed.is_set():
            container, stream = open_container(self._address, self.name)
            remote = is_url(self._address.text)
            snapshot = remote and is_snapshot(container)
            stamped = not remote or has_stamps(container)
            with container:
                for decoded, pixels in self._pictures(container, stream, stamped=stamped):
                    arrived = time.perf_counter()
                    seconds = clock.seconds(decoded.time if stamped else None, arrived)
                    yield Frame(pixels, index, seconds, arrived, self.name)
                    index += 1
            if not snapshot or index == 0:
                return
            self._closed.wait(SNAPSHOT_SECONDS)

    def _pictures(
        self, container: Container, stream: Stream, *, stamped: bool
    ) -> Iterator[tuple[av.VideoFrame, NDArray[np.uint8]]]:
        """Every frame that can be decoded, and its upright pixels."""
        stream.thread_type = "SLICE"  # frame threads would each hold a frame back
        stream.codec_context.flags |= Flags.low_delay
        upright: Upright | None = None
        for packet in container.demux(stream):
            if self._closed.is_set():
                return
            self._heard = time.monotonic()
            for decoded in _decode(packet):
                if upright is None:
                    upright = Upright(decoded)
                    self._describe(stream, upright, stamped=stamped)
                yield decoded, upright.pixels(decoded)

    def _describe(self, stream: Stream, upright: Upright, *, stamped: bool) -> None:
        rate = (stream.average_rate or stream.guessed_rate) if stamped else None
        self.info = SourceInfo(
            kind="stream",
            size=upright.size,
            rotation=upright.rotation,
            mirrored=upright.mirrored,
            rate=float(rate) if rate else None,
            codec=stream.codec_context.name,
            live=True,
        )


def _decode(packet: av.Packet[av.VideoStream]) -> list[av.VideoFrame]:
    try:
        return list(packet.decode())
    except av.error.InvalidDataError:
        return []  # a stream is joined in the middle, and parts of it may be lost on the way
