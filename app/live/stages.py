"""Tracking and smoothing of one source, which may be moved about in time."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace

from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.stages import Stages
from engine.types import Frame, Poses

_KEPT = 18_000  # frames: ten minutes at 30 per second, about 60 MB with five people


class Revisited:
    """Stage: as `Stages`, but a frame that was seen before keeps the people it had.

    Looping, stepping back and seeking in a file deliver the same frames again. Their tracks are
    known, so every id is kept; where new frames follow on known ones, tracking continues.
    """

    def __init__(self, settings: Settings, skeleton: Skeleton, *, seeks: bool) -> None:
        """Begin without tracks; `seeks`: the source is a file that may be moved."""
        self.skeleton = skeleton
        self._settings, self._seeks = settings, seeks
        self._stages = Stages(settings, skeleton)
        self._known: OrderedDict[float, Poses] = OrderedDict()
        self._last: tuple[float, int] | None = None  # time and segment of the newest tracked
        self._before: float | None = None  # time of the frame before this one
        self._segment = 0  # the tracker's own count of interruptions

    def use(self, settings: Settings, skeleton: Skeleton) -> None:
        """Take other settings; what was known was found with the old ones."""
        if skeleton is not self.skeleton:
            self.__init__(settings, skeleton, seeks=self._seeks)  # type: ignore[misc]
        elif settings is not self._settings:
            if _of_tracks(settings) != _of_tracks(self._settings):
                self._known.clear()
            self._settings = settings
            self._stages.use(settings)

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        """Give ids and steady joints, or recall them."""
        if not self._seeks:
            return self._stages(frame, poses, camera)
        before, self._before = self._before, frame.time
        known = self._known.get(frame.time)
        if known is not None:
            return known
        if self._last is None or before is None or not self._goes_on(frame, before):
            self._segment += 1
        tracked = self._stages(replace(frame, segment=self._segment), poses, camera)
        self._last = frame.time, frame.segment
        self._known[frame.time] = tracked
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return tracked

    def _goes_on(self, frame: Frame, before: float) -> bool:
        """Whether this frame follows on the newest that was tracked."""
        assert self._last is not None
        time, segment = self._last
        return frame.time > time and (frame.segment == segment or before == time)


def _of_tracks(settings: Settings) -> tuple[object, ...]:
    return settings.engine, settings.grouping, settings.tracking, settings.smoothing
