"""A stand-in for the network, and `process` run with it in a process of its own, to be killed.

    python tests/support/walkers_estimator.py CLIP OUT [section.key=value ...]

People follow from the frame's number alone, so two runs see the same. Now and then one is missed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from app.process.batch import process_files
from app.process.outcome import Summary
from engine.settings import Settings, load_settings
from engine.skeleton import COCO
from engine.types import Frame, JointState, Poses, untracked

BODY = np.random.default_rng(5).random((17, 2)) * (30, 60)


class Walkers:
    """Finds three people who walk; `seconds` is how long it takes per frame."""

    batch, depth, input_size, skeleton = 3, 2, 256, COCO

    def __init__(self, seconds: float = 0.0) -> None:
        self.times: dict[str, float] = {}
        self.frames = 0  # how many it was given
        self._seconds = seconds
        self.device = SimpleNamespace(name="stand-in", runtime="torch")
        self.checkpoint = SimpleNamespace(
            name="stand-in", sha256="0" * 64, network_name="none", path=Path()
        )

    def submit(self, frames: Sequence[Frame]) -> list[Frame]:
        self.frames += len(frames)
        return list(frames)

    def collect(self, ticket: Sequence[Frame]) -> list[Poses]:
        time.sleep(self._seconds * len(ticket))
        return [people(frame.index) for frame in ticket]


def people(index: int) -> Poses:
    """The people of a frame."""
    rng = np.random.default_rng(index)
    starts = np.array([[10 + 0.4 * index, 10], [150 - 0.4 * index, 20], [80, 30]])
    starts = starts[rng.random(3) > 0.1]
    xy = starts[:, None] + BODY + rng.normal(0, 0.5, (len(starts), 17, 2))
    there = rng.random((len(starts), 17)) > 0.05
    score = np.where(there, 0.8, 0).astype(np.float32)
    state = np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8)
    person = np.full(len(starts), 0.8, np.float32)
    return untracked(xy.astype(np.float32), score, person, state)


def process(
    inputs: Sequence[Path],
    out: Path,
    *changes: str,
    force: bool = False,
    walkers: Walkers | None = None,
) -> tuple[Summary, Walkers]:
    """Process with the stand-in; how it went, and the stand-in afterwards."""
    walkers = walkers or Walkers()

    @contextmanager
    def opened(settings: Settings) -> Iterator[Walkers]:
        yield walkers

    settings = load_settings(changes=changes)
    summary = process_files(
        [str(path) for path in inputs], out, settings, force=force, open_estimator=opened
    )
    return summary, walkers


if __name__ == "__main__":
    process([Path(sys.argv[1])], Path(sys.argv[2]), *sys.argv[3:], walkers=Walkers(0.004))
