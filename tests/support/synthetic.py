"""A session without an engine: moving stick figures on a moving background."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from app.live.plan import Plan
from app.live.protocol import Flow, Ready, Recorded, SourceState, Tell
from app.live.taps import Newest
from engine.skeleton import COCO
from engine.types import Frame, JointState, Poses, Result

STANDING = np.array(
    [
        (0, -0.9),
        (-0.03, -0.93),
        (0.03, -0.93),
        (-0.07, -0.9),
        (0.07, -0.9),
        (-0.18, -0.7),
        (0.18, -0.7),
        (-0.26, -0.48),
        (0.26, -0.48),
        (-0.24, -0.26),
        (0.24, -0.26),
        (-0.11, -0.28),
        (0.11, -0.28),
        (-0.12, 0.08),
        (0.12, 0.08),
        (-0.12, 0.42),
        (0.12, 0.42),
    ],
    np.float32,
)  # fmt: skip  (17, 2), body heights from the middle


class Figures:
    """A session that yields people who walk and wave; `delay` seconds of work per frame."""

    player = None

    def __init__(
        self,
        plan: Plan,
        tell: Tell,
        *,
        rate=30.0,
        delay=0.0,
        size=(480, 270),
        people=3,
        fail_after=None,
        lost=(),
    ):
        self.plan, self.tell = plan, tell
        self.rate, self.delay, self.size, self.people = rate, delay, size, people
        self.fail_after, self.lost = fail_after, lost
        self.settings = plan.settings
        self.recorded = None
        self.traces = {}
        self.looks, self.added, self.removed, self.notes = [], [], [], []
        self.sent = frozenset()
        self.names = list(plan.names)
        self._captured = Newest()
        self.stopped = threading.Event()
        w, h = size
        y, x = np.mgrid[0:h, 0:w].astype(np.float32)
        shade = 34 + 42 * (y / h) + 10 * np.sin(x / 90) * np.cos(y / 70)
        self.background = np.stack([shade * 0.9, shade, shade * 1.25], 2).astype(np.uint8)

    def results(self) -> Iterator[Result]:
        engine = self.plan.settings.engine
        self.tell(Ready("CPU, 2 threads", "fp32", engine.weights, COCO, 256, {}, engine))
        for source in self.plan.sources:
            lost = source in self.lost
            self.tell(
                SourceState(
                    source,
                    "reconnecting" if lost else "live",
                    f"{source} was lost: nothing has arrived for 5 s. Trying again (3)."
                    if lost
                    else "",
                    duration=30.0,
                    rate=self.rate,
                )
            )
        began, index = time.perf_counter(), 0
        while not self.stopped.wait(max(0.0, began + index / self.rate - time.perf_counter())):
            for source in list(self.names):
                if source in self.lost and index:
                    continue
                result = self._result(source, index, index / self.rate)
                self._captured.put(result.frame)
                yield result
            if self.fail_after is not None and index >= self.fail_after:
                from engine.errors import SourceError

                raise SourceError("cannot go on: the camera was unplugged")
            index += 1

    def _result(self, source: str, index: int, at: float) -> Result:
        arrived = time.perf_counter()
        frame = Frame(self.background.copy(), index, at, arrived, source)
        if self.delay:
            time.sleep(self.delay)
        return Result(
            frame,
            people(self.people, self.size, at),
            index // 7,
            {"decode": 0.0021, "network": 0.0312, "group": 0.0024, "stages": 0.0008},
        )

    def frames(self):
        return self._captured.take()

    def flows(self):
        return {name: Flow(10, self.rate, 1) for name in self.names}

    def stop(self):
        self.stopped.set()
        self._captured.close()

    def add(self, source, name):
        self.added.append(source)
        if name not in self.names:
            self.names.append(name)

    def remove(self, name):
        self.removed.append(name)
        if name in self.names:
            self.names.remove(name)

    def use_cameras(self, cameras):
        self.cameras = cameras

    def look(self, look):
        self.looks.append(look)

    def note(self, source, number, text):
        self.notes.append((source, number, text))

    def send(self, targets):
        self.sent = targets

    def watch(self, joint):
        self.watched = joint

    def change(self, settings):
        self.settings = settings

    def record(self, plan):
        self.recorded = plan
        folder = plan.folder if plan else Path()
        self.tell(Recorded(folder, plan is not None))


def people(count: int, size: tuple[int, int], at: float) -> Poses:
    w, h = size
    xy = np.empty((count, 17, 2), np.float32)
    for i in range(count):
        height = h * (0.55 + 0.1 * (i % 3))
        middle = ((i + 0.5) / count * w + 30 * np.sin(at + i), h * 0.6)
        body = STANDING.copy()
        wave = 0.3 * np.sin(3 * at + i)
        body[9] += (-0.12, -0.35 + wave)
        body[7] += (-0.1, -0.1)
        body[16] += (0.06 + 0.05 * np.sin(2 * at), 0)
        xy[i] = body * height + middle
    score = np.linspace(0.95, 0.3, 17, dtype=np.float32)[None].repeat(count, 0)
    state = np.full((count, 17), JointState.DETECTED, np.uint8)
    state[:, 15] = JointState.REFINED
    ids = np.arange(count, dtype=np.int32)
    return Poses(xy, score, score.mean(1), ids, state, xy)
