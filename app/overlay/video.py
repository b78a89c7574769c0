"""The overlay video: H.264 in MP4, with the source's time stamps and sound.

While it is written the file consists of fragments of about two seconds, so a killed program leaves
everything up to the last one; when it is finished it becomes an ordinary MP4.
"""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
import av.container
import av.error

from app.overlay.audio import Sound, SoundTrack
from app.overlay.disk import DiskFile
from app.overlay.encoding import CODEC, LONGEST_SIDE, Coded, Draw, Encoder, Encoding, Look, no_h264
from app.tracks.writer import Ending
from engine.sources.source import SourceInfo
from engine.types import Result


class OverlayVideo:
    """Frames with skeletons, at the times of the source."""

    def __init__(
        self,
        path: Path,
        info: SourceInfo,
        draw: Draw,
        *,
        quality: int = 23,
        sound: Sound | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        """Create the file.

        Args:
            draw: gives the picture to write, (H, W, 3) uint8 RGB.
            quality: H.264 constant rate factor 0..51; lower is better and larger.
            sound: what is to be heard; None: nothing.
            encoding: encodes the frames elsewhere; None: here.

        Raises:
            OutputError: the file cannot be created, or this FFmpeg cannot write H.264.
        """
        self._notes: list[str] = []
        self._path = path
        look = Look.of(info, quality)
        self._tick = look.tick
        self._encoding = encoding if encoding is not None else Encoder(look, draw)
        self._last: int | None = None  # time stamp of the last frame, ticks
        self._closed = False
        self._disk = DiskFile(path)
        self._file = av.open(self._disk, "w", format="mp4", options=_options(self._tick))
        self._stream = _add_stream(self._file, look)
        if max(info.size) > LONGEST_SIDE:
            width, height = look.size
            self._notes.append(
                f"the overlay is scaled to {width}x{height}: H.264 ends at {LONGEST_SIDE} pixels"
            )
        self._wanted = sound
        self._sound = self._opened(sound) if sound is not None else None
        self._skipped = 0  # ticks of jumps that MP4 cannot hold
        self._longest = int((2**31 - 1) / _clock(self._tick) / self._tick)  # ticks of one frame

    @property
    def note(self) -> str:
        """What the user should know, for example that the sound was left out."""
        sound = self._sound.note if self._sound is not None else ""
        return "; ".join([*self._notes, *([sound] if sound else [])])

    def write(self, result: Result) -> None:
        """Draw and encode one frame."""
        stamp = self._stamp(result.frame.time)
        if self._sound is not None and not self._skipped:
            self._sound.until(result.frame.time)
        for coded in self._encoding.write(result, stamp):
            self._mux(coded)
        if self._disk.error is not None:
            raise self._disk.error

    def close(self, ending: Ending) -> None:
        """Finish the file; one without a single frame is removed, since no player opens it."""
        if self._closed:
            return
        self._closed = True
        for coded in self._encoding.finish():
            self._mux(coded)
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

    def _mux(self, coded: Coded) -> None:
        packet = av.Packet(coded.data)
        packet.pts = packet.dts = coded.stamp
        packet.duration, packet.time_base = coded.duration, self._tick
        packet.is_keyframe = coded.key
        packet.stream = self._stream
        self._file.mux(packet)


def _add_stream(file: av.container.OutputContainer, look: Look) -> av.VideoStream:
    """The stream, with an encoder that only says in the file's header how the frames are coded."""
    try:
        stream = file.add_stream(CODEC, rate=Fraction(look.rate or 25).limit_denominator(1001))
    except av.error.FFmpegError as error:
        raise no_h264() from error
    look.apply(stream.codec_context)
    stream.time_base = look.tick
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
