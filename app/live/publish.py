"""Live results as NDJSON, in the format of docs/formats.md, to one sink for all sources."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from app.tracks.lines import LineSink
from app.tracks.ndjson_writer import NdjsonWriter
from app.tracks.writer import Ending
from engine.types import Result


class Publisher:
    """Begins each source with a header at its first frame; ends each when closed.

    A frame carries its age in seconds when it was written: with a live picture that is part of the
    truth. Where several sources share the sink every line names its source.
    """

    def __init__(
        self,
        sink: LineSink,
        header: Callable[[Result], Mapping[str, Any]],
        *,
        several: bool,
        raw: bool,
    ) -> None:
        self._sink, self._header = sink, header
        self._several, self._raw = several, raw
        self._writers: dict[str, NdjsonWriter] = {}
        self._frames: dict[str, int] = {}
        self._people: dict[str, int] = {}
        self._dropped: dict[str, int] = {}

    def write(self, result: Result) -> None:
        """Append one frame."""
        source = result.frame.source
        if source not in self._writers:
            self._writers[source] = self._begin(result)
        self._writers[source].write(result)
        self._frames[source] = self._frames.get(source, 0) + 1
        self._people[source] = self._people.get(source, 0) + len(result.poses)
        self._dropped[source] = result.dropped

    def close(self, error: str | None = None) -> None:
        """Write the last line of each source and close the sink."""
        for source, writer in self._writers.items():
            writer.close(
                Ending(self._frames[source], self._people[source], self._dropped[source], error)
            )
        self._sink.close()

    def _begin(self, result: Result) -> NdjsonWriter:
        source = result.frame.source
        mark: Mapping[str, Any] = {"source": source} if self._several else {}
        return NdjsonWriter(
            _Shared(self._sink), self._header(result), raw=self._raw, mark=mark, stamp=_age
        )


class _Shared:
    """A sink that one of several writers must not close."""

    def __init__(self, sink: LineSink) -> None:
        self.add = sink.add

    def close(self) -> None:
        """Leave it open."""


def _age(result: Result) -> dict[str, float]:
    return {"age": round(time.perf_counter() - result.frame.arrived, 4)}
