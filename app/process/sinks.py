"""Opens the files that `process` writes for one source, and says in them how they were made."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.overlay.background import Background
from app.overlay.drawing import draw
from app.overlay.pictures import OverlayPictures
from app.overlay.video import Draw, OverlayVideo
from app.process.inputs import Outputs, pictures
from app.tracks.ndjson_writer import header_of
from app.tracks.table import FORMATS, open_writer
from app.tracks.writer import Writer
from engine.estimator import PoseEstimator
from engine.files import sha256
from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.sources.images import ImageSource
from engine.sources.source import Source, can_be_read_again, files_of, stored_of
from engine.types import Frame, Poses


def header(source: Source, settings: Settings, estimator: PoseEstimator) -> dict[str, Any]:
    """What the tracks say of how they were made."""
    skeleton = estimator.skeleton
    return header_of(
        source.name,
        source.info,
        skeleton.names,
        skeleton.limbs,
        weights=describe(estimator),
        settings=settings.model_dump(mode="json"),
        posestream=_version(),
    )


def open_writers(
    writers: list[Writer],
    source: Source,
    files: Outputs,
    settings: Settings,
    estimator: PoseEstimator,
    written: Path,
) -> None:
    """Add the writers of one source to the list one by one, so that a failure leaves none open.

    Args:
        written: the tracks that are being written, or were, by other means.

    Raises:
        OutputError: a file cannot be written.
    """
    facts = header(source, settings, estimator)
    for name, path in files.tracks.items():
        if path != written:
            writers.append(open_writer(FORMATS[name], path, facts))
    if files.overlay is not None:
        writers.append(_overlay(source, files.overlay, settings, estimator.skeleton))


def describe(estimator: PoseEstimator) -> dict[str, Any]:
    """Which network it was and on what it ran, for the record."""
    checkpoint = estimator.checkpoint
    return {
        "name": checkpoint.name,
        "sha256": checkpoint.sha256 or sha256(checkpoint.path),
        "network": checkpoint.network_name,
        "input_size": estimator.input_size,
        "device": estimator.device.name,
    }


def _overlay(source: Source, path: Path, settings: Settings, skeleton: Skeleton) -> Writer:
    if isinstance(source, ImageSource):
        return OverlayPictures(pictures(path, source.files), _drawing(settings, skeleton))
    with_sound = settings.output.audio and source.info.has_audio and can_be_read_again(source)
    video = OverlayVideo(
        path,
        source.info,
        _drawing(settings, skeleton),
        quality=settings.output.quality,
        audio=_address(source) if with_sound else None,
    )
    return Background(video)


def _address(source: Source) -> str:
    """What opens a source's file again."""
    stored = stored_of(source)
    return stored.address if stored else str(files_of(source)[0])


def _drawing(settings: Settings, skeleton: Skeleton) -> Draw:
    def drawing(frame: Frame, poses: Poses) -> NDArray[np.uint8]:
        return draw(frame.pixels, poses, skeleton, settings.display)

    return drawing


def _version() -> str:
    try:
        return version("posestream")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "checkout"
