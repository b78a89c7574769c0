"""Keeps what was measured in the last seconds and says how it is spread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.types import Result

SHOWN_STAGES = ("take", "submit", "collect", "track", "smooth")


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of some durations, seconds."""

    p50: float
    p95: float
    p99: float
    worst: float
    count: int


def spread(values: NDArray[np.float64]) -> Spread:
    """Percentiles of at least one value."""
    p50, p95, p99 = np.percentile(values, (50, 95, 99))
    return Spread(float(p50), float(p95), float(p99), float(values.max()), len(values))


class Ages:
    """The age of every frame when it was painted, over the last `seconds`."""

    def __init__(
        self, seconds: float = 10.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._painted: deque[tuple[float, float]] = deque(maxlen=2000)  # (when, age), s
        self._dropped: dict[str, int] = {}
        self._frames: dict[str, int] = {}
        self._times: dict[str, float] = {}

    def add(self, result: Result, age: float) -> None:
        """One frame was painted `age` seconds after its capture."""
        self._painted.append((self._clock(), age))
        source = result.frame.source
        self._dropped[source] = result.dropped
        self._frames[source] = self._frames.get(source, 0) + 1
        for stage, seconds in result.times.items():
            old = self._times.get(stage, seconds)
            self._times[stage] = old + 0.1 * (seconds - old)

    def clear(self) -> None:
        """Begin anew."""
        self._painted.clear()
        for known in (self._dropped, self._frames, self._times):
            known.clear()

    def recent(self) -> list[tuple[float, float]]:
        """(seconds ago, age in seconds) of the frames of the last `seconds`, oldest first."""
        now = self._clock()
        while self._painted and now - self._painted[0][0] > self.seconds:
            self._painted.popleft()
        return [(now - when, age) for when, age in self._painted]

    def spread(self) -> Spread | None:
        """Of the recent ages; None without any."""
        ages = [age for _, age in self.recent()]
        return spread(np.array(ages)) if ages else None

    def rate(self) -> float:
        """Frames painted per second, all sources together."""
        recent = self.recent()
        if len(recent) < 2:
            return 0.0
        return (len(recent) - 1) / max(recent[0][0] - recent[-1][0], 1e-6)

    @property
    def count(self) -> int:
        """Frames painted so far."""
        return sum(self._frames.values())

    @property
    def dropped(self) -> int:
        """Frames replaced by newer ones so far."""
        return sum(self._dropped.values())

    @property
    def dropped_share(self) -> float:
        """Dropped frames as a share of all that arrived."""
        arrived = self.dropped + sum(self._frames.values())
        return self.dropped / arrived if arrived else 0.0

    @property
    def stages(self) -> dict[str, float]:
        """Smoothed seconds per stage of a batch."""
        return dict(self._times)
