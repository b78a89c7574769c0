"""Tracking and smoothing as one stage per source; either may be switched while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.smoothing import Smoother
from engine.tracking.tracker import Tracker
from engine.types import Frame, Poses


def smoothed(settings: Settings) -> bool:
    """Whether coordinates are smoothed, so that the measured ones are worth writing as well.

    Smoothing follows people by their ids, so it needs tracking.
    """
    return settings.tracking.enabled and settings.smoothing.enabled


class Stages:
    """Stage: ids, then smooth joints. It remembers one source."""

    def __init__(self, settings: Settings, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self._tracker = Tracker(settings.tracking, skeleton)
        self._smoother = Smoother(settings.smoothing, skeleton)
        self._settings = settings

    def use(self, settings: Settings, skeleton: Skeleton | None = None) -> None:
        """Take other settings from the next frame on.

        With another skeleton all tracks end; no id is used again.
        """
        if skeleton is not None and skeleton is not self.skeleton:
            self._settings, self.skeleton = settings, skeleton
            first = self._tracker.next_id
            self._tracker = Tracker(settings.tracking, skeleton, first_id=first)
            self._smoother = Smoother(settings.smoothing, skeleton)
        elif settings is not self._settings:
            self._settings = settings
            self._tracker.settings = settings.tracking
            self._smoother.settings = settings.smoothing

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        """Give ids, then smooth the joints of those who have one."""
        if not self._settings.tracking.enabled:
            return poses
        poses = self._tracker(frame, poses, camera)
        return self._smoother(frame, poses) if smoothed(self._settings) else poses

    def state(self) -> list[Any]:
        """The state of both stages, as JSON values."""
        return [self._tracker.state(), self._smoother.state()]

    def restore(self, state: Sequence[Any]) -> None:
        """Continue exactly from a `state`."""
        tracker, smoother = state
        self._tracker.restore(tracker)
        self._smoother.restore(smoother)
