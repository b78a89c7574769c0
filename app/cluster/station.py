"""One engine that watches some of the streams: what an actor of the cluster runs.

A stream that starts anew, here or elsewhere, writes a new file and leaves what it wrote before.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, field
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np

from app.cluster.feeds import Feed, Health, Restarting
from app.cluster.work import Opener
from app.live.publish import Publisher
from app.live.sinks import open_sink
from app.process.sinks import header
from engine.capture import Captures
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
    """Watches a set of streams, which may grow; its thread owns the engine."""

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
        self._closed = False
        self._capacity: float | None = None
        self._error: str = ""
        self._watched: dict[str, _Watched] = {}
        # One more is expected than there are streams: the run goes on until it is closed.
        self._inbox = Inbox(["station"], "newest")
        self._captures = Captures(self._inbox)
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
        """Watch these streams too; those that are watched already go on undisturbed."""
        self._need_engine()
        with self._changed:
            for feed in feeds:
                if feed.name not in self._watched and not self._closed:
                    one = self._watched[feed.name] = self._begin(feed)
                    self._captures.join(one.source)

    def status(self) -> list[FeedStatus]:
        """How every stream is doing."""
        self._need_engine()
        now, before = time.monotonic(), self._told
        self._told = now
        with self._changed:
            return [_status(one, now - before) for one in self._watched.values()]

    def _need_engine(self) -> None:
        if self._error:
            raise RuntimeError(self._error)

    def close(self) -> None:
        """End, and close every output."""
        with self._changed:
            self._closed = True
            for one in self._watched.values():
                one.source.close()
            self._inbox.close()
        self._thread.join(timeout=10)

    def _work(self) -> None:
        try:
            with self._open_estimator(self._settings) as estimator:
                found = _measure(estimator)
                with self._changed:
                    self._capacity = found
                    self._changed.notify_all()
                self._run(estimator)
        except Exception as error:  # noqa: BLE001 - raised by the next call from outside
            with self._changed:
                self._error = str(error) or type(error).__name__
                self._changed.notify_all()

    def _begin(self, feed: Feed) -> _Watched:
        health = Health()

        def opened() -> Source:
            return self._open_source(feed.source, health.take, name=feed.name)

        return _Watched(feed, Restarting(feed.name, opened, health))

    def _run(self, estimator: Any) -> None:
        def stages(name: str) -> tuple[Stages]:
            return (Stages(self._settings, estimator.skeleton),)

        results = run([], self._inbox, estimator, stages, captures=self._captures)
        try:
            with closing(results):  # type: ignore[type-var]  # it is a generator
                for result in results:
                    estimator.batch = max(1, len(self._watched))
                    self._publish(self._watched[result.frame.source], result, estimator)
        finally:
            for one in list(self._watched.values()):
                one.source.close()
                if one.publisher is not None:
                    with suppress(OutputError):  # the other outputs are closed all the same
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

        sink = open_sink(unused(one.feed.out), inputs=(one.feed.source,))
        return Publisher(sink, facts, several=False, raw=smoothed(self._settings))


def unused(target: str) -> str:
    """The target; where it is a file that is there, a free name beside it: door-2.ndjson …"""
    if "://" in target:
        return target
    path = Path(target)
    numbered = (path.with_name(f"{path.stem}-{n}{path.suffix}") for n in count(2))
    return str(next(p for p in chain([path], numbered) if not p.exists() or not p.stat().st_size))


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
