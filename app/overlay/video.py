"""The overlay video: H.264 in MP4, the source's time stamps, its sound copied.

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
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from numpy.typing import NDArray

from app.overlay.audio import AudioCopy
from app.overlay.disk import DiskFile
from app.tracks.writer import Ending
from engine.errors import OutputError
from engine.sources.source import SourceInfo
from engine.types import Frame, Poses, Result

Draw = Callable[[Frame, Poses], NDArray[np.uint8]]
_BT709 = 1  # as FFmpeg numbers the colour matrix, transfer and primaries of HD television
_CODEC: Final = "libx264"
_LARGE = 1 << 24  # pixels; the encoder keeps few of such frames, or it takes 1.3 GB at 8K


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
        audio: str | None = None,
    ) -> None:
        """Create the file.

        Args:
            draw: gives the picture to write, (H, W, 3) uint8 RGB.
            quality: H.264 constant rate factor 0..51; lower is better and larger.
            audio: the file whose sound is copied; None: no sound.

        Raises:
            OutputError: the file cannot be created, or this FFmpeg cannot write H.264.
        """
        self.note = ""  # what the user should know, for example that the sound was left out
        self._path = path
        self._draw = draw
        self._tick = info.time_base or Fraction(1, 90_000)
        self._last: int | None = None  # time stamp of the last frame, ticks
        self._closed = False
        self._disk = DiskFile(path)
        self._file = av.open(self._disk, "w", format="mp4", options=_options(self._tick))
        self._stream = _add_stream(self._file, info, self._tick, quality)
        self._sound = self._copy_of(audio) if audio is not None else None
        self._converter = VideoReformatter()

    def write(self, result: Result) -> None:
        """Draw and encode one frame."""
        picture = av.VideoFrame.from_numpy_buffer(_even(self._draw(result.frame, result.poses)))
        coded = self._converter.reformat(
            picture,
            width=self._stream.width,
            height=self._stream.height,
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        stamp = round(result.frame.time / self._tick)
        self._last = stamp if self._last is None else max(self._last + 1, stamp)
        coded.pts, coded.time_base = self._last, self._tick
        if self._sound is not None:
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
            if self._last is not None and ending.complete:
                self._sound.until(math.inf)
            self._sound.close()
        self._file.close()
        self._disk.close()
        if self._last is None:
            self._path.unlink(missing_ok=True)
        if self._disk.error is not None:
            raise self._disk.error

    def _copy_of(self, source: str) -> AudioCopy | None:
        try:
            return AudioCopy(source, self._file)
        except ValueError as error:
            self.note = f"without sound: {error}"
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
    stream.width, stream.height = (side + side % 2 for side in info.size)
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
    clock = tick.denominator
    while clock < 10_000:
        clock *= 2  # as FFmpeg chooses the clock of the track
    return {
        "movflags": "hybrid_fragmented+delay_moov",
        "movie_timescale": str(clock),
        "flush_packets": "1",
    }


def _even(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) with H and W made even by repeating the last row or column."""
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
