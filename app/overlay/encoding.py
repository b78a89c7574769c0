"""Pictures with skeletons as H.264, in groups of frames that do not depend on each other.

The encoder is started anew for every group of about two seconds. Encoding a part of a video that
begins with a group gives what one pass over the video gives, so machines can share the work and
the parts are joined without encoding again. For the same reason the number of threads, on which
x264's choices depend, is the same everywhere, and there are no B-frames, whose decoding times
would overlap between groups.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

import av
import av.error
import cv2
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from engine.errors import OutputError
from engine.sources.source import SourceInfo
from engine.types import Frame, Poses, Result

CODEC: Final = "libx264"
LONGEST_SIDE = 16_384  # pixels, of x264
_LARGE = 1 << 24  # pixels; the encoder keeps few of such frames, or it takes 1.3 GB at 8K
_BT709 = 1  # as FFmpeg numbers the colour matrix, transfer and primaries of HD television

Draw = Callable[[Frame, Poses], NDArray[np.uint8]]  # (H, W, 3) RGB


def frames_together(rate: float | None) -> int:
    """Frames of one group: about 2 s, which is also how far apart seek points are."""
    return max(12, min(250, round(2 * (rate or 25))))


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are encoded."""

    size: tuple[int, int]  # width and height, even
    tick: Fraction  # s, the unit of time stamps
    rate: float | None  # frames per second
    quality: int  # constant rate factor 0..51; lower is better and larger
    aspect: Fraction  # width : height of a pixel

    @classmethod
    def of(cls, info: SourceInfo, quality: int) -> Look:
        """That of a source's overlay."""
        tick = info.time_base or Fraction(1, 90_000)
        return cls(_even(info.size), tick, info.rate, quality, info.pixel_aspect)

    def apply(self, context: VideoCodecContext) -> None:
        """Set up an encoder that is not open yet."""
        context.width, context.height = self.size
        context.pix_fmt = "yuv420p"
        context.time_base = self.tick
        context.framerate = Fraction(self.rate or 25).limit_denominator(1001)
        context.sample_aspect_ratio = self.aspect
        context.color_range = ColorRange.MPEG.value
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        options = {
            "preset": "superfast",  # a third less time than veryfast, for a half larger file
            "crf": str(self.quality),
            "threads": "4",
            "bf": "0",
            "g": str(frames_together(self.rate)),
        }
        if self.size[0] * self.size[1] > _LARGE:
            options |= {"preset": "ultrafast", "tune": "zerolatency"}
        context.options = options


@dataclass(frozen=True, slots=True)
class Coded:
    """One encoded frame."""

    data: bytes
    stamp: int  # ticks
    duration: int  # ticks; 0: not known
    key: bool


class Encoding(Protocol):
    """Encoded frames, one for each result, in order."""

    def write(self, result: Result, stamp: int) -> Iterator[Coded]:
        """Take a frame with its time stamp in ticks, and give what is ready."""
        ...

    def finish(self) -> Iterator[Coded]:
        """Give the rest."""
        ...


class Encoder:
    """Draws and encodes frames; the first one begins a group.

    A source of odd width or height gets its last column or row twice, because H.264 halves the
    resolution of colour; coordinates stay the same. A frame of another size is scaled to the first.
    """

    def __init__(self, look: Look, draw: Draw) -> None:
        """Start before the first frame; `draw` gives the picture to write."""
        self._look, self._draw = look, draw
        self._together = frames_together(look.rate)
        self._count = 0
        self._context: VideoCodecContext | None = None
        self._converter = VideoReformatter()

    def write(self, result: Result, stamp: int) -> Iterator[Coded]:
        """Draw and encode one frame.

        Raises:
            OutputError: this FFmpeg cannot write H.264.
        """
        if self._count % self._together == 0:
            yield from self.finish()
            self._context = _opened(self._look)
        self._count += 1
        assert self._context is not None
        picture = self._picture(self._draw(result.frame, result.poses))
        picture.pts, picture.time_base = stamp, self._look.tick
        yield from map(_coded, self._context.encode(picture))

    def finish(self) -> Iterator[Coded]:
        """What the encoder still holds."""
        if self._context is not None:
            yield from map(_coded, self._context.encode(None))
            self._context = None

    def _picture(self, drawn: NDArray[np.uint8]) -> av.VideoFrame:
        return self._converter.reformat(
            av.VideoFrame.from_numpy_buffer(_fitting(drawn, self._look.size)),
            width=self._look.size[0],
            height=self._look.size[1],
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )


def no_h264() -> OutputError:
    """The error of an FFmpeg without x264."""
    return OutputError(
        f"this FFmpeg has no {CODEC} to write H.264: install `av` from PyPI, "
        "or go without the overlay (--no-overlay)"
    )


def _opened(look: Look) -> VideoCodecContext:
    try:
        context = av.CodecContext.create(CODEC, "w")
    except (ValueError, av.error.FFmpegError) as error:
        raise no_h264() from error
    assert isinstance(context, VideoCodecContext)
    look.apply(context)
    context.flags |= Flags.global_header
    context.open()
    return context


def _coded(packet: av.Packet[av.VideoStream]) -> Coded:
    assert packet.pts is not None
    return Coded(bytes(packet), packet.pts, packet.duration or 0, packet.is_keyframe)


def _even(size: tuple[int, int]) -> tuple[int, int]:
    """Even sides that H.264 can hold: those given, or both smaller by one factor."""
    scale = min(1.0, LONGEST_SIDE / max(size))
    width, height = (max(2, math.ceil(side * scale)) for side in size)
    return width + width % 2, height + height % 2


def _fitting(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) with even H and W; made smaller where it is larger than H.264 can hold."""
    height, width = picture.shape[:2]
    if max(width, height) > LONGEST_SIDE:
        smaller = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        return np.asarray(smaller, np.uint8)
    if height % 2 == 0 and width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
