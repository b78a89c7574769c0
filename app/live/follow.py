"""Ids and smoothing as one stage, for live runs where either may be switched at any moment."""

from __future__ import annotations

from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.tracking.camera_motion import STILL, CameraStep
from engine.tracking.smoothing import Smoother
from engine.tracking.tracker import Tracker
from engine.types import Frame, Poses


class Follow:
    """Stage: ids and smoothing, each of which may be switched while running."""

    def __init__(self, settings: Settings, skeleton: Skeleton) -> None:
        self.skeleton = skeleton
        self._tracker = Tracker(settings.tracking, skeleton)
        self._smoother = Smoother(settings.smoothing, skeleton)
        self._settings = settings

    def use(self, settings: Settings) -> None:
        """Take other settings."""
        if settings is not self._settings:
            self._settings = settings
            self._tracker.settings = settings.tracking
            self._smoother.settings = settings.smoothing

    def __call__(self, frame: Frame, poses: Poses, camera: CameraStep = STILL) -> Poses:
        """Give ids, then steady the joints of those who have one."""
        if not self._settings.tracking.enabled:
            return poses
        poses = self._tracker(frame, poses, camera)
        return self._smoother(frame, poses) if self._settings.smoothing.enabled else poses
