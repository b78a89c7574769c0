"""Videos and network streams through PyAV: every frame once, upright, at the container's own time.

Time stamps. `Frame.time` is the container's presentation time in seconds, its start offset kept,
so a variable frame rate costs nothing (engine.sources.clock). A camera that sends pictures without
any has the times of their arrival: FFmpeg would invent 25 frames per second.

Claims. What a header says of the rate is compared with the first time stamps, and what it says of
the length with the bytes that are there; where they differ, what was measured is believed.

Damage. A frame that cannot be decoded is counted and the rest is still delivered; when everything
is out, one SourceError says how much is missing and where.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import av
import av.error

from engine.errors import SourceError
from engine.sources import container as opening
from engine.sources.addresses import STANDARD_INPUT, is_url, shown
from engine.sources.clock import FileClock, PacketClock
from engine.sources.health import Health
from engine.sources.rates import first_packets, rate_of
from engine.sources.source import Stored, can_be_read_again
from engine.sources.stored import content_version
from engine.sources.stores import is_stored
from engine.sources.upright import Upright
from engine.types import Frame

_DECODING = 1 << 28  # bytes of the frames that a decoder's threads work on


def _threads(context: av.VideoCodecContext) -> int:
    """Decoding threads; each holds a frame of its own, so there are fewer for larger frames."""
    size = 3 * max(1, context.width * context.height)
    return max(1, min(os.cpu_count() or 1, _DECODING // size))


class VideoSource:
    """The frames of one video file or network stream. It can be read once."""

    def __init__(self, text: str) -> None:
        """Open it and decode the first frame, so that what cannot be read is known at once.

        Args:
            text: a file, "-" for standard input, or a URL such as rtsp://host/path.

        Raises:
            SourceError: it is missing, empty, not a video, or nothing in it can be decoded.
        """
        self._address = opening.Address.of(text)
        self.name = "standard input" if text == STANDARD_INPUT else shown(text)
        once = is_url(text) or not Path(text).is_file()
        self.files: tuple[Path, ...] = () if once else (Path(text),)
        stored = is_stored(text)
        self.stored = Stored(text, content_version(text, self.name)) if stored else None
        self._container, self._stream = opening.open_container(self._address, self.name)
        self._live = opening.comes_as_taken(self._container, text)
        if self._live:  # FFmpeg has watched for seconds, so the first pictures would come at once
            self._container.close()
            self._address = opening.Address.of(text, live=True)
            self._container, self._stream = opening.open_container(self._address, self.name)
        try:
            self._prepare()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise SourceError(f"{self.name}: not one frame can be decoded{self._cause()}")
            self._upright = Upright(self._first)
            info = opening.describe(self._container, self._stream, self._upright, self._rate, text)
            self.info = replace(info, time_base=None) if self._live else info
        except SourceError:
            self.close()
            raise

    def _prepare(self) -> None:
        """Look at the first packets, and get ready to decode."""
        self._stream.thread_type = "SLICE" if self._live else "AUTO"  # the other holds frames back
        self._stream.codec_context.thread_count = _threads(self._stream.codec_context)
        self._health = Health.of(self._container, self._stream, self._address)
        self._demuxed = self._demux()
        self._decoded = self._decode()
        self._rate: float | None = None
        self._clock: FileClock | PacketClock = PacketClock()
        if self._live:
            return
        head = first_packets(self._demuxed)
        self._rate = rate_of(head, self._container, self._stream)
        self._demuxed = chain(head, self._demuxed)
        counts_decoding = self._container.format.name == "avi"
        self._clock = FileClock(self._stream, self._rate, counts_decoding=counts_decoding)

    @property
    def notes(self) -> list[str]:
        """What was unusual about the file, as sentences; complete after the last frame."""
        return self._clock.notes

    def frames(self) -> Iterator[Frame]:
        """Yield every frame in the order of showing; call it once.

        Raises:
            SourceError: after the last frame, when some are missing or damaged.
        """
        for index, decoded in enumerate(self._in_order()):
            seconds = self._clock.seconds(decoded)
            self._health.delivered(seconds, decoded)
            pixels = self._upright.pixels(decoded)
            yield Frame(pixels, index, seconds, time.perf_counter(), self.name)
        loss = self._health.loss()
        if loss:
            raise SourceError(f"{self.name} {loss}{self._cause()}")

    def close(self) -> None:
        """Release the decoder; may be called twice."""
        self._container.close()

    def _in_order(self) -> Iterator[av.VideoFrame]:
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from self._decoded
        can_return = self._clock.knows_stamps and can_be_read_again(self)
        if self._health.swallowed and can_return:
            yield from self._tail()

    def _decode(self) -> Iterator[av.VideoFrame]:
        for packet in self._demuxed:
            if packet.size == 0 and packet.dts is not None:
                continue  # AVI marks "as before" this way; the decoder would take it for the end
            self._clock.saw(packet)
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                self._health.undecodable += 1
                continue
            except av.error.EOFError:  # it stopped after an error while it was being emptied
                return
            self._health.decoded += len(frames)
            yield from frames

    def _demux(self) -> Iterator[av.Packet[av.VideoStream]]:
        try:
            for packet in self._container.demux(self._stream):
                self._health.arrived(packet)
                yield packet
        except av.error.ExitError:
            self._health.error = f"nothing arrived for {opening.READ_SECONDS:g} s"
        except (av.error.FFmpegError, OSError) as error:
            self._health.error = getattr(error, "strerror", None) or str(error)

    def _tail(self) -> Iterator[av.VideoFrame]:
        """The frames that a decoder of several threads lost to damage at the very end.

        It drops the frames in flight together with the broken one; a decoder of one thread, started
        at the last key frame, gets them.
        """
        last = self._clock.stamp
        again, stream = opening.open_container(self._address, self.name)
        with again:
            stream.thread_type = "SLICE"
            again.seek(max(last, 0), stream=stream)
            for packet in again.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    continue
                yield from (f for f in frames if f.pts is not None and f.pts > last)

    def _cause(self) -> str:
        return f" ({self._health.error})" if self._health.error else ""
