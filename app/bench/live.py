"""Measures what live mode is for: how old a result is when it is ready to be painted.

A synthetic camera stamps each frame at the moment it exists. Everything else is the real thing:
inbox, estimator, tracking, smoothing and the picture in the size of the screen. The engine may be
slowed down; the age must then follow the engine's period and not grow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import median
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from app.gui.ages import Spread, spread
from app.live.picture import picture_of
from app.live.plan import Plan
from app.live.session import LiveSession
from app.live.torch_loading import load_engine
from app.live.viewport import Viewport
from engine.settings import Settings
from engine.sources.source import SourceInfo
from engine.types import Frame

if TYPE_CHECKING:
    from engine.estimator import PoseEstimator

SIZE, RATE = (1280, 720), 30.0
SCREEN = Viewport((1280, 720))
_WARM_UP = 3  # results that are not counted


class StampedCamera:
    """Noise on a slope, at a fixed rate whether or not the engine is ready."""

    def __init__(
        self, name: str = "stamped", size: tuple[int, int] = SIZE, rate: float = RATE
    ) -> None:
        self.name = name
        self.info = SourceInfo(kind="camera", size=size, rate=rate, live=True)
        self._rate = rate
        self._closed = Event()
        w, h = size
        slope = np.linspace(30, 200, w, dtype=np.float32)[None, :, None]
        noise = np.random.default_rng(0).normal(0, 12, (h, w, 3))
        self._picture = np.clip(slope + noise, 0, 255).astype(np.uint8)

    def frames(self) -> Iterator[Frame]:
        """Yield frames until closed."""
        began, index = time.perf_counter(), 0
        while not self._closed.wait(max(0.0, began + index / self._rate - time.perf_counter())):
            pixels = np.roll(self._picture, index * 3, axis=1)
            now = time.perf_counter()
            yield Frame(pixels, index, now - began, now, self.name)
            index += 1

    def close(self) -> None:
        """Stop, from any thread."""
        self._closed.set()


@dataclass(frozen=True, slots=True)
class LiveFigures:
    """What a run showed; seconds."""

    ages: Spread
    period: float  # of the engine: median time between two results
    first_third: float  # median age
    last_third: float  # median age
    dropped: int
    frames: int
    too_old: int  # frames older than the two periods before them and one frame

    @property
    def bound(self) -> float:
        """Two median engine periods and one frame."""
        return 2 * self.period + 1 / RATE


def measure_live(settings: Settings, *, seconds: float, slow: float = 1.0) -> dict[str, Any]:
    """Run, print a table and return its figures.

    Args:
        seconds: how long, after the network is loaded.
        slow: the engine takes this many times as long as it would.
    """
    figures = live_ages(settings, seconds=seconds, slow=slow)
    Console().print(_table(figures, slow))
    ages = figures.ages
    return {
        "age_p50": ages.p50,
        "age_p95": ages.p95,
        "age_p99": ages.p99,
        "age_worst": ages.worst,
        "age_first_third": figures.first_third,
        "age_last_third": figures.last_third,
        "engine_period": figures.period,
        "bound": figures.bound,
        "too_old": figures.too_old,
        "frames": figures.frames,
        "dropped": figures.dropped,
        "slow": slow,
    }


def live_ages(settings: Settings, *, seconds: float, slow: float = 1.0) -> LiveFigures:
    """Run without printing; see `measure_live`."""
    plan = Plan(("stamped",), settings)
    session = LiveSession(
        plan,
        lambda event: None,
        open_estimator=slowed(slow) if slow > 1 else None,
        open_source=lambda text, tell, **options: StampedCamera(),
    )
    ages: list[float] = []
    ready: list[float] = []
    dropped = 0
    with closing(session.results()) as results:
        for result in results:
            picture_of(result.frame.pixels, SCREEN)
            ready.append(time.perf_counter())
            ages.append(ready[-1] - result.frame.arrived)
            dropped = result.dropped
            if ready[-1] - ready[0] >= seconds and len(ages) > 2 * _WARM_UP:
                session.stop()
    return _summary(ages[_WARM_UP:], ready[_WARM_UP:], dropped)


def slowed(factor: float) -> Callable[[Settings], Any]:
    """An opener whose estimator takes `factor` times as long for every batch."""

    @contextmanager
    def opened(settings: Settings) -> Iterator[PoseEstimator]:
        load_engine()
        from engine.network.opening import open_estimator

        with open_estimator(settings) as estimator:
            submit, collect = estimator.submit, estimator.collect
            began: list[float] = []

            def slow_submit(frames: Any) -> Any:
                began.append(time.perf_counter())
                return submit(frames)

            def slow_collect(ticket: Any) -> Any:
                poses = collect(ticket)
                time.sleep((factor - 1) * (time.perf_counter() - began.pop(0)))
                return poses

            vars(estimator).update(submit=slow_submit, collect=slow_collect)
            yield estimator

    return opened


def too_old(ages: NDArray[np.float64], ready: NDArray[np.float64], frame: float) -> int:
    """How many results are older than their own bound.

    The engine's period is not constant on a machine with other work, so each age is held against
    the two periods that ended with it.

    Args:
        ages: (N,) seconds.
        ready: (N,) when each was ready, seconds.
        frame: one period of the camera, seconds.
    """
    return int((ages[2:] > ready[2:] - ready[:-2] + frame).sum())


def _summary(ages: list[float], ready: list[float], dropped: int) -> LiveFigures:
    third = max(1, len(ages) // 3)
    return LiveFigures(
        spread(ages),
        float(np.median(np.diff(ready))) if len(ready) > 1 else 0.0,
        median(ages[:third]),
        median(ages[-third:]),
        dropped,
        len(ages),
        too_old(np.array(ages), np.array(ready), 1 / RATE),
    )


def _table(figures: LiveFigures, slow: float) -> Table:
    ages = figures.ages
    w, h = SIZE
    table = Table(title=f"Live: age from capture to a picture ready to paint, {w}x{h} at {RATE:g}")
    table.add_column("")
    table.add_column("ms", justify="right")
    rows = (
        ("age p50", ages.p50),
        ("age p95", ages.p95),
        ("age p99", ages.p99),
        ("age, worst", ages.worst),
        ("age p50, first third of the run", figures.first_third),
        ("age p50, last third of the run", figures.last_third),
        (f"engine period{f' (slowed {slow:g} times)' if slow > 1 else ''}", figures.period),
        ("bound: two periods and one frame", figures.bound),
    )
    for name, value in rows:
        table.add_row(name, f"{value * 1e3:.1f}")
    table.add_section()
    table.add_row("frames shown / skipped", f"{figures.frames} / {figures.dropped}")
    table.add_row("older than their own two periods and a frame", f"{figures.too_old}")
    return table
