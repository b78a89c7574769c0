"""Tracking and smoothing of one source, which may be moved about in time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from app.live.numbers import Numbers, pairs
from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.stages import Stages
from engine.types import Frame, Poses

_KEPT = 18_000  # frames: ten minutes at 30 per second, about 60 MB with five people
_NEAR = 1.0  # s between two frames in which a person may be known again by place and pose


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """A frame that was tracked."""

    poses: Poses  # with the tracker's ids
    segment: int  # the tracker's own, as `Revisited` counts them


class Revisited:
    """Stage: as `Stages`, but a frame that was seen before keeps the people it had.

    Looping, stepping back and seeking in a file deliver the same frames again, or others between
    them. The tracker begins anew at every jump; people it meets in or near a frame that is known
    keep their numbers, and a person who was met twice has one number from then on.
    """

    def __init__(
        self,
        settings: Settings,
        skeleton: Skeleton,
        *,
        seeks: bool,
        joined: Callable[[int, int], None] = lambda before, now: None,
    ) -> None:
        """Begin without tracks.

        Args:
            seeks: the source is a file that may be moved.
            joined: called with a number that is no longer used, and the one in its place.
        """
        self.skeleton = skeleton
        self._settings, self._seeks, self._joined = settings, seeks, joined
        self._stages = Stages(settings, skeleton)
        self._numbers = Numbers()
        self._forget()
        self._last: tuple[float, int] | None = None  # time and segment of the frame before
        self._segment = 0  # the tracker's own count of interruptions
        self._anew = False

    def use(self, settings: Settings, skeleton: Skeleton) -> None:
        """Take other settings; what was known was found with the old ones."""
        if settings is not self._settings or skeleton is not self.skeleton:
            others = _of_tracks(settings) != _of_tracks(self._settings)
            if others or skeleton is not self.skeleton:
                self._forget()
            self._settings, self.skeleton = settings, skeleton
            self._stages.use(settings, skeleton)  # its ids, and with them numbers, go on

    def begin_anew(self) -> None:
        """The source was opened again, perhaps otherwise: nothing known holds. Any thread."""
        self._anew = True

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        """Give ids and steady joints, or recall them."""
        if not self._seeks:
            return self._stages(frame, poses, camera)
        if self._anew:
            self._anew, self._last = False, None
            self._forget()
        if not self._last or frame.time <= self._last[0] or frame.segment != self._last[1]:
            self._segment += 1
        self._last = frame.time, frame.segment
        tracked = self._stages(replace(frame, segment=self._segment), poses, camera)
        new = self._numbers.meet(tracked)
        known = self._known.get(frame.time)
        near = self._nearest(frame.time) if new and not known else None
        settled = known and not new and self._numbers.same(tracked, known.poses)
        for here, there in self._alike(tracked, None if settled else known or near):
            if here in new:
                self._numbers.join(there, here)
            elif known:  # the number on the screen stays, the known one changes everywhere
                before = self._numbers.join(here, there)
                if before is not None:
                    self._joined(before, self._numbers.of(here))
        self._numbers.give(new)
        if known:
            return self._numbers.numbered(known.poses)
        self._keep(frame.time, tracked)
        return self._numbers.numbered(tracked)

    def _alike(self, tracked: Poses, known: _Known | None) -> Iterable[tuple[int, int]]:
        least = self._settings.tracking.min_similarity
        return pairs(tracked, known.poses, self.skeleton.sigmas, least) if known else ()

    def _nearest(self, time: float) -> _Known | None:
        """The frame nearest to a time that was tracked at another time than this one."""
        place = bisect_left(self._times, time)
        around = self._times[max(place - 1, 0) : place + 1]
        others = [
            (abs(at - time), self._known[at])
            for at in around
            if self._known[at].segment != self._segment
        ]
        away, nearest = min(others, key=lambda pair: pair[0], default=(_NEAR + 1, None))
        return nearest if away <= _NEAR else None

    def _keep(self, time: float, tracked: Poses) -> None:
        self._known[time] = _Known(tracked, self._segment)
        insort(self._times, time)
        self._order.append(time)
        if len(self._order) > _KEPT:
            oldest = self._order.popleft()
            del self._known[oldest]
            del self._times[bisect_left(self._times, oldest)]

    def _forget(self) -> None:
        self._known: dict[float, _Known] = {}
        self._times: list[float] = []  # of them, ascending
        self._order: deque[float] = deque()  # as they were seen


def _of_tracks(settings: Settings) -> tuple[object, ...]:
    return settings.engine, settings.grouping, settings.tracking, settings.smoothing
