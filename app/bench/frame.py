"""What a frame costs beside the network: warp, decode, stages, draw, by the people in view.

One core, a frame of 720p, maps of made-up people in place of the network's. Processor time, which
other programs hardly touch. The baseline is the same path with decoding as its definition reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from rich.table import Table

from engine.settings import EngineSettings, Settings
from engine.types import Frame, Poses
from gpu_ops.device import NothingHeld

if TYPE_CHECKING:
    from engine.estimator import PoseEstimator
    from engine.network.weights import Checkpoint
    from gpu_ops.cpu import CpuLane
    from gpu_ops.device import Lane, Network

PEOPLE = (1, 5, 15, 30)
SIZE = (1280, 720)
INPUT = 256  # short side of the network's input, pixels
SEED = 2  # with which every made-up person is found
ROUNDS, PLAIN_ROUNDS = 40, 2
STEPS = {"warp": "warp", "aggregate": "aggregate", "find_peaks": "peaks", "refine": "refine"}
COLUMNS = ("warp", "aggregate", "peaks", "group, select", "refine", "track, smooth", "draw")

Spent = dict[str, float]


@dataclass(frozen=True, slots=True)
class FrameRow:
    """One number of people; milliseconds of processor time."""

    people: int
    parts: dict[str, float]  # by COLUMNS, the best of each
    best: float
    usual: float
    plain: float  # best of the plain way
    found: int
    same: bool  # the plain way found the same people, to the last bit


def frame_rows(settings: Settings) -> Iterator[FrameRow]:
    """Measure each number of people; torch and OpenCV run on one thread meanwhile."""
    from app.bench.plain import PlainLane
    from gpu_ops.cpu import CpuLane

    with one_thread():
        for people in PEOPLE:
            parts, poses = _measured(settings, people, CpuLane, ROUNDS)
            plain, expected = _measured(settings, people, PlainLane, PLAIN_ROUNDS)
            sums = [sum(spent.values()) for spent in parts]
            yield FrameRow(
                people,
                {step: min(spent[step] for spent in parts) for step in COLUMNS},
                min(sums),
                median(sums),
                min(sum(spent.values()) for spent in plain),
                len(poses),
                _same(poses, expected),
            )


def frame_table(rows: Sequence[FrameRow]) -> Table:
    """The rows as a table."""
    table = Table(title="A 720p frame beside the network: ms of one core, best of each part")
    for column in ("people", *COLUMNS, "best ms", "median ms", "plain ms", "ratio", ""):
        table.add_column(column, justify="left" if not column else "right")
    for row in rows:
        numbers = (*(row.parts[step] for step in COLUMNS), row.best, row.usual, row.plain)
        note = f"{row.found} found, {'same' if row.same else 'DIFFERENT'}"
        ratio = f"{row.plain / row.best:.1f}×"
        table.add_row(str(row.people), *(f"{n:.1f}" for n in numbers), ratio, note)
    return table


def _measured(
    settings: Settings, people: int, lane: Callable[[], CpuLane], rounds: int
) -> tuple[list[Spent], Poses]:
    """Milliseconds of each step in every round, and the people of the last frame."""
    from app.overlay.drawing import draw
    from engine.skeleton import COCO
    from engine.tracking.camera_motion import CameraMotion
    from engine.tracking.smoothing import Smoother
    from engine.tracking.tracker import Tracker

    camera, tracker = CameraMotion(), Tracker(settings.tracking, COCO)
    smoother = Smoother(settings.smoothing, COCO)
    spent: Spent = {}
    estimator = _estimator(settings, people, lambda: _TimedLane(lane(), spent))
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    all_spent = []
    for index in range(rounds + 1):
        spent.clear()
        frame = Frame(pixels, index, index / 30, 0.0, "bench")
        began = time.thread_time()
        poses = estimator.collect(estimator.submit([frame]))[0]
        whole = (time.thread_time() - began) * 1e3
        spent["group, select"] = whole - sum(spent.values())
        with _timed(spent, "track, smooth"):
            moved = camera(frame.pixels, poses.xy)
            poses = smoother(frame, tracker(frame, poses, moved))
        with _timed(spent, "draw"):
            draw(frame.pixels, poses, COCO, settings.display)
        if index:  # the first makes what is kept
            all_spent.append(dict(spent))
    return all_spent, poses


def _estimator(settings: Settings, people: int, lane: Callable[[], Lane]) -> PoseEstimator:
    """The real one, with made-up maps for a network."""
    import torch

    from app.bench.scenes import network_maps
    from engine.estimator import PoseEstimator
    from engine.geometry import fit
    from engine.network.weights import TrainedNetwork
    from engine.skeleton import COCO
    from gpu_ops.cpu import CpuDevice

    last = torch.channels_last  # as torch's networks give them
    low, high = (
        torch.from_numpy(maps)[None].contiguous(memory_format=last)
        for maps in network_maps(people, fit(SIZE, INPUT).size, seed=SEED)
    )

    class MadeUp(CpuDevice):
        def prepare(self, network: torch.nn.Module) -> Network:
            return lambda x: (low, high)

    device = MadeUp()
    vars(device).update(lane=lane)
    known = TrainedNetwork(network=torch.nn.Identity(), skeleton=COCO, input_size=INPUT)
    return PoseEstimator(cast("Checkpoint", known), device, EngineSettings(), settings.grouping)


class _TimedLane(NothingHeld):
    """A lane whose steps are timed."""

    def __init__(self, lane: CpuLane, spent: Spent) -> None:
        self._lane, self._spent = lane, spent

    def __getattr__(self, name: str) -> Any:
        step = getattr(self._lane, name)
        if name not in STEPS:
            return step

        def timed(*args: Any, **options: Any) -> Any:
            with _timed(self._spent, STEPS[name]):
                return step(*args, **options)

        return timed


@contextmanager
def _timed(spent: Spent, step: str) -> Iterator[None]:
    began = time.thread_time()
    yield
    spent[step] = spent.get(step, 0.0) + (time.thread_time() - began) * 1e3


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep torch and OpenCV to one thread meanwhile."""
    import cv2
    import torch

    threads = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads[0])
        cv2.setNumThreads(threads[1])


def _same(a: Poses, b: Poses) -> bool:
    pairs = ((a.raw_xy, b.raw_xy), (a.joint_score, b.joint_score), (a.state, b.state))
    return all(np.array_equal(p, q, equal_nan=True) for p, q in pairs)
