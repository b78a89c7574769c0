"""A live source that comes back by itself when it is lost.

    opening ──▶ live ──▶ reconnecting ──▶ live …
       └──────────────── failed: what was never there is an error, not a loss

Time continues while the source is away, `index` does not restart, and every return begins a new
`segment`, so that no track continues across the gap.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from engine.errors import SourceError
from engine.sources.source import Source, SourceInfo
from engine.types import Frame

Status = Literal["opening", "live", "reconnecting", "ended", "failed"]
WAITS = (0.2, 0.4, 0.8, 1.5)  # seconds before each attempt; the last is repeated


@dataclass(frozen=True, slots=True)
class Change:
    """How a source is doing now."""

    source: str
    status: Status
    text: str  # a sentence; empty when there is nothing to say
    info: SourceInfo | None = None


Tell = Callable[[Change], None]


class Reconnecting:
    """Opens a source again whenever it ends."""

    def __init__(self, name: str, open_again: Callable[[], Source], tell: Tell) -> None:
        """Open nothing yet: that is for the capture thread."""
        self.name = name
        self.info = SourceInfo(kind="stream", size=(0, 0), live=True)
        self._open = open_again
        self._tell = tell
        self._closed = threading.Event()
        self._source: Source | None = None
        self._last: Frame | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield frames until closed.

        Raises:
            SourceError: it could not be opened the first time.
        """
        self._tell(Change(self.name, "opening", f"Opening {self.name}…"))
        attempt = 0
        while not self._closed.is_set():
            lost = f"{self.name}: the sender has ended"
            try:
                for frame in self._frames_of_one_life():
                    attempt = 0
                    yield frame
            except SourceError as error:
                if self._last is None:
                    raise
                lost = str(error)
            if self._last is None:
                raise SourceError(f"{self.name}: it ended before the first picture")
            attempt += 1
            if not self._closed.is_set():
                end = "" if lost.endswith("?") else "."
                text = f"{lost}{end} Trying again ({attempt})."
                self._tell(Change(self.name, "reconnecting", text))
            self._closed.wait(WAITS[min(attempt, len(WAITS)) - 1])

    def close(self) -> None:
        """Stop waiting and trying, from any thread."""
        self._closed.set()
        source = self._source
        if source:
            source.close()

    def _frames_of_one_life(self) -> Iterator[Frame]:
        self._source = source = self._open()
        segment = 0 if self._last is None else self._last.segment + 1
        first: Frame | None = None
        base_index = base_time = 0.0
        try:
            for frame in source.frames():
                if first is None:
                    first = frame
                    base_index, base_time = self._continue(frame)
                    self._say_live(source, frame)
                elif self._last is not None and frame.size != self._last.size:
                    self._say_resized(frame)
                self._last = replace(
                    frame,
                    index=int(base_index) + frame.index,
                    time=base_time + frame.time,
                    segment=segment,
                    source=self.name,
                )
                yield self._last
        finally:
            source.close()

    def _continue(self, frame: Frame) -> tuple[int, float]:
        """What to add to indices and times, so that they continue after the gap."""
        if self._last is None:
            return -frame.index, -frame.time
        away = frame.arrived - self._last.arrived
        return self._last.index + 1 - frame.index, self._last.time + away - frame.time

    def _say_live(self, source: Source, frame: Frame) -> None:
        self.info = replace(source.info, size=frame.size)
        text = ""
        if self._last is not None:
            away = time.perf_counter() - self._last.arrived
            text = f"{self.name} is back after {away:.1f} s."
        self._tell(Change(self.name, "live", text, self.info))

    def _say_resized(self, frame: Frame) -> None:
        w, h = frame.size
        before = self.info.size
        self.info = replace(self.info, size=frame.size)
        text = f"{self.name} has changed from {before[0]}x{before[1]} to {w}x{h}."
        self._tell(Change(self.name, "live", text, self.info))
