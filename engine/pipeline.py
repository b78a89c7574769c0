"""The path of every frame in every mode: source, inbox, estimator, stages, result.

It has two halves. Detection finds the people of a frame and the camera's motion since the frame
before; it keeps no other state, so parts of a video can be detected independently. Association
goes through the detections in order and reads no pixels.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from engine.capture import Captures
from engine.inbox import Inbox
from engine.sources.source import Source
from engine.tracking.camera_motion import STILL, CameraMotion, CameraStep
from engine.types import Frame, Poses, Result

Stage = Callable[[Frame, Poses, CameraStep], Poses]
Ticket = TypeVar("Ticket")


Made = TypeVar("Made")


class _OnDemand(dict[str, Made]):
    """Makes the value of a source when it is first asked for: sources may join later."""

    def __init__(self, make: Callable[[str], Made]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, name: str) -> Made:
        self[name] = made = self._make(name)
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One frame with its people, before association."""

    frame: Frame
    poses: Poses  # without ids
    camera: CameraStep = STILL  # since the frame of this source before
    dropped: int = 0  # frames of this source replaced by newer ones so far
    times: Mapping[str, float] = field(default_factory=dict)  # step -> seconds for its batch


class Estimator(Protocol[Ticket]):
    """What the pipeline needs of a pose estimator."""

    @property
    def batch(self) -> int:
        """Frames per submission."""

    @property
    def depth(self) -> int:
        """Submissions in flight."""

    def submit(self, frames: Sequence[Frame]) -> Ticket:
        """Start on a batch."""

    def collect(self, ticket: Ticket) -> list[Poses]:
        """Wait for a batch: one Poses per frame."""

    @property
    def times(self) -> Mapping[str, float]:
        """Seconds that each step of the batch collected last took."""


def run(
    sources: Sequence[Source],
    inbox: Inbox,
    estimator: Estimator[Any],
    stages: Callable[[str], Sequence[Stage]] = lambda source: (),
    *,
    cameras: Mapping[str, CameraMotion | None] | None = None,
    full_batches: bool = False,
    captures: Captures | None = None,
) -> Iterator[Result]:
    """Yield a result per frame, in order, until the sources end or the inbox is closed.

    Args:
        sources: each is read by a thread of its own, which is gone when the iterator ends.
        inbox: made for these sources; closing it from any thread stops everything.
        estimator: used by the thread that iterates, which must be the one that opened it.
        stages: makes the stages of a source, by its name; called once per source.
        cameras: source -> its camera, to continue from a state; default: a new one for every
            source that has stages.
        full_batches: wait for whole batches, so that results do not depend on timing.
        captures: of this inbox, for sources that join and leave while it runs.

    Raises:
        PoseError: what ended a source, after the results of all frames before it.
    """
    after = _OnDemand(stages)
    for source in sources:
        after[source.name] = stages(source.name)
    if cameras is None:
        cameras = _OnDemand(lambda name: CameraMotion() if after[name] else None)
    detections = detect(
        sources, inbox, estimator, cameras, full_batches=full_batches, captures=captures
    )
    with closing(detections):  # type: ignore[type-var]  # it is a generator
        yield from associate(detections, after)


def detect(
    sources: Sequence[Source],
    inbox: Inbox,
    estimator: Estimator[Any],
    cameras: Mapping[str, CameraMotion | None],
    *,
    full_batches: bool = False,
    captures: Captures | None = None,
) -> Iterator[Detection]:
    """Yield a detection per frame; arguments and errors as of `run`.

    When a detection is yielded, the camera of its source has just seen its frame.
    """
    captures = captures or Captures(inbox)
    in_flight: deque[tuple[list[Frame], Any]] = deque()
    with captures:
        for source in sources:
            captures.start(source)
        while True:
            # Wait for frames only when nothing is in flight: a slow camera gets its pose at
            # once, and a fast file keeps the device busy.
            frames = inbox.take(estimator.batch, wait=not in_flight, full=full_batches)
            if frames:
                in_flight.append((frames, estimator.submit(frames)))
            elif not in_flight:
                return
            if not frames or len(in_flight) == estimator.depth:
                frames, ticket = in_flight.popleft()
                yield from _detections(frames, ticket, estimator, cameras, inbox)


def _detections(
    frames: Sequence[Frame],
    ticket: Any,
    estimator: Estimator[Any],
    cameras: Mapping[str, CameraMotion | None],
    inbox: Inbox,
) -> Iterator[Detection]:
    found = estimator.collect(ticket)
    times = estimator.times
    for frame, poses in zip(frames, found, strict=True):
        began = time.perf_counter()
        camera = cameras[frame.source]
        step = camera(frame.pixels, poses.xy) if camera else STILL
        spent = {**times, "stages": time.perf_counter() - began}
        yield Detection(frame, poses, step, inbox.dropped[frame.source], spent)


def associate(
    detections: Iterable[Detection], stages: Mapping[str, Sequence[Stage]]
) -> Iterator[Result]:
    """Yield a result per detection: the stages of its source (by name), one after the other."""
    for found in detections:
        began = time.perf_counter()
        poses = found.poses
        for stage in stages[found.frame.source]:
            poses = stage(found.frame, poses, found.camera)
        spent = found.times.get("stages", 0.0) + time.perf_counter() - began
        yield Result(found.frame, poses, found.dropped, {**found.times, "stages": spent})
