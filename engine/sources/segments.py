"""A video in segments that can be read independently, by different machines.

A segment begins at a multiple of the batch soon after a key frame, so that batches are composed as
in one pass over the whole video. Reading it seeks to that key frame, or to one shortly before, and
leaves out what belongs to the segment before. The numbers of its frames follow from the number of
frames stored before the key frame. Where a file does not keep to that – damage, time stamps that
are missing or repeated, frames hidden by an edit list – it is not cut, or a segment says it is
`unsound`; such a video has to be read in one pass.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise

import av

from engine.sources.addresses import shown
from engine.sources.choice import Container, Stream
from engine.sources.clock import FileClock
from engine.sources.container import Address, open_container
from engine.sources.health import Health
from engine.sources.video import VideoSource
from engine.types import Frame

LEAD = 16  # frames between a key frame and a cut: a decoder may reorder so many
# AVI stores no time of showing; in a transport stream a seek lands anywhere.
_SEEKABLE = ("mov,mp4", "matroska")
_KEYS = 3  # key frames before a cut that a seek may land on


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive frames of a video, and how to get to them."""

    start: int  # first frame
    end: int | None  # one behind the last; None: the end of the video
    seek: int | None = None  # ticks of the container; None: the beginning
    keys: tuple[tuple[int, int], ...] = ()  # (stamp, frames stored before), to land on
    by_dts: bool = True  # stamps are times of decoding, else of showing


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """What a container stores, in decoding order."""

    stamps: array[int]  # time of each frame, ticks of the container
    keys: array[int]  # numbers of the key frames
    by_dts: bool  # stamps are times of decoding (MP4's index), else of showing
    rate: float  # frames per second, as the container says


def index_of(text: str) -> Index | None:
    """Look a video's key frames up, or read it through where the file has no complete index.

    Returns:
        None where the video cannot be cut.

    Raises:
        SourceError: it cannot be opened.
    """
    container, stream = open_container(Address.of(text), shown(text))
    with container:
        if not container.format.name.startswith(_SEEKABLE):
            return None
        entries = stream.index_entries if "mp4" in container.format.name else ()
        if entries and len(entries) == stream.frames:
            if any(entry.is_discard for entry in entries):
                return None
            stamps = array("q", (entry.timestamp for entry in entries))
            keys = array("q", (n for n, entry in enumerate(entries) if entry.is_keyframe))
            increasing = all(a < b for a, b in pairwise(stamps))
            rate = float(stream.average_rate or 25)
            return Index(stamps, keys, True, rate) if increasing else None
        return _read_through(container, stream)


def _read_through(container: Container, stream: Stream) -> Index | None:
    stamps, keys = array("q"), array("q")
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if packet.pts is None or packet.is_discard or packet.is_corrupt:
            return None
        if packet.is_keyframe:
            keys.append(len(stamps))
        stamps.append(packet.pts)
    distinct = len(set(stamps)) == len(stamps)
    rate = float(stream.average_rate or 25)
    return Index(stamps, keys, False, rate) if distinct else None


def cut(index: Index, length: int, multiple: int) -> Iterator[Segment]:
    """Segments of at least `length` frames that begin at multiples of `multiple`."""
    start, seek = 0, None
    keys: tuple[tuple[int, int], ...] = ()
    for key in index.keys:
        at = -(-(key + LEAD) // multiple) * multiple
        if key == 0 or at - start < length or at > len(index.stamps) - LEAD:
            continue
        yield Segment(start, at, seek, keys, index.by_dts)
        last = bisect_right(index.keys, at - LEAD)
        start = at
        seek = index.stamps[at - LEAD if index.by_dts else index.keys[last - 1]]
        keys = tuple((index.stamps[k], k) for k in index.keys[max(0, last - _KEYS) : last])
    yield Segment(start, None, seek, keys, index.by_dts)


class SegmentSource(VideoSource):
    """The frames of one segment, numbered and timed as in the whole video."""

    def __init__(self, text: str, segment: Segment) -> None:
        """Open the video, and go to the segment.

        Raises:
            SourceError: as of `VideoSource`.
        """
        super().__init__(text)
        self._segment = segment
        self.unsound = ""  # why the frames may differ from those of one pass; known at the end
        self._before, self._key, self._leading = 0, -(1 << 62), 0
        if segment.seek is not None:
            self._first = None
            self._go_to(segment.seek, dict(segment.keys))

    def _go_to(self, seek: int, keys: dict[int, int]) -> None:
        self._container.seek(seek, stream=self._stream)
        packets = self._demux()
        first = next((p for p in packets if p.is_keyframe and self._stamp(p) in keys), None)
        if first is None or first.pts is None:
            self.unsound = "its key frames are not where its index says"
            self._decoded = iter(())
            return
        self._before, self._key = keys[self._stamp(first) or 0], first.pts
        self._health = Health(None, None)
        self._clock = FileClock(self._stream, self._rate, counts_decoding=False)
        self._demuxed = chain([first], map(self._counted, packets))
        self._decoded = self._decode()

    def _stamp(self, packet: av.Packet[av.VideoStream]) -> int | None:
        return packet.dts if self._segment.by_dts else packet.pts

    def _counted(self, packet: av.Packet[av.VideoStream]) -> av.Packet[av.VideoStream]:
        """Count the frames stored after the key frame that are shown before it."""
        if packet.size and packet.pts is not None and packet.pts < self._key:
            self._leading += 1
        return packet

    def frames(self) -> Iterator[Frame]:
        """Yield the segment's frames; call it once. Look at `unsound` afterwards."""
        start, end = self._segment.start, self._segment.end
        rank, last = 0, None
        first, self._first = self._first, None
        for decoded in chain([first] if first is not None else [], self._decoded):
            if decoded.pts is None or (last is not None and decoded.pts <= last):
                self.unsound = self.unsound or "its time stamps are missing or do not increase"
                return
            if decoded.pts < self._key:
                continue
            last, index = decoded.pts, self._before + self._leading + rank
            rank += 1
            if end is not None and index >= end:
                break
            if index < start:
                continue
            seconds = self._clock.seconds(decoded)
            self._health.delivered(seconds, decoded)
            yield Frame(
                self._upright.pixels(decoded), index, seconds, time.perf_counter(), self.name
            )
        self._judge(self._before + self._leading + rank)

    def _judge(self, shown_so_far: int) -> None:
        health, end = self._health, self._segment.end
        expected = self.info.frames
        if health.undecodable or health.damaged or health.error:
            self.unsound = self.unsound or "it is damaged"
        elif (end is not None and shown_so_far <= end) or (
            end is None and expected is not None and shown_so_far != expected
        ):
            self.unsound = self.unsound or "it has other frames than its index says"
