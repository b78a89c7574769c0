"""Progress of a run on a cluster: segments, frames per second, time left, failures."""

from __future__ import annotations

import time
from typing import Any

from app.cluster import tasks
from app.cluster.work import Associated, Call, Detected, Failure, Survey
from app.process.outcome import Outcome
from app.process.progress import Bars


class Counter:
    """Counts answers; shows one line."""

    def __init__(self, bars: Bars, inputs: int) -> None:
        self._bars, self._inputs = bars, inputs
        self._began = time.monotonic()
        self.surveyed = self.planned = self.segments = self.frames = self.failures = self.ended = 0
        self.expected = 0  # frames of the inputs surveyed so far

    def __call__(self, call: Call, answer: Any) -> None:
        """Count a call's answer."""
        if isinstance(answer, Failure):
            self.failures += 1
        elif isinstance(answer, Survey):
            self.surveyed += 1
            self.planned += len(answer.segments)
            self.expected += answer.frames or 0
            self.ended += answer.up_to_date
        elif isinstance(answer, Detected):
            self.segments += 1
            self.frames += answer.frames
        elif isinstance(answer, Associated):
            self._end(answer.report)
        elif isinstance(answer, Outcome) and call.function is tasks.whole:
            self.frames += answer.frames
            self.expected += answer.frames
            self._end(answer)
        self._bars.show(self.line, self.segments, self.planned)

    def _end(self, report: Outcome) -> None:
        self.ended += 1
        self.failures += report.error is not None

    @property
    def line(self) -> str:
        """What is shown."""
        spent = time.monotonic() - self._began
        speed = self.frames / spent if spent > 0 else 0.0
        parts = [f"{self.ended} of {self._inputs} inputs"] if self._inputs > 1 else []
        parts += [f"{self.segments} of {self.planned} segments", f"{speed:.0f} frames/s"]
        if speed > 0 and self.surveyed:
            inputs = self.expected * self._inputs / self.surveyed  # those not surveyed are alike
            left = max(0, round((inputs - self.frames) / speed))
            parts.append(f"{left // 3600}:{left // 60 % 60:02}:{left % 60:02} left")
        if self.failures:
            parts.append(f"{self.failures} failure{'s' * (self.failures > 1)}")
        return ", ".join(parts)
