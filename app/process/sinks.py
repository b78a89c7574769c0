"""Opens the files that `process` writes about one input; their headers say how they were made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.overlay.audio import Sound
from app.overlay.background import Background
from app.overlay.drawing import draw
from app.overlay.encoding import Draw, Encoding
from app.overlay.pictures import OverlayPictures
from app.overlay.video import OverlayVideo
from app.process.inputs import Job
from app.process.outputs import pictures
from app.tracks.ledger import Output
from app.tracks.ndjson_writer import header_of
from app.tracks.table import FORMATS, open_writer
from app.tracks.writer import Writer
from engine.estimator import PoseEstimator
from engine.files import sha256
from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.sources.excerpt import Part
from engine.sources.source import Source, can_be_read_again, files_of, stored_of
from engine.types import Frame, Poses


def header(
    source: Source, settings: Settings, estimator: PoseEstimator, part: Part | None = None
) -> dict[str, Any]:
    """How the tracks were made, for their header."""
    skeleton = estimator.skeleton
    chosen = {"part": part.as_json()} if part is not None and part.chosen else {}
    return header_of(
        source.name,
        source.info,
        skeleton.names,
        skeleton.limbs,
        **chosen,
        weights=describe(estimator),
        settings=settings.model_dump(mode="json", exclude={"cluster"}),
        posestream=own_version(),
    )


def opener(
    output: Output, job: Job, source: Source, settings: Settings, estimator: PoseEstimator
) -> Callable[[], Writer]:
    """What opens the writer of an output; it raises OutputError where it cannot be written."""
    if output.name == "overlay":
        return partial(open_overlay, output, job, source, settings, estimator.skeleton)
    facts = header(source, settings, estimator, job.part)
    return partial(open_writer, FORMATS[output.name], output.path, facts)


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


def open_overlay(
    output: Output,
    job: Job,
    source: Source,
    settings: Settings,
    skeleton: Skeleton,
    encoding: Encoding | None = None,
) -> Writer:
    """A writer of the overlay.

    Args:
        encoding: of a video that is encoded elsewhere.

    Raises:
        OutputError: it cannot be written.
    """
    drawing = drawer(settings, skeleton)
    if job.images:
        return OverlayPictures(pictures(output.path, job.images), drawing)
    with_sound = settings.output.audio and source.info.has_audio and can_be_read_again(source)
    video = OverlayVideo(
        output.path,
        source.info,
        drawing,
        quality=settings.output.quality,
        encoding=encoding,
        sound=_sound(source, job.part) if with_sound else None,
    )
    return Background(video)


def _sound(source: Source, part: Part) -> Sound:
    """The sound of a source that can be opened again."""
    stored = stored_of(source)
    address = stored.address if stored else str(files_of(source)[0])
    to_its_end = part.end is None and part.frames is None
    return Sound(address, part.start, to_its_end=to_its_end)


def drawer(settings: Settings, skeleton: Skeleton) -> Draw:
    """What draws the skeletons of a frame as the settings want them."""

    def drawing(frame: Frame, poses: Poses) -> NDArray[np.uint8]:
        return draw(frame.pixels, poses, skeleton, settings.display)

    return drawing


def own_version() -> str:
    """The version of this program."""
    try:
        return version("posestream")
    except PackageNotFoundError:  # run from a checkout that was not installed
        return "checkout"
