"""The overlay in parts: people stored to be drawn, parts drawn elsewhere, parts joined."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial

import numpy as np

from app.cluster.detections import from_bytes, gather, to_bytes
from app.cluster.work import Survey, Work, key_of
from app.overlay.encoding import Coded, Encoder, Look
from app.process.sinks import drawer, open_overlay
from app.tracks.writer import Ending, Writer
from engine.errors import DataError, OutputError
from engine.sources.segments import Segment, SegmentSource
from engine.sources.stores import read_stored, write_stored
from engine.types import Frame, Poses, Result


class DrawnWriter:
    """Stores the final people of each part, for other machines to draw.

    In place of the overlay's writer. It ends with an error, so that the overlay counts as missing
    until it is joined.
    """

    LATER = "the overlay is drawn later"
    note = ""

    def __init__(self, work: Work, found: Survey) -> None:
        self._work, self._found = work, found
        self._rows: list[tuple[Frame, Poses]] = []
        self._part = 0

    def write(self, result: Result) -> None:
        """Take one frame."""
        end = self._found.drawn[self._part].end
        if end is not None and result.frame.index >= end:
            self._store()
        self._rows.append((result.frame, result.poses))

    def close(self, ending: Ending) -> None:
        """Store the last part.

        Raises:
            OutputError: always.
        """
        if self._rows:
            self._store()
        raise OutputError(self.LATER)

    def _store(self) -> None:
        data = to_bytes(gather(self._rows, len(self._work.facts.skeleton)), self._found.key)
        write_stored(self._work.part("people", self._part), data)
        self._rows, self._part = [], self._part + 1


def code_part(work: Work, found: Survey, number: int, segment: Segment) -> int:
    """Draw and encode one part, unless that was done before; the number of its frames.

    Raises:
        SourceError, DataError: the video or the people cannot be read.
    """
    address = work.part("people", number)
    data = read_stored(address)
    if data is None:
        raise DataError(f"{address} is gone; run it again")
    people = from_bytes(data, found.key, address)
    key = key_of(found.key, number)
    target = work.part("overlay", number)
    done = read_stored(target)
    if done is not None and _head_of(done) == key:
        return len(people)
    look = _look(work, found)
    encoder = Encoder(look, drawer(work.settings, work.facts.skeleton))
    coded: list[Coded] = []
    source = SegmentSource(work.job.source, segment)
    with closing(source):
        pairs = zip(source.frames(), people.frames(source.name), strict=False)
        for frame, (stored, poses) in pairs:
            if frame.index != stored.index:
                raise DataError(f"{address} has other frames than the video; run it again")
            coded += encoder.write(Result(frame, poses), round(frame.time / look.tick))
    coded += encoder.finish()
    if len(coded) != len(people):
        raise DataError(f"{address} has other frames than the video; run it again")
    write_stored(target, _pack(coded, key))
    return len(coded)


def _look(work: Work, found: Survey) -> Look:
    assert found.info is not None, "it was surveyed"
    return Look.of(found.info, work.settings.output.quality)


def _pack(coded: list[Coded], key: str) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        key=np.frombuffer(key.encode(), np.uint8),
        data=np.frombuffer(b"".join(c.data for c in coded), np.uint8),
        size=np.array([len(c.data) for c in coded], np.int64),
        duration=np.array([c.duration for c in coded], np.int64),
        is_key=np.array([c.key for c in coded], np.bool_),
    )
    return buffer.getvalue()


def _head_of(data: bytes) -> str:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return bytes(archive["key"].tobytes()).decode()


class StoredEncoding:
    """The encoded frames of all parts, one for each result."""

    def __init__(self, work: Work, found: Survey) -> None:
        self._work, self._found = work, found
        self._frames = self._all()

    def write(self, result: Result, stamp: int) -> Iterator[Coded]:
        """The next frame, with the time stamp that belongs to it."""
        yield replace(next(self._frames), stamp=stamp)

    def finish(self) -> Iterator[Coded]:
        """Nothing is left."""
        yield from ()

    def _all(self) -> Iterator[Coded]:
        for number in range(len(self._found.drawn)):
            address = self._work.part("overlay", number)
            data = read_stored(address)
            if data is None or _head_of(data) != key_of(self._found.key, number):
                raise DataError(f"{address} is gone; run it again")
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                whole = archive["data"].tobytes()
                ends = np.cumsum(archive["size"]).tolist()
                columns = (archive["duration"].tolist(), archive["is_key"].tolist())
            for start, end, duration, key in zip([0, *ends[:-1]], ends, *columns, strict=True):
                yield Coded(whole[start:end], 0, duration, key)


def joined_overlay(work: Work, found: Survey) -> Callable[[], Writer]:
    """What opens the writer that joins the parts."""
    from app.cluster.stored_video import StoredVideo

    source = StoredVideo(work, found, lambda: iter(()))
    output = work.files.overlay
    assert output is not None, "there are parts of it"
    encoding = StoredEncoding(work, found)
    skeleton = work.facts.skeleton
    return partial(open_overlay, output, work.job, source, work.settings, skeleton, encoding)
