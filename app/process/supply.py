"""Where the frames and detections of an input come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from app.tracks.writer import Writer
from engine.inbox import Inbox
from engine.pipeline import Detection, detect
from engine.sources import open_source
from engine.sources.source import Source
from engine.tracking.camera_motion import CameraMotion

CAPACITY = 16  # frames decoded ahead


def detect_here(source: Source, estimator: Any, camera: CameraMotion | None) -> Iterator[Detection]:
    """Find the people in the frames that a source still has, on this machine."""
    inbox = Inbox([source.name], keep="all", capacity=CAPACITY)
    cameras = {source.name: camera} if camera is not None else {}
    return detect([source], inbox, estimator, cameras, full_batches=True)


@dataclass(frozen=True, slots=True)
class Supply:
    """By default, everything comes from this machine."""

    open: Callable[[str], Source] = open_source
    detect: Callable[[Source, Any, CameraMotion | None], Iterator[Detection]] = detect_here
    overlay: Callable[[], Writer] | None = None  # opens the overlay's writer in another way
    content: str | None = None  # key of the content that the detections were made of


HERE = Supply()
