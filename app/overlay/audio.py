"""The sound of a video for its overlay: copied where MP4 takes it, else encoded to AAC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import av
import av.audio
import av.container
import av.error

from engine.sources.container import METADATA, Address, readable

# What MP4 holds as it is; other sound, such as PCM, is encoded.
_COPIED = frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"})
_NEED_SETUP = frozenset({"aac", "alac", "flac", "opus"})  # MPEG-TS carries AAC without


@dataclass(frozen=True, slots=True)
class Sound:
    """Which sound belongs to an overlay."""

    address: str  # a file, or what else opens the source again
    start: float | None = None  # s in the source; what is before is left out
    to_its_end: bool = True  # else it ends with the last frame


class SoundTrack:
    """The first audio stream of a file, in step with the pictures of the output.

    Packets that go back in time, as after a restart of a recorder's clock, are left out. Where the
    sound cannot be written it ends, and `note` says so; the pictures continue.
    """

    def __init__(self, sound: Sound, output: av.container.OutputContainer) -> None:
        """Add the sound's stream to the output, before anything is written to it.

        Raises:
            ValueError: there is no sound, or it can be neither copied nor encoded.
        """
        self.note = ""
        self._output, self._start = output, sound.start
        self._last: int | None = None  # decoding time of the packet before
        try:
            address = readable(Address.of(sound.address).text)
            self._input = av.open(address, "r", **METADATA)
        except (OSError, av.error.FFmpegError) as error:
            raise ValueError(str(error)) from error
        try:
            self._from = self._input.streams.audio[0]
            self._encodes = not _can_copy(self._from)
            self._to = self._encoder() if self._encodes else self._copier()
        except (IndexError, ValueError, av.error.FFmpegError) as error:
            self._input.close()
            raise ValueError(str(error)) from error
        self._packets = self._read()
        self._next = next(self._packets, None)

    def until(self, seconds: float) -> None:
        """Write everything that starts before this time of the source."""
        try:
            while self._next is not None and _start_of(self._next) < seconds:
                packet, self._next = self._next, next(self._packets, None)
                self._write(packet)
        except (ValueError, OSError, av.error.FFmpegError) as error:
            self._next = None
            self.note = f"the sound ends at about {seconds:.1f} s: {error}"

    def finish(self) -> None:
        """Write what the encoder holds."""
        if self._encodes:
            try:
                self._output.mux(self._to.encode(None))
            except (ValueError, OSError, av.error.FFmpegError) as error:
                self.note = self.note or f"the end of the sound is missing: {error}"

    def close(self) -> None:
        """Close the input; may be called twice."""
        self._next = None
        self._input.close()

    def _copier(self) -> av.audio.AudioStream:
        stream: av.audio.AudioStream = self._output.add_stream_from_template(self._from)
        return stream

    def _encoder(self) -> av.audio.AudioStream:
        context = self._from.codec_context
        if context is None or not context.sample_rate:
            raise ValueError("this FFmpeg does not know how the sound is coded")
        layout = "mono" if context.layout.nb_channels == 1 else "stereo"
        rate = context.sample_rate if 8000 <= context.sample_rate <= 96_000 else 48_000
        return self._output.add_stream("aac", rate=rate, layout=layout)

    def _write(self, packet: av.Packet[av.audio.AudioStream]) -> None:
        if self._encodes:
            for frame in packet.decode():
                self._output.mux(self._to.encode(frame))
        else:
            packet.stream = self._to
            self._output.mux(packet)

    def _is_early(self, packet: av.Packet[av.audio.AudioStream]) -> bool:
        return self._start is not None and _start_of(packet) < self._start

    def _read(self) -> Iterator[av.Packet[av.audio.AudioStream]]:
        """All packets in order of time; where the file is damaged the sound ends."""
        try:
            for packet in self._input.demux(self._from):
                if packet.dts is None or self._is_early(packet):
                    continue
                if self._last is not None and packet.dts <= self._last:
                    self.note = "sound that goes back in time is left out"
                    continue
                self._last = packet.dts
                yield packet
        except (OSError, av.error.FFmpegError):
            return


def _can_copy(stream: av.audio.AudioStream) -> bool:
    context = stream.codec_context
    if context is None or context.name.removesuffix("float") not in _COPIED:
        return False
    return context.name not in _NEED_SETUP or bool(context.extradata)


def _start_of(packet: av.Packet[av.audio.AudioStream]) -> float:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return float(stamp * packet.time_base) if stamp is not None else 0.0
