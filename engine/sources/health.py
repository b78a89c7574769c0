"""What was expected of a video and what came, and how the difference is said."""

from __future__ import annotations

from dataclasses import dataclass, field

import av

from engine.sources.choice import Container, Stream
from engine.sources.container import Address, expected_end, expected_frames, is_whole


@dataclass(slots=True)
class Health:
    """What was expected of a video and what came."""

    expected: int | None  # frames
    end: float | None  # seconds
    counts_ticks: bool = False  # AVI: a frame per tick, those that were dropped included
    packets: int = 0
    decoded: int = 0
    undecodable: int = 0
    damaged: int = 0
    count: int = 0
    error: str | None = None
    last: float = 0.0  # seconds, when the last frame delivered ends
    harm: list[float] = field(default_factory=list)  # seconds; the first damage only

    @classmethod
    def of(cls, container: Container, stream: Stream, address: Address) -> Health:
        """Expect what the container claims, where the length of the file does not prove it old."""
        if is_whole(address):
            return cls(None, None)
        avi = container.format.name == "avi"
        return cls(expected_frames(container, stream), expected_end(container, stream), avi)

    def arrived(self, packet: av.Packet[av.VideoStream]) -> None:
        """Count a packet of the container."""
        self.packets += packet.size > 0
        if self.counts_ticks and packet.dts is not None:
            self.packets = max(self.packets, packet.dts + 1)

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
