"""Time and frame numbers of a recording: they begin at 0 and only grow."""

from __future__ import annotations

import threading
from dataclasses import replace

from engine.types import Frame

_USUAL_STEP = 1 / 25  # s between frames until it was seen


class RecordClock:
    """Of one source. Capture and engine thread ask it about the same frames.

    Within a segment of the source its own times continue. Where a file was looped or moved the next
    frame follows one usual step later; a camera that was lost keeps its gap: its time went on.
    """

    def __init__(self, *, seeks: bool) -> None:
        """Begin with the first frame asked about; `seeks`: segments are jumps in a file."""
        self._seeks = seeks
        self._lock = threading.Lock()
        self._offsets: dict[int, tuple[float, int]] = {}  # segment -> s, frames to be added
        self._last = (0.0, -1)  # time and number of the newest frame so far
        self._step = _USUAL_STEP
        self.arrived = 0  # frames asked about on the capture thread

    def frame(self, frame: Frame) -> Frame | None:
        """The same frame with its time (s) and number in the recording; None: it is from before."""
        with self._lock:
            if frame.segment not in self._offsets:
                self._offsets[frame.segment] = self._begin(frame)
            seconds, number = self._offsets[frame.segment]
            moved = (frame.time + seconds, frame.index + number)
            if moved[0] > self._last[0]:
                if moved[1] == self._last[1] + 1:
                    self._step = moved[0] - self._last[0]
                self._last = moved[0], max(moved[1], self._last[1])
            if moved[0] < 0 or moved[1] < 0:
                return None  # captured just before the first one asked about
            return replace(frame, time=moved[0], index=moved[1])

    def _begin(self, frame: Frame) -> tuple[float, int]:
        if not self._offsets:
            self._last = (0.0, 0)
            return -frame.time, -frame.index
        if self._seeks:
            now = self._last[0] + self._step
        else:
            now = max(frame.time + self._newest_offset(), self._last[0] + 1e-3)
        return now - frame.time, self._last[1] + 1 - frame.index

    def _newest_offset(self) -> float:
        return self._offsets[max(self._offsets)][0]
