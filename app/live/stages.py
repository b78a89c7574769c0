"""Tracking and smoothing of one source, which may be moved about in time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from app.live.numbers import Numbers, pairs
from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.stages import Stages
from engine.types import UNTRACKED, Frame, Poses

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
        there_then = known.poses if known else self._near(frame.time) if new else None
        settled = known and not new and self._numbers.same(tracked, known.poses)
        for here, there in self._alike(tracked, None if settled else there_then):
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

    def _alike(self, tracked: Poses, known: Poses | None) -> Iterable[tuple[int, int]]:
        least = self._settings.tracking.min_similarity
        return pairs(tracked, known, self.skeleton.sigmas, least) if known else ()

    def _near(self, time: float) -> Poses | None:
        """The people of the nearest frame that was tracked at another time than this one.

        Those who were there before and after it are where they must have been at `time`.
        """
        place = bisect_left(self._times, time)
        times = self._times[max(place - 1, 0) : place + 1]
        around = [at for at in times if self._known[at].segment != self._segment]
        nearest = min(around, key=lambda at: abs(at - time), default=time + 2 * _NEAR)
        if abs(nearest - time) > _NEAR:
            return None
        poses = self._known[nearest].poses
        if len(around) < 2 or len({self._known[at].segment for at in around}) > 1:
            return poses
        before, after = around
        share = (time - before) / (after - before)
        return _moved(poses, self._known[before].poses, self._known[after].poses, share)

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


def _moved(poses: Poses, before: Poses, after: Poses, share: float) -> Poses:
    """People who are in both of two frames, at a share of the way from one to the other."""
    rows = [{one: row for row, one in enumerate(p.ids.tolist())} for p in (before, after)]
    raw = poses.raw_xy.copy()
    for row, one in enumerate(poses.ids.tolist()):
        if one != UNTRACKED and one in rows[0] and one in rows[1]:
            a, b = before.raw_xy[rows[0][one]], after.raw_xy[rows[1][one]]
            between = a + (b - a) * np.float32(share)
            raw[row] = np.where(np.isfinite(between), between, raw[row])
    return replace(poses, raw_xy=raw)


def _of_tracks(settings: Settings) -> tuple[object, ...]:
    return settings.engine, settings.grouping, settings.tracking, settings.smoothing
