"""Videos and network streams through PyAV: every frame once, upright, at the container's own time.

Time stamps. `Frame.time` is the container's presentation time in seconds, its start offset kept,
so a variable frame rate costs nothing. AVI stores decoding times only: there the n-th frame shown
takes the n-th of them. A frame without a time stamp, or with one that does not advance, follows
its predecessor by one frame duration.

Damage. A frame that cannot be decoded is counted and the rest is still delivered; when everything
is out, one SourceError says how much is missing and where.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

import av
import av.error
import cv2
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from engine.errors import SourceError
from engine.sources import container as opening
from engine.types import Frame


class VideoSource:
    """The frames of one video file or network stream. It can be read once."""

    def __init__(self, text: str) -> None:
        """Open it and decode the first frame, so that what cannot be read is known at once.

        Args:
            text: a file, or a URL such as rtsp://host/path.

        Raises:
            SourceError: it is missing, empty, not a video, or nothing in it can be decoded.
        """
        self._text = text
        self.name = opening.shown(text)
        self._container, self._stream = opening.open_container(text)
        try:
            self._stream.thread_type = "AUTO"
            self._clock = _Clock(self._stream, counts_decoding=self._container.format.name == "avi")
            self._health = _Health(
                opening.expected_frames(self._container, self._stream),
                opening.expected_end(self._container, self._stream),
            )
            self._decoded = self._decode()
            self._first = next(self._decoded, None)
            if self._first is None:
                raise SourceError(f"{self.name}: not one frame can be decoded{self._cause()}")
            self.info = opening.describe(self._container, self._stream, self._first, text)
        except SourceError:
            self.close()
            raise
        self._converter = VideoReformatter()

    def frames(self) -> Iterator[Frame]:
        """Yield every frame in the order of showing; call it once.

        Raises:
            SourceError: after the last frame, when some are missing or damaged.
        """
        for index, decoded in enumerate(self._in_order()):
            seconds = self._clock.seconds(decoded)
            self._health.delivered(seconds, decoded)
            pixels = self._upright(self._converter.reformat(decoded, format="rgb24", threads=1))
            yield Frame(pixels, index, seconds, time.perf_counter(), self.name)
        loss = self._health.loss()
        if loss:
            raise SourceError(f"{self.name} {loss}{self._cause()}")

    def close(self) -> None:
        """Give the decoder back; may be called twice."""
        self._container.close()

    def _in_order(self) -> Iterator[av.VideoFrame]:
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from self._decoded
        can_return = self._clock.knows_stamps and not opening.is_url(self._text)
        if self._health.swallowed and can_return:
            yield from self._tail()

    def _decode(self) -> Iterator[av.VideoFrame]:
        for packet in self._packets():
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

    def _packets(self) -> Iterator[av.Packet[av.VideoStream]]:
        try:
            for packet in self._container.demux(self._stream):
                self._health.packets += packet.size > 0
                yield packet
        except av.error.ExitError:
            self._health.error = f"nothing arrived for {opening.READ_SECONDS:g} s"
        except (av.error.FFmpegError, OSError) as error:
            self._health.error = getattr(error, "strerror", None) or str(error)

    def _tail(self) -> Iterator[av.VideoFrame]:
        """What a decoder of several threads lost when it met damage at the very end.

        It drops the frames in flight together with the broken one; a decoder of one thread, started
        at the last key frame, gets them.
        """
        last = self._clock.stamp
        again, stream = opening.open_container(self._text)
        with again:
            stream.thread_type = "SLICE"
            again.seek(max(last, 0), stream=stream)
            for packet in again.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError:
                    continue
                yield from (f for f in frames if f.pts is not None and f.pts > last)

    def _upright(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = np.asarray(frame.to_ndarray(), np.uint8)
        if self.info.mirrored:
            pixels = np.asarray(cv2.flip(pixels, 1), np.uint8)
        turn = _TURNS.get(self.info.rotation)
        return pixels if turn is None else np.asarray(cv2.rotate(pixels, turn), np.uint8)

    def _cause(self) -> str:
        return f" ({self._health.error})" if self._health.error else ""


_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


class _Clock:
    """When each frame is to be shown, in ticks of the container and in seconds."""

    def __init__(self, stream: av.VideoStream, counts_decoding: bool) -> None:
        self.stamp = -1  # of the frame before, ticks
        self._tick = stream.time_base or Fraction(1, 1000)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        self._step = max(1, round(1 / (rate * self._tick)))
        self._decoding: deque[int | None] | None = deque() if counts_decoding else None
        self._started = False

    @property
    def knows_stamps(self) -> bool:
        """Whether the container says when each frame is shown."""
        return self._decoding is None

    def saw(self, packet: av.Packet[av.VideoStream]) -> None:
        """Note a packet on its way to the decoder."""
        if self._decoding is not None and packet.size:
            self._decoding.append(packet.dts)

    def seconds(self, frame: av.VideoFrame) -> float:
        """The time of the next frame in order of showing."""
        stamp = frame.pts
        if self._decoding is not None:
            stamp = self._decoding.popleft() if self._decoding else None
        if stamp is None or (self._started and stamp <= self.stamp):
            stamp = self.stamp + (frame.duration or self._step) if self._started else 0
        self.stamp, self._started = stamp, True
        return float(stamp * self._tick)


@dataclass(slots=True)
class _Health:
    """What was expected of a video and what came."""

    expected: int | None  # frames
    end: float | None  # seconds
    packets: int = 0
    decoded: int = 0
    undecodable: int = 0
    damaged: int = 0
    count: int = 0
    error: str | None = None
    last: float = 0.0  # seconds, when the last frame delivered ends
    harm: list[float] = field(default_factory=list)  # seconds; the first damage only

    @property
    def swallowed(self) -> bool:
        """Whether the decoder met damage and kept frames to itself."""
        return self.decoded + self.undecodable < self.packets and bool(
            self.undecodable or self._breaks_off()
        )

    def delivered(self, seconds: float, frame: av.VideoFrame) -> None:
        """Count one frame that goes out, and the damage around it."""
        if not self.harm and (frame.is_corrupt or self.undecodable):
            self.harm.append(seconds)
        length = float(frame.duration * frame.time_base) if frame.time_base else 0.0
        self.damaged += frame.is_corrupt
        self.count += 1
        self.last = seconds + length

    def loss(self) -> str:
        """What is missing, as the rest of a sentence; empty when nothing is."""
        if self._breaks_off():
            return f"breaks off at {self.last:.3f} s: {self._missing()}"
        lost = max(self.undecodable, self.expected - self.count if self.expected else 0)
        if not (self.undecodable or self.damaged or self.error):
            return ""
        where = f", the first near {self.harm[0]:.3f} s" if self.harm else ""
        return f"is damaged: {lost} frames lost and {self.damaged} with errors{where}"

    def _breaks_off(self) -> bool:
        if self.expected is not None:
            return self.packets < self.expected
        if self.end is not None and self.count:
            return self.last < self.end - max(0.25, 2 * self.last / self.count)
        return self.error is not None

    def _missing(self) -> str:
        if self.expected is not None:
            return f"{self.count} of {self.expected} frames could be read"
        if self.end is not None:
            return f"the last {self.end - self.last:.3f} s of {self.end:.3f} s are missing"
        return f"{self.count} frames could be read"
