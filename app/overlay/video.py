"""The overlay video: H.264 in MP4, with the source's time stamps and sound.

While it is written the file consists of fragments of about two seconds, so a killed program leaves
everything up to the last one; when it is finished it becomes an ordinary MP4.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Final

import av
import av.container
import av.error
import cv2
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from app.overlay.audio import Sound, SoundTrack
from app.overlay.disk import DiskFile
from app.tracks.writer import Ending
from engine.errors import OutputError
from engine.sources.source import SourceInfo
from engine.types import Frame, Poses, Result

Draw = Callable[[Frame, Poses], NDArray[np.uint8]]
_BT709 = 1  # as FFmpeg numbers the colour matrix, transfer and primaries of HD television
_CODEC: Final = "libx264"
_LARGE = 1 << 24  # pixels; the encoder keeps few of such frames, or it takes 1.3 GB at 8K
_LONGEST_SIDE = 16_384  # pixels, of x264


class OverlayVideo:
    """Frames with skeletons, at the times of the source.

    A source of odd width or height gets its last column or row twice, because H.264 halves the
    resolution of colour; coordinates stay the same. A frame of another size is scaled to the first.
    """

    def __init__(
        self,
        path: Path,
        info: SourceInfo,
        draw: Draw,
        *,
        quality: int = 23,
        sound: Sound | None = None,
    ) -> None:
        """Create the file.

        Args:
            draw: gives the picture to write, (H, W, 3) uint8 RGB.
            quality: H.264 constant rate factor 0..51; lower is better and larger.
            sound: what is to be heard; None: nothing.

        Raises:
            OutputError: the file cannot be created, or this FFmpeg cannot write H.264.
        """
        self._notes: list[str] = []
        self._path = path
        self._draw = draw
        self._tick = info.time_base or Fraction(1, 90_000)
        self._last: int | None = None  # time stamp of the last frame, ticks
        self._closed = False
        self._disk = DiskFile(path)
        self._file = av.open(self._disk, "w", format="mp4", options=_options(self._tick))
        self._stream = _add_stream(self._file, info, self._tick, quality)
        self._shown = (self._stream.width, self._stream.height)
        if max(info.size) > _LONGEST_SIDE:
            width, height = self._shown
            self._notes.append(
                f"the overlay is scaled to {width}x{height}: H.264 ends at {_LONGEST_SIDE} pixels"
            )
        self._wanted = sound
        self._sound = self._opened(sound) if sound is not None else None
        self._skipped = 0  # ticks of jumps that MP4 cannot hold
        self._longest = int((2**31 - 1) / _clock(self._tick) / self._tick)  # ticks of one frame
        self._converter = VideoReformatter()

    @property
    def note(self) -> str:
        """What the user should know, for example that the sound was left out."""
        sound = self._sound.note if self._sound is not None else ""
        return "; ".join([*self._notes, *([sound] if sound else [])])

    def write(self, result: Result) -> None:
        """Draw and encode one frame."""
        drawn = _fitting(self._draw(result.frame, result.poses), self._shown)
        picture = av.VideoFrame.from_numpy_buffer(drawn)
        coded = self._converter.reformat(
            picture,
            width=self._stream.width,
            height=self._stream.height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        coded.pts, coded.time_base = self._stamp(result.frame.time), self._tick
        if self._sound is not None and not self._skipped:
            self._sound.until(result.frame.time)
        self._file.mux(self._stream.encode(coded))
        if self._disk.error is not None:
            raise self._disk.error

    def close(self, ending: Ending) -> None:
        """Finish the file; one without a single frame is removed, since no player opens it."""
        if self._closed:
            return
        self._closed = True
        if self._last is not None:
            self._file.mux(self._stream.encode(None))
        if self._sound is not None:
            if self._last is not None and ending.complete and not self._skipped:
                whole = self._wanted is not None and self._wanted.to_its_end
                self._sound.until(math.inf if whole else float((self._last + 1) * self._tick))
            self._sound.finish()
            self._sound.close()
        self._file.close()
        self._disk.close()
        if self._last is None:
            self._path.unlink(missing_ok=True)
        if self._disk.error is not None:
            raise self._disk.error

    def _stamp(self, seconds: float) -> int:
        """The time stamp of the next frame, ticks: later than the last, by what MP4 can hold."""
        stamp = round(seconds / self._tick) - self._skipped
        if self._last is not None and stamp - self._last > self._longest:
            jump = stamp - self._last - 1
            self._notes.append(
                f"the overlay leaves out a jump of {float(jump * self._tick) / 3600:.1f} hours at "
                f"{seconds:.1f} s"
            )
            self._skipped += jump
            stamp -= jump
        self._last = stamp if self._last is None else max(self._last + 1, stamp)
        return self._last

    def _opened(self, sound: Sound) -> SoundTrack | None:
        try:
            return SoundTrack(sound, self._file)
        except ValueError as error:
            self._notes.append(f"without sound: {error}")
            return None


def _add_stream(
    file: av.container.OutputContainer, info: SourceInfo, tick: Fraction, quality: int
) -> av.VideoStream:
    rate = Fraction(info.rate or 25).limit_denominator(1001)
    options = {
        "preset": "superfast",  # a third less time than veryfast, for a half larger file
        "crf": str(quality),
        "threads": str(min(4, os.cpu_count() or 1)),
        "g": str(max(12, min(250, round(2 * rate)))),  # a fragment and a seek point every 2 s
    }
    if info.size[0] * info.size[1] > _LARGE:
        options |= {"preset": "ultrafast", "tune": "zerolatency"}
    try:
        stream = file.add_stream(_CODEC, rate=rate, options=options)
    except av.error.FFmpegError as error:
        raise OutputError(
            f"this FFmpeg has no {_CODEC} to write H.264: install `av` from PyPI, "
            "or go without the overlay (--no-overlay)"
        ) from error
    stream.width, stream.height = _size(info.size)
    stream.pix_fmt = "yuv420p"
    stream.time_base = tick
    context = stream.codec_context
    context.time_base = tick
    context.sample_aspect_ratio = info.pixel_aspect
    context.color_range = ColorRange.MPEG.value
    context.colorspace = context.color_primaries = context.color_trc = _BT709
    return stream


def _options(tick: Fraction) -> dict[str, str]:
    """How MP4 is written.

    Fragments while writing, an ordinary MP4 at the end; the index waits for the first fragment, so
    that it can hold the exact start times; and the whole movie counts time as finely as its video.
    """
    return {
        "movflags": "hybrid_fragmented+delay_moov",
        "movie_timescale": str(_clock(tick)),
        "flush_packets": "1",
    }


def _clock(tick: Fraction) -> int:
    """Units per second of an MP4 track, as FFmpeg chooses them."""
    clock = tick.denominator
    while clock < 10_000:
        clock *= 2
    return clock


def _size(size: tuple[int, int]) -> tuple[int, int]:
    """Even sides that H.264 can hold: those given, or both smaller by one factor."""
    scale = min(1.0, _LONGEST_SIDE / max(size))
    width, height = (max(2, math.ceil(side * scale)) for side in size)
    return width + width % 2, height + height % 2


def _fitting(picture: NDArray[np.uint8], shown: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W, 3) with even H and W; made smaller where it is larger than H.264 can hold."""
    height, width = picture.shape[:2]
    if max(width, height) > _LONGEST_SIDE:
        smaller = cv2.resize(picture, shown, interpolation=cv2.INTER_AREA)
        return np.asarray(smaller, np.uint8)
    if height % 2 == 0 and width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
