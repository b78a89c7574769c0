"""The library: people's skeletons from a video in one call.

    from engine.api import process

    for result in process("clip.mp4"):
        print(result.frame.time, result.poses.ids, result.poses.xy.shape)

Importing this loads neither Qt nor, until something is processed, torch. docs/api.md has more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from engine.offline.recording import Recording, collect
from engine.settings import Settings, load_settings
from engine.types import Frame, JointState, Poses, Result

__all__ = [
    "Frame",
    "JointState",
    "Poses",
    "Recording",
    "Result",
    "Settings",
    "load_settings",
    "process",
    "record",
]

_CAPACITY = 16  # frames decoded ahead


def _default_estimator(settings: Settings) -> AbstractContextManager[Any]:
    from engine.network.opening import open_estimator

    return open_estimator(settings)


def process(
    source: str | Path,
    settings: Settings | None = None,
    *,
    open_estimator: Callable[[Settings], AbstractContextManager[Any]] = _default_estimator,
) -> Iterator[Result]:
    """Yield every frame with its people: detected, tracked and smoothed.

    Args:
        source: a video file, an image, a folder or pattern of images, or the URL of a stream.
        settings: from `load_settings`; default: those of assets/settings.toml.
        open_estimator: opens the estimator; for tests and other models.

    Nothing starts before the first result is requested; leaving the loop early stops everything.

    Raises:
        PoseError: what cannot be opened or read, while iterating; results before it are good.
    """
    settings = _suited(settings)
    with open_estimator(settings) as estimator:
        yield from _results(source, settings, estimator)


def record(
    source: str | Path,
    settings: Settings | None = None,
    *,
    open_estimator: Callable[[Settings], AbstractContextManager[Any]] = _default_estimator,
) -> Recording:
    """A whole video's people as arrays, postprocessed as `settings.offline` says.

    The pictures are not kept. Arguments and errors as of `process`.
    """
    from engine.offline.postprocess import postprocess

    settings = _suited(settings)
    with open_estimator(settings) as estimator:
        results = _results(source, settings, estimator)
        whole = collect(results, estimator.skeleton, {"source": str(source)})
    return postprocess(whole, settings.offline)


def _suited(settings: Settings | None) -> Settings:
    from engine.network.choice import suited

    return suited(settings or Settings())


def _results(source: str | Path, settings: Settings, estimator: Any) -> Iterator[Result]:
    from engine.inbox import Inbox
    from engine.pipeline import run
    from engine.sources import open_source
    from engine.tracking.stages import Stages

    with closing(open_source(str(source))) as opened:
        inbox = Inbox([opened.name], keep="all", capacity=_CAPACITY)
        stages = Stages(settings, estimator.skeleton)
        yield from run([opened], inbox, estimator, lambda name: (stages,), full_batches=True)
