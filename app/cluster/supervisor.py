"""Spreads streams over stations, and moves them when a station dies.

Nothing is bound to a node: a station that is gone is given up, its streams go to stations that have
room, and a new station is asked for, which starts wherever there is a place, now or later. Where
machines join, stations are added, which take the streams that wait for room. Stations are asked for
beyond what the cluster has room for while streams wait: a cluster that starts machines on demand
starts them for actors that have no place.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from app.cluster.feeds import FIRST_PAUSE, LONGEST_PAUSE, Feed
from app.cluster.station import FeedStatus


class StationHandle(Protocol):
    """A station that may be elsewhere. Every call raises `Gone` when it does not answer."""

    def capacity(self) -> float | None:
        """Frames per second; None: not known yet."""
        ...

    def watch(self, feeds: Sequence[Feed]) -> None:
        """Watch these streams."""
        ...

    def status(self) -> list[FeedStatus]:
        """How they are doing."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class Gone(Exception):
    """A station does not answer any more."""


@dataclass(slots=True, eq=False)
class _Place:
    """A station and its streams."""

    station: StationHandle
    capacity: float | None = None
    feeds: list[Feed] = field(default_factory=list)

    @property
    def room(self) -> float:
        """Frames per second that are free."""
        return (self.capacity or 0.0) - sum(feed.rate for feed in self.feeds)


@dataclass(slots=True)
class _Homeless:
    """A stream without a station."""

    feed: Feed
    after: float = 0.0  # monotonic s; not placed before


class Supervisor:
    """See the module."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        start: Callable[[], StationHandle],
        stations: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Start the stations.

        Args:
            start: asks for one more station, and returns at once.
            stations: how many there should be; asked at every step, because machines join.
        """
        self._start, self._stations, self._clock = start, stations, clock
        self._places: list[_Place] = []
        self._waiting = [_Homeless(feed) for feed in feeds]
        self._moves = {feed.name: 0 for feed in feeds}
        self._starts: list[float] = []  # monotonic s; when new stations are asked for
        self._lost = 0
        self._order = {feed.name: n for n, feed in enumerate(feeds)}
        self._add_missing()

    def step(self) -> list[FeedStatus]:
        """Replace what is gone, place what waits, and say how every stream is doing."""
        due = [at for at in self._starts if at <= self._clock()]
        self._starts = [at for at in self._starts if at not in due]
        self._places += [_Place(self._start()) for _ in due]
        self._add_missing()
        for place in list(self._places):
            self._look_at(place)
        self._place_waiting()
        self._ask_for_room()
        found: list[FeedStatus] = []
        for place in list(self._places):
            try:
                known = {s.name: s for s in place.station.status()} if place.feeds else {}
            except Gone:
                self._replace(place)
                continue
            found += [known.get(f.name, FeedStatus(f.name, "opening")) for f in place.feeds]
        text = "no station has room for it" if any(p.capacity for p in self._places) else ""
        found += [FeedStatus(w.feed.name, "waiting", text=text) for w in self._waiting]
        counted = [replace(s, restarts=s.restarts + self._moves[s.name]) for s in found]
        return sorted(counted, key=lambda status: self._order[status.name])

    def close(self) -> None:
        """End every station."""
        for place in self._places:
            place.station.close()

    def _add_missing(self) -> None:
        missing = self._stations() - len(self._places) - len(self._starts)
        self._places += [_Place(self._start()) for _ in range(missing)]

    def _ask_for_room(self) -> None:
        """Start the stations that the waiting streams need and that have not been asked for."""
        known = [place.capacity for place in self._places if place.capacity]
        if not known or not self._waiting:
            return
        wanted = sum(waiting.feed.rate for waiting in self._waiting)
        needed = min(len(self._waiting), math.ceil(wanted / max(known)))
        asked = len(self._starts) + sum(place.capacity is None for place in self._places)
        self._places += [_Place(self._start()) for _ in range(needed - asked)]

    def _look_at(self, place: _Place) -> None:
        if place.capacity is None:
            try:
                place.capacity = place.station.capacity()
            except Gone:
                self._replace(place)

    def _replace(self, gone: _Place) -> None:
        self._places.remove(gone)
        for feed in gone.feeds:
            pause = min(FIRST_PAUSE * 2 ** self._moves[feed.name], LONGEST_PAUSE)
            self._moves[feed.name] += 1
            self._waiting.append(_Homeless(feed, self._clock() + pause))
        self._starts.append(self._clock() + min(FIRST_PAUSE * 2**self._lost, LONGEST_PAUSE))
        self._lost += 1

    def _place_waiting(self) -> None:
        """The most demanding streams first, each where most room is."""
        changed: list[_Place] = []
        now = self._clock()
        ready = [w for w in self._waiting if w.after <= now]
        for waiting in sorted(ready, key=lambda w: -w.feed.rate):
            open_places = [p for p in self._places if p.capacity is not None]
            best = max(open_places, key=lambda p: p.room, default=None)
            # A stream that asks for more than any station can do gets a station of its own.
            if best is None or (best.room < waiting.feed.rate and best.feeds):
                continue
            best.feeds.append(waiting.feed)
            self._waiting.remove(waiting)
            if best not in changed:
                changed.append(best)
        for place in changed:
            try:
                place.station.watch(place.feeds)
            except Gone:
                self._replace(place)


def line_of(status: FeedStatus) -> str:
    """One line for people."""
    parts: list[Any] = [f"{status.name}: {status.state}"]
    if status.age_p95 is not None:
        parts += [f"{status.rate:g} frames/s", f"age p95 {1000 * status.age_p95:.0f} ms"]
    parts.append(f"{status.drops} drops")
    parts.append(f"{status.restarts} restarts")
    return ", ".join(parts) + (f" ({status.text})" if status.text else "")
