"""How many frames a second a video has, measured from its first time stamps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import av
import numpy as np

from engine.sources.choice import Container, Stream

Packet: TypeAlias = "av.Packet[av.VideoStream]"

_PACKETS, _SECONDS, _BYTES = 64, 2.0, 64_000_000  # looked at, at most
_DIFFERENT = 0.1  # a claim further from the measured rate than this part of it is not believed


def first_packets(packets: Iterator[Packet]) -> list[Packet]:
    """The first packets, enough to tell the rate by; they still have to be decoded."""
    head: list[Packet] = []
    stamps: list[float] = []
    size = 0
    for packet in packets:
        head.append(packet)
        size += packet.size
        if packet.dts is not None:
            stamps.append(float(packet.dts * packet.time_base))
        if len(head) == _PACKETS or size > _BYTES or (stamps and stamps[-1] - stamps[0] > _SECONDS):
            break
    return head


def rate_of(head: list[Packet], container: Container, stream: Stream) -> float | None:
    """Frames per second: the claimed rate, unless the stamps of the first packets differ from it.

    MP4 computes its claim from the times of all frames, so there it is exact.
    """
    claimed = float(stream.average_rate or stream.guessed_rate or 0) or None
    if "mp4" in container.format.name and stream.frames:
        return claimed
    measured = _measured(head)
    if measured is None:
        return claimed
    if claimed is not None and abs(claimed - measured) <= _DIFFERENT * measured:
        return claimed
    return measured


def _measured(head: list[Packet]) -> float | None:
    """From the usual step between two stamps; gaps and repeated stamps are left out."""
    stamps = sorted(
        {p.dts if p.pts is None else p.pts for p in head if p.size and p.dts is not None}
    )
    steps = np.diff(np.array(stamps, np.float64))
    if len(steps) < 2:
        return None
    usual = float(np.median(steps))
    steps = steps[(steps > 0.5 * usual) & (steps < 1.5 * usual)]
    tick = float(head[0].time_base)
    return round(1 / (float(steps.mean()) * tick), 3) if len(steps) else None
