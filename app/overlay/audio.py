"""The sound of a video, copied packet by packet into another without being coded anew."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.audio
import av.container
import av.error

from engine.sources.container import METADATA, Address, readable


class AudioCopy:
    """Copies the first audio stream of a file in step with the pictures of the output."""

    def __init__(self, source: str, output: av.container.OutputContainer) -> None:
        """Add the sound's stream to the output, before anything is written to it.

        Raises:
            ValueError: there is no sound, or the output's format has no place for this kind.
        """
        self._output = output
        self._input = av.open(readable(Address.of(source).text), "r", **METADATA)
        try:
            self._from = self._input.streams.audio[0]
            self._to = output.add_stream_from_template(self._from)
        except (IndexError, ValueError, av.error.FFmpegError) as error:
            self._input.close()
            raise ValueError(str(error)) from error
        self._packets = self._read()
        self._next = next(self._packets, None)

    def until(self, seconds: float) -> None:
        """Copy everything that starts before this time of the source."""
        while self._next is not None and _start(self._next) < seconds:
            packet, self._next = self._next, next(self._packets, None)
            packet.stream = self._to
            self._output.mux(packet)

    def close(self) -> None:
        """Give the input back; may be called twice."""
        self._next = None
        self._input.close()

    def _read(self) -> Iterator[av.Packet[av.audio.AudioStream]]:
        """All packets; where the file is damaged the sound ends, as the pictures do."""
        try:
            for packet in self._input.demux(self._from):
                if packet.dts is not None:
                    yield packet
        except av.error.FFmpegError:
            return


def _start(packet: av.Packet[av.audio.AudioStream]) -> float:
    stamp = packet.pts if packet.pts is not None else packet.dts
    return float(stamp * packet.time_base) if stamp is not None else 0.0
