"""Live results as NDJSON, in the format of docs/formats.md, to one sink for all sources."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from app.tracks.lines import LineSink, SharedLines
from app.tracks.ndjson_writer import NdjsonWriter
from app.tracks.sink import Sink
from app.tracks.writer import ClosedWithItsBlock
from engine.types import Result


class Publisher(ClosedWithItsBlock):
    """Begins each source with a header at its first frame; ends each when closed.

    A frame carries its age in seconds when it was written: with a live picture that is part of the
    truth. Where several sources share the output every line names its source.
    """

    def __init__(
        self,
        lines: LineSink,
        header: Callable[[Result], Mapping[str, Any]],
        *,
        several: bool,
        raw: bool,
        label: Callable[[int], str | None] | None = None,
        failed: Mapping[str, str] | None = None,
    ) -> None:
        """Begin nothing yet; `failed` says of sources why they ended early, once they have."""
        self._lines, self._header = lines, header
        self._several, self._raw, self._label = several, raw, label
        self._failed = {} if failed is None else failed  # it fills up later
        self._sinks: dict[str, Sink] = {}

    def write(self, result: Result) -> None:
        """Append one frame.

        Raises:
            OutputError: the output takes no more lines.
        """
        source = result.frame.source
        if source not in self._sinks:
            self._sinks[source] = Sink(self._begin(result))
        self._sinks[source].write(result)

    def close(self, error: str | None = None) -> None:
        """Write the last line of each source and close the output."""
        try:
            for source, sink in self._sinks.items():
                sink.close(self._failed.get(source) or error)
        finally:
            self._lines.close()

    def _begin(self, result: Result) -> NdjsonWriter:
        source = result.frame.source
        mark: Mapping[str, Any] = {"source": source} if self._several else {}
        return NdjsonWriter(
            SharedLines(self._lines),
            self._header(result),
            raw=self._raw,
            mark=mark,
            stamp=_age,
            label=self._label,
        )


def _age(result: Result) -> dict[str, float]:
    return {"age": round(time.perf_counter() - result.frame.arrived, 4)}
