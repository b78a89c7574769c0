"""A video whose frames were detected already: a source without pictures, and its detections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from app.cluster.detections import Part
from app.cluster.work import Survey, Work
from engine.pipeline import Detection
from engine.sources.addresses import is_url
from engine.sources.source import Source, SourceInfo, Stored
from engine.sources.stores import is_stored
from engine.tracking.camera_motion import CameraMotion, View
from engine.types import Frame


class StoredVideo:
    """Frames without pictures; it can be read again."""

    def __init__(self, work: Work, found: Survey, parts: Callable[[], Iterator[Part]]) -> None:
        """Prepare; `parts` reads the detections of the segments in order."""
        assert found.info is not None, "it was surveyed"
        text = work.job.source
        self.name = found.name
        self.info: SourceInfo = found.info
        self.stored = Stored(text, found.content) if is_stored(text) else None
        self.files = () if is_url(text) else (Path(text),)
        self.notes: list[str] = []
        self._parts = parts

    def frames(self) -> Iterator[Frame]:
        """Every frame in order, black."""
        for detection in self.detections():
            yield detection.frame

    def detections(self) -> Iterator[Detection]:
        """Every frame with its people and the camera's motion."""
        before: View | None = None
        for part in self._parts():
            yield from part.detections(self.name, before)
            before = part.view("last")

    def close(self) -> None:
        """Nothing is held open."""


def detections_of(
    source: Source, estimator: Any, camera: CameraMotion | None
) -> Iterator[Detection]:
    """The detections of the frames that a source still has; fits `Supply.detect`."""
    first = next(source.frames(), None)
    video: Any = getattr(source, "whole", source)
    if first is None:
        return
    for detection in video.detections():
        if detection.frame.index >= first.index:
            yield detection
