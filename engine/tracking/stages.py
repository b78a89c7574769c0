"""What happens to the people of one source after they are found: who is who, and steady joints."""

from __future__ import annotations

from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.tracking.smoothing import Smoother
from engine.tracking.tracker import Tracker


def stages_of(settings: Settings, skeleton: Skeleton) -> list[Tracker | Smoother]:
    """New stages for one source, in their order; each remembers that source."""
    stages: list[Tracker | Smoother] = []
    if settings.tracking.enabled:
        stages.append(Tracker(settings.tracking, skeleton))
    if settings.smoothing.enabled:
        stages.append(Smoother(settings.smoothing, skeleton))
    return stages
