"""Live runs without a network: an estimator that finds a stick figure after a stated delay."""

from __future__ import annotations

import time
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np

from app.bench.live import StampedCamera
from app.live.plan import Plan
from app.live.session import LiveSession
from engine.geometry import fit
from engine.settings import Settings, load_settings
from engine.skeleton import COCO
from engine.types import JointState, untracked

SMALL = (64, 48)
FIGURE = np.array(
    [
        (50, 8),
        (48, 6),
        (52, 6),
        (45, 7),
        (55, 7),
        (38, 24),
        (62, 24),
        (32, 40),
        (68, 40),
        (30, 54),
        (70, 54),
        (42, 54),
        (58, 54),
        (41, 75),
        (59, 75),
        (40, 95),
        (60, 95),
    ],
    np.float32,
)  # fmt: skip  (17, 2) percent of the picture


class FakeEstimator:
    """Finds one person in every frame, `delay` seconds after submission."""

    def __init__(self, settings: Settings, delay: float = 0.0, people: int = 1) -> None:
        self.settings, self.delay, self.people = settings, delay, people
        self.grouping = settings.grouping
        self.batch, self.depth, self.input_size = 1, 2, 256
        self.skeleton = COCO
        self.device = SimpleNamespace(
            name="cpu", description="a test", precision="fp32", runtime="torch"
        )
        self.checkpoint = SimpleNamespace(name="fake", sha256="0" * 64, network_name="none")
        self.batches: list[int] = []
        self.times: dict[str, float] = {}
        self.watched: int | None = None
        self.heatmaps: dict[str, object] = {}

    def submit(self, frames):
        self.batches.append(len(frames))
        return frames

    def collect(self, frames):
        time.sleep(self.delay)
        self.times = {"network": self.delay}
        if self.watched is not None:
            self.heatmaps = {frame.source: (self.watched, *_hot(frame.size)) for frame in frames}
        return [self._poses(frame) for frame in frames]

    def _poses(self, frame):
        w, h = frame.size
        xy = np.stack([FIGURE * (w / 100, h / 100) + (40 * i, 0) for i in range(self.people)])
        score = np.full((self.people, 17), 0.9, np.float32)
        state = np.full((self.people, 17), JointState.DETECTED, np.uint8)
        return untracked(xy.astype(np.float32), score, score.mean(1), state)


def _hot(size):
    """A heatmap of a joint that is everywhere."""
    placed = fit(size, 256)
    return placed, np.ones(placed.size[::-1], np.float32)


class Bench:
    """Makes sessions with a fake estimator, and keeps what they said."""

    def __init__(self, delay: float = 0.0, people: int = 1) -> None:
        self.delay, self.people = delay, people
        self.events: list[object] = []
        self.estimators: list[FakeEstimator] = []

    def session(self, *sources: str, fast=False, loop=False, changes=()) -> LiveSession:
        plan = Plan(tuple(sources), load_settings(None, tuple(changes)), fast=fast, loop=loop)
        return self.start(plan, self.events.append)

    def start(self, plan, tell) -> LiveSession:
        return LiveSession(plan, tell, open_estimator=self._open)

    def stamped(self, *cameras: str, rate: float = 100.0) -> LiveSession:
        """A session of cameras whose small pictures carry the time they were taken."""
        return LiveSession(
            Plan(cameras or ("cam",), Settings()),
            self.events.append,
            open_estimator=self._open,
            open_source=lambda text, tell, **options: StampedCamera(text, SMALL, rate),
        )

    def said(self, kind) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    @contextmanager
    def _open(self, settings):
        self.estimators.append(FakeEstimator(settings, self.delay, self.people))
        yield self.estimators[-1]
