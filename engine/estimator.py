"""Frames to poses: the one path through the network that every mode takes."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.decoding.decode import People, collect_people, find_people
from engine.decoding.selection import select
from engine.errors import DeviceError
from engine.geometry import Fit, fit
from engine.network.hrnet import fold_batch_norm
from engine.network.runtime import runtime_plan
from engine.network.tag_scale import with_tags_scaled
from engine.network.weights import Checkpoint, load_checkpoint
from engine.settings import EngineSettings, GroupingSettings, Settings
from engine.skeleton import Skeleton
from engine.tracking.appearance import appearance
from engine.types import Frame, JointState, Poses, untracked
from gpu_ops import open_device
from gpu_ops.device import (
    Device,
    DeviceFailure,
    DeviceUnavailable,
    Lane,
    Maps,
    OutOfMemory,
    Pass,
)

log = logging.getLogger(__name__)

# the joint, where the image lies in the input, (H, W) the response there 0..1
Watched = tuple[int, Fit, NDArray[np.float32]]


@dataclass(slots=True, eq=False)
class _Part:
    """The frames of a batch that share one input shape: one trip through the network."""

    rows: list[int]  # positions in the batch
    fits: list[Fit]
    lane: Lane
    maps: Maps


@dataclass(slots=True, eq=False)
class Ticket:
    """One batch in flight."""

    frames: Sequence[Frame]
    parts: list[_Part] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add the block's seconds to a step."""
        began = time.perf_counter()
        yield
        self.times[step] += time.perf_counter() - began


class PoseEstimator:
    """Owns the device, the network and the lanes. Opened, used and closed by one thread.

    `grouping` may be replaced while running; it is read once per batch.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: Device,
        engine: EngineSettings,
        grouping: GroupingSettings,
    ) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.engine = engine
        self.grouping = grouping
        self.batch = engine.batch or device.best_batch
        self.depth = engine.depth
        self.input_size = engine.input_size or checkpoint.input_size
        self.times: Mapping[str, float] = {}
        self.watched: int | None = None  # a keypoint whose heatmaps are kept, to be looked at
        self.heatmaps: dict[str, Watched] = {}  # source -> of its newest frame
        self._scales = sorted(engine.scales, reverse=True)
        prepared = device.prepare(fold_batch_norm(checkpoint.network))
        factor = checkpoint.tag_factor(self.input_size)
        self._network = with_tags_scaled(prepared, len(checkpoint.skeleton), factor)
        self._free: list[Lane] = []

    @property
    def skeleton(self) -> Skeleton:
        """The keypoints of the people that come out."""
        return self.checkpoint.skeleton

    def fit(self, size: tuple[int, int]) -> Fit:
        """Where an image of (w, h) pixels lies in the network input."""
        return fit(size, self.input_size, self._scales)

    def submit(self, frames: Sequence[Frame]) -> Ticket:
        """Start on a batch of frames of any sizes; collect tickets in the order of submission.

        Raises:
            DeviceError: the device failed, or one frame alone does not fit its memory.
        """
        ticket = Ticket(frames)
        by_shape: dict[tuple[int, int], list[int]] = defaultdict(list)
        for row, frame in enumerate(frames):
            by_shape[self.fit(frame.size).size].append(row)
        for rows in by_shape.values():
            for start in range(0, len(rows), self.batch):
                self._start(ticket, rows[start : start + self.batch])
        return ticket

    def _start(self, ticket: Ticket, rows: list[int]) -> None:
        try:
            with _named_failures(ticket.frames, rows):
                ticket.parts.append(self._forward(ticket, rows))
        except OutOfMemory as error:
            if len(rows) == 1:
                raise DeviceError(
                    f"{self.device.name} has too little memory for one frame at input size "
                    f"{self.input_size}: choose a smaller engine.input_size ({error})"
                ) from error
            half = len(rows) // 2
            self.batch = min(self.batch, half)
            log.warning("out of memory with %d frames; continuing with %d", len(rows), half)
            self._start(ticket, rows[:half])
            self._start(ticket, rows[half:])

    def _forward(self, ticket: Ticket, rows: list[int]) -> _Part:
        frames = [ticket.frames[row] for row in rows]
        fits = [self.fit(frame.size) for frame in frames]
        mirror = self.skeleton.mirror if self.engine.flip else None
        passes = []
        with self._free.pop() if self._free else self.device.lane() as lane:
            for scale in self._scales:
                with ticket.timed("warp"):
                    affines = [placed.affine_at(scale) for placed in fits]
                    size = fits[0].size_at(scale)
                    pixels = [frame.pixels for frame in frames]
                    x = lane.warp(pixels, affines, size, mirror=self.engine.flip)
                with ticket.timed("network"):
                    passes.append(Pass(scale, *lane.run(self._network, x)))
            with ticket.timed("decode"):
                two_step = self.engine.two_step_upsample
                maps = lane.aggregate(passes, fits[0].size, mirror, two_step=two_step)
                find_people(lane, maps, self.skeleton.order, self.grouping)
        return _Part(rows, fits, lane, maps)

    def collect(self, ticket: Ticket) -> list[Poses]:
        """Wait for a batch.

        Returns:
            one Poses per frame, in image pixels, untracked.
        """
        poses: list[Poses | None] = [None] * len(ticket.frames)
        with ticket.timed("decode"):
            for part in ticket.parts:
                with _named_failures(ticket.frames, part.rows):
                    people = self._decode(part)
                    self._keep_watched(ticket, part)
                for row, placed, found in zip(part.rows, part.fits, people, strict=True):
                    seen = self._in_image(placed, found)
                    look = appearance(ticket.frames[row].pixels, seen.xy, self.skeleton)
                    poses[row] = replace(seen, appearance=look)
        self.times = dict(ticket.times)
        return [found for found in poses if found is not None]

    def _decode(self, part: _Part) -> list[People]:
        with part.lane as lane:
            people = collect_people(
                lane,
                part.maps,
                self.skeleton.order,
                self.grouping,
                images=len(part.rows),
                scoring=self.checkpoint.scoring,
            )
        self._free.append(part.lane)
        return people

    def _keep_watched(self, ticket: Ticket, part: _Part) -> None:
        joint = self.watched
        if joint is None:
            self.heatmaps.clear()
            return
        heat = part.maps.heat[:, joint].float().cpu().numpy()
        for row, placed, seen in zip(part.rows, part.fits, heat, strict=True):
            self.heatmaps[ticket.frames[row].source] = joint, placed, seen

    def _in_image(self, placed: Fit, people: People) -> Poses:
        state = np.full(people.detected.shape, JointState.REFINED, np.uint8)
        state[people.detected] = JointState.DETECTED
        state[people.joint_score == 0] = JointState.ABSENT
        poses = untracked(placed.to_image(people.xy), people.joint_score, people.score, state)
        score = self.checkpoint.scoring.by_size(poses.score, poses.xy, placed.image)
        return select(replace(poses, score=score), self.skeleton, self.grouping)

    def warm_up(self, sizes: Sequence[tuple[int, int]]) -> None:
        """Run once per frame size (w, h), so that the first real frame is not the slow one."""
        for w, h in sizes:
            blank = np.zeros((h, w, 3), np.uint8)
            self.collect(self.submit([Frame(blank, 0, 0.0, 0.0, "warm-up")] * self.batch))


@contextmanager
def _named_failures(frames: Sequence[Frame], rows: Sequence[int]) -> Iterator[None]:
    """A device failure names the frames it hit; running out of memory is dealt with above."""
    try:
        yield
    except OutOfMemory:
        raise
    except DeviceFailure as error:
        first, last = frames[rows[0]], frames[rows[-1]]
        raise DeviceError(
            f"{error} (frames {first.index} to {last.index} of {first.source})"
        ) from error


@contextmanager
def open_named(
    settings: Settings, *, load: Callable[..., Checkpoint] = load_checkpoint
) -> Iterator[PoseEstimator]:
    """Load the checkpoint that is named and open the device; both are released after the block.

    `engine.network.opening.open_estimator` takes `auto` and profiles as well.

    Raises:
        WeightsError: the checkpoint is missing or does not fit.
        DeviceError: the device or precision is not available here.
    """
    engine = settings.engine
    checkpoint = load(engine.weights, engine.network)
    try:
        device = open_device(engine.device, engine.precision, runtime_plan(checkpoint, engine))
        estimator = PoseEstimator(checkpoint, device, engine, settings.grouping)
    except DeviceUnavailable as error:
        raise DeviceError(str(error)) from error
    with device:
        yield estimator
