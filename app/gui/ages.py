"""Keeps what was measured in the last seconds and says how it is spread."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from engine.types import Result

_STALE = 2.0  # s without a picture after which there is none


@dataclass(frozen=True, slots=True)
class Spread:
    """Percentiles of some durations, seconds."""

    p50: float
    p95: float
    p99: float
    worst: float
    count: int


def spread(values: Iterable[float]) -> Spread:
    """Percentiles of at least one value, interpolated as NumPy does in ten times the time."""
    ordered = sorted(values)
    last = len(ordered) - 1

    def at(share: float) -> float:
        low = int(share * last)
        return ordered[low] + (ordered[min(low + 1, last)] - ordered[low]) * (share * last - low)

    return Spread(at(0.5), at(0.95), at(0.99), ordered[-1], len(ordered))


@dataclass(slots=True)
class SourceAges:
    """What was painted of one source."""

    painted: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=2000))
    shown: int = 0  # pictures
    analysed: int = 0  # of them with people of their own
    dropped: int = 0  # by the inbox
    result: Result | None = None  # the newest
    arrived: float = 0.0  # perf_counter of the newest picture's capture
    behind: float = 0.0  # s from the capture of the people's frame to that of the picture

    def rate(self, now: float, seconds: float) -> float:
        """Pictures painted per second."""
        while self.painted and now - self.painted[0][0] > seconds:
            self.painted.popleft()
        if len(self.painted) < 2:
            return 0.0
        return (len(self.painted) - 1) / max(self.painted[-1][0] - self.painted[0][0], 1e-6)


class Ages:
    """The age of every frame when it was painted, over the last `seconds`."""

    def __init__(
        self, seconds: float = 10.0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._sources: dict[str, SourceAges] = {}
        self._times: dict[str, float] = {}

    def add(self, source: str, arrived: float, age: float, result: Result | None) -> None:
        """One picture was painted `age` seconds after its capture, with people of `result`."""
        known = self._sources.setdefault(source, SourceAges())
        known.painted.append((self._clock(), age))
        known.shown += 1
        known.arrived = arrived
        known.behind = max(arrived - result.frame.arrived, 0.0) if result else 0.0
        if result is None or result is known.result:
            return
        known.result, known.dropped = result, result.dropped
        known.analysed += 1
        for stage, seconds in result.times.items():
            old = self._times.get(stage, seconds)
            self._times[stage] = old + 0.1 * (seconds - old)

    def clear(self) -> None:
        """Start over."""
        self._sources.clear()
        self._times.clear()

    def forget_stages(self) -> None:
        """Another network works from now on: what the last one took does not count."""
        self._times.clear()
        for known in self._sources.values():
            known.analysed = 0

    def keep(self, sources: set[str]) -> None:
        """Forget all other sources."""
        self._sources = {name: known for name, known in self._sources.items() if name in sources}

    @property
    def sources(self) -> dict[str, SourceAges]:
        """What is known of each source."""
        return dict(self._sources)

    def recent(self) -> list[tuple[float, float]]:
        """(seconds ago, age in seconds) of the frames of the last `seconds`, oldest first."""
        now = self._clock()
        ages = [pair for known in self._sources.values() for pair in known.painted]
        return sorted(
            ((now - when, age) for when, age in ages if now - when <= self.seconds), reverse=True
        )

    def spread(self) -> Spread | None:
        """Of the recent ages; None without any."""
        ages = [age for _, age in self.recent()]
        return spread(ages) if ages else None

    def rate(self) -> float:
        """Pictures painted per second, all sources together."""
        now = self._clock()
        return sum(known.rate(now, self.seconds) for known in self._sources.values())

    def age_now(self, lost: Collection[str] = ()) -> float | None:
        """How old the oldest picture is that is not of a lost source; None without one."""
        shown = [known for name, known in self._sources.items() if name not in lost]
        ages = [self._clock() - known.arrived for known in shown]
        return max(ages, default=None)

    def in_words(self, lost: Collection[str] = ()) -> str:
        """Age, rate and lag at a glance; empty without a picture."""
        age, spread = self.age_now(lost), self.spread()
        if age is None:
            return ""
        if spread and age < _STALE:
            age = max(spread.p50, age if age > 2 * spread.p99 else 0.0)
        behind = f" · people {duration(self.behind)} behind" if self.behind else ""
        return f"{duration(age)} old · {self.rate():.0f} fps{behind}"

    @property
    def behind(self) -> float:
        """How much older than its picture the people on one are; 0 without a preview."""
        return max((known.behind for known in self._sources.values()), default=0.0)

    @property
    def count(self) -> int:
        """Pictures painted so far."""
        return sum(known.shown for known in self._sources.values())

    @property
    def analysed(self) -> int:
        """Of them those whose people are their own."""
        return sum(known.analysed for known in self._sources.values())

    @property
    def dropped(self) -> int:
        """Frames replaced by newer ones so far."""
        return sum(known.dropped for known in self._sources.values())

    @property
    def dropped_share(self) -> float:
        """Dropped frames as a share of all that arrived."""
        arrived = self.dropped + self.analysed
        return self.dropped / arrived if arrived else 0.0

    @property
    def stages(self) -> dict[str, float]:
        """Smoothed seconds per stage of a batch."""
        return dict(self._times)


def duration(seconds: float) -> str:
    """In the unit that reads best."""
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
