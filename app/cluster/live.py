"""`live --headless --sources FILE --cluster`: streams on the stations of a Ray cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.cluster.connection import RayExecutor, Slots, connected, resources_now
from app.cluster.feeds import Feed, read_feeds
from app.cluster.process import need_engine, on_gpu
from app.cluster.station import FeedStatus, Station
from app.cluster.supervisor import Gone, Supervisor, line_of
from app.cluster.work import Opener
from app.process.batch import open_default
from app.signals import stop_on_signal
from engine.settings import Settings

EVERY = 5.0  # s between two status lines
_PATIENCE = 15.0  # s a station may take to answer


class RayStation:
    """A station in an actor, as `StationHandle` wants it."""

    def __init__(self, actor: Any, ray: Any) -> None:
        self._actor, self._ray = actor, ray
        self._asked: Any = None  # for the capacity
        self._placed = False

    def capacity(self) -> float | None:
        """What it measured; None while it has no place yet or loads the network."""
        if self._asked is None:
            self._asked = self._actor.capacity.remote()
        ready, _ = self._ray.wait([self._asked], timeout=0)
        self._placed = bool(ready)
        return float(self._answer(self._asked)) if ready else None

    def watch(self, feeds: Sequence[Feed]) -> None:
        """Watch these streams."""
        self._answer(self._actor.watch.remote(list(feeds)))

    def status(self) -> list[FeedStatus]:
        """How they are doing."""
        found: list[FeedStatus] = self._answer(self._actor.status.remote())
        return found

    def close(self) -> None:
        """Let it close its outputs, then end the actor."""
        if self._placed:  # one without a place would not answer, and has no outputs yet
            try:
                self._answer(self._actor.close.remote())
            except Gone:
                return
        self._ray.kill(self._actor)

    def _answer(self, asked: Any) -> Any:
        try:
            return self._ray.get(asked, timeout=_PATIENCE)
        except self._ray.exceptions.RayError as error:
            self._ray.kill(self._actor)  # it may hang: its streams go elsewhere
            raise Gone from error


def watch_on_cluster(
    file: Path,
    settings: Settings,
    *,
    address: str,
    as_json: bool = False,
    seconds: float | None = None,
    open_estimator: Opener = open_default,
    say: Callable[[str], None] = print,
) -> None:
    """Watch the streams of a file until a signal, or for so many seconds.

    Raises:
        PoseError: the file or the cluster cannot be used.
    """
    feeds = read_feeds(file)
    with connected(address) as resources, stop_on_signal(after="this status") as stop:
        import ray

        gpu = on_gpu(settings, resources)
        slots = Slots(settings.cluster, on_gpu=gpu, look=resources_now)
        options = {"num_cpus": settings.cluster.cpus, "num_gpus": settings.cluster.gpus * gpu}
        # Calls for the status must not wait behind others; the station has its own thread.
        actors = ray.remote(Station).options(
            **options, max_restarts=0, max_concurrency=4, scheduling_strategy="SPREAD"
        )

        def start() -> RayStation:
            return RayStation(actors.remote(settings, open_estimator), ray)

        executor = RayExecutor(settings.cluster, on_gpu=gpu)
        if need_engine(executor, open_estimator, settings, stop) is None:
            return
        supervisor = Supervisor(feeds, start, lambda: min(slots(), len(feeds)))
        end = time.monotonic() + seconds if seconds is not None else float("inf")
        shown_at = 0.0
        try:
            while not stop.asked and time.monotonic() < end:
                found = supervisor.step()
                if time.monotonic() - shown_at >= EVERY:
                    shown_at = time.monotonic()
                    _show(found, as_json, say)
                time.sleep(0.5)
            _show(supervisor.step(), as_json, say)
        finally:
            supervisor.close()


def _show(found: Sequence[FeedStatus], as_json: bool, say: Callable[[str], None]) -> None:
    if as_json:
        plain = {"time": round(time.time(), 3), "streams": [status.plain() for status in found]}
        say(json.dumps(plain))
        return
    for status in found:
        say(line_of(status))
