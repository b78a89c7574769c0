"""One engine that watches some of the streams: what an actor of the cluster runs."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from app.cluster.feeds import Feed, Health, Restarting
from app.cluster.work import Opener
from app.live.publish import Publisher
from app.live.sinks import open_sink
from app.process.sinks import header
from engine.errors import OutputError
from engine.inbox import Inbox
from engine.pipeline import run
from engine.settings import Settings
from engine.sources.live import open_live
from engine.sources.source import Source
from engine.tracking.stages import Stages, smoothed
from engine.types import Frame, Result

_MEASURED = 1.0  # seconds of frames that the capacity is measured over
_SIZE = (480, 640, 3)  # of those frames
_SHARE = 0.8  # of the measured speed that is given away: people cost more than empty frames
_AGES = 300  # frames that the 95th percentile is taken over


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """How one stream is doing."""

    name: str
    state: str
    rate: float = 0.0  # frames per second since the status before
    age_p95: float | None = None  # s from capture to output
    drops: int = 0
    restarts: int = 0
    text: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(slots=True)
class _Watched:
    """One stream while it is watched."""

    feed: Feed
    source: Restarting
    publisher: Publisher | None = None
    frames: int = 0
    told: int = 0  # frames at the status before
    drops: int = 0
    ages: deque[float] = field(default_factory=lambda: deque(maxlen=_AGES))
    error: str = ""


class Station:
    """Watches a set of streams, which may be replaced; its thread owns the engine."""

    def __init__(
        self,
        settings: Settings,
        open_estimator: Opener,
        open_source: Callable[..., Source] = open_live,
    ) -> None:
        """Start; `capacity` is known when the engine is open."""
        self._settings, self._open_source = settings, open_source
        self._open_estimator = open_estimator
        self._changed = threading.Condition()
        self._feeds: Sequence[Feed] = ()
        self._new, self._closed = False, False
        self._capacity: float | None = None
        self._error: str = ""
        self._watched: Mapping[str, _Watched] = {}
        self._inbox: Inbox | None = None
        self._told = time.monotonic()
        self._thread = threading.Thread(target=self._work, name="station", daemon=True)
        self._thread.start()

    def capacity(self) -> float:
        """Frames per second this station can do; waits until the engine is open.

        Raises:
            RuntimeError: the engine cannot be opened.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._capacity is not None or bool(self._error))
        self._need_engine()
        return self._capacity or 0.0

    def watch(self, feeds: Sequence[Feed]) -> None:
        """Watch these streams from now on; those that are watched already start over."""
        self._need_engine()
        with self._changed:
            self._feeds, self._new = tuple(feeds), True
            self._interrupt()
            self._changed.notify_all()

    def status(self) -> list[FeedStatus]:
        """How every stream is doing."""
        self._need_engine()
        now, before = time.monotonic(), self._told
        self._told = now
        return [_status(one, now - before) for one in self._watched.values()]

    def _interrupt(self) -> None:
        """End the run with the streams of now."""
        for one in self._watched.values():
            one.source.close()
        if self._inbox is not None:
            self._inbox.close()

    def _need_engine(self) -> None:
        if self._error:
            raise RuntimeError(self._error)

    def close(self) -> None:
        """End, and close every output."""
        with self._changed:
            self._closed = True
            self._interrupt()
            self._changed.notify_all()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        try:
            with self._open_estimator(self._settings) as estimator:
                found = _measure(estimator)
                with self._changed:
                    self._capacity = found
                    self._changed.notify_all()
                while self._wait():
                    self._run(estimator)
        except Exception as error:  # noqa: BLE001 - raised by the next call from outside
            with self._changed:
                self._error = str(error) or type(error).__name__
                self._changed.notify_all()

    def _wait(self) -> bool:
        """Wait for streams; whether there will be any."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._new)
            if self._closed:
                return False
            self._new = False
            watched = {feed.name: self._begin(feed) for feed in self._feeds}
            self._watched = watched
            self._inbox = Inbox(list(watched), "newest")
            return True

    def _begin(self, feed: Feed) -> _Watched:
        health = Health()

        def opened() -> Source:
            return self._open_source(feed.source, lambda change: None, name=feed.name)

        return _Watched(feed, Restarting(feed.name, opened, health))

    def _run(self, estimator: Any) -> None:
        watched, inbox = self._watched, self._inbox
        if not watched or inbox is None:
            return
        estimator.batch = max(1, len(watched))
        sources = [one.source for one in watched.values()]

        def stages(name: str) -> tuple[Stages]:
            return (Stages(self._settings, estimator.skeleton),)

        try:
            with closing(run(sources, inbox, estimator, stages)) as results:  # type: ignore[type-var]
                for result in results:
                    self._publish(watched[result.frame.source], result, estimator)
        finally:
            for one in watched.values():
                one.source.close()
                if one.publisher is not None:
                    one.publisher.close()

    def _publish(self, one: _Watched, result: Result, estimator: Any) -> None:
        """Write a result; an output that fails is opened again with the next one."""
        try:
            if one.publisher is None:
                one.publisher = self._publisher(one, estimator)
            one.publisher.write(result)
            one.error = ""
        except OutputError as error:
            one.publisher, one.error = None, str(error)
        one.frames += 1
        one.drops = result.dropped
        one.ages.append(time.perf_counter() - result.frame.arrived)

    def _publisher(self, one: _Watched, estimator: Any) -> Publisher:
        def facts(result: Result) -> dict[str, Any]:
            found = header(one.source, self._settings, estimator)
            return {**found, "size": list(result.frame.size), "live": True}

        sink = open_sink(one.feed.out, inputs=(one.feed.source,), force=True)
        return Publisher(sink, facts, several=False, raw=smoothed(self._settings))


def _measure(estimator: Any) -> float:
    """Frames per second of the engine."""
    frame = Frame(np.zeros(_SIZE, np.uint8), 0, 0.0, 0.0, "measuring")
    batch = [frame] * estimator.batch
    estimator.collect(estimator.submit(batch))
    count, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < _MEASURED:
        estimator.collect(estimator.submit(batch))
        count += len(batch)
    return _SHARE * count / spent


def _status(one: _Watched, seconds: float) -> FeedStatus:
    fresh, one.told = one.frames - one.told, one.frames
    health = one.source.health
    ages = list(one.ages)
    return FeedStatus(
        one.feed.name,
        "output failed" if one.error else health.state,
        round(fresh / seconds, 1) if seconds > 0 else 0.0,
        round(float(np.percentile(ages, 95)), 3) if ages else None,
        one.drops,
        health.restarts,
        one.error or health.text,
    )
