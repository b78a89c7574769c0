"""The road every frame takes, in every mode: source, inbox, estimator, stages, result."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from engine.capture import capturing
from engine.inbox import Inbox
from engine.sources.source import Source
from engine.types import Frame, Poses, Result

Stage = Callable[[Frame, Poses], Poses]
Ticket = TypeVar("Ticket")


class Estimator(Protocol[Ticket]):
    """What the road needs of a pose estimator."""

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
    full_batches: bool = False,
) -> Iterator[Result]:
    """Yield a result per frame, in order, until the sources end or the inbox is closed.

    Args:
        sources: each is read by a thread of its own, which is gone when the iterator ends.
        inbox: made for these sources; closing it from any thread stops everything.
        estimator: used by the thread that iterates, which must be the one that opened it.
        stages: makes the stages of a source, by its name; called once per source.
        full_batches: wait for whole batches, so that results do not depend on timing.

    Raises:
        PoseError: what ended a source, after the results of all frames before it.
    """
    after: dict[str, Sequence[Stage]] = {source.name: stages(source.name) for source in sources}
    in_flight: deque[tuple[list[Frame], Any]] = deque()
    with capturing(sources, inbox):
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
                yield from _results(frames, ticket, estimator, after, inbox)


def _results(
    frames: Sequence[Frame],
    ticket: Any,
    estimator: Estimator[Any],
    after: Mapping[str, Sequence[Stage]],
    inbox: Inbox,
) -> Iterator[Result]:
    found = estimator.collect(ticket)
    times = estimator.times
    for frame, poses in zip(frames, found, strict=True):
        began = time.perf_counter()
        for stage in after[frame.source]:
            poses = stage(frame, poses)
        spent = {**times, "stages": time.perf_counter() - began}
        yield Result(frame, poses, inbox.dropped[frame.source], spent)
