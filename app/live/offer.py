"""What the live window offers to choose from: models, devices, cameras, the demo clip."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import assets
from app.live.offered import Better, Camera, Model, Offer
from engine.errors import WeightsError
from engine.network.registry import Entry, find, registry, standard_folders

GROUP = "posestream.outputs"
DEMO = "demo/people.mp4"


def offer() -> Offer:
    """Everything that can be known without opening a device."""
    demo = assets.path(DEMO)
    return Offer(
        [_model(entry) for entry in registry().values()],
        _devices(),
        demo if demo.is_file() else None,
        _cameras,
        _fetch,
        _better,
        _free_space,
        sorted(point.name for point in entry_points(group=GROUP)),
    )


def _model(entry: Entry) -> Model:
    accuracy, measured_on = entry.single_scale, "on COCO val2017, published, with the mirrored pass"
    if not accuracy:
        accuracy = entry.dev
        measured_on = "on 200 images of COCO val2017, by this project, with the mirrored pass"
    return Model(
        entry.name,
        f"{entry.name}, {entry.input_size} px",
        _is_here(entry.name),
        accuracy.AP if accuracy else None,
        measured_on,
    )


def _fetch(name: str, progress: Callable[[int, int], None]) -> None:
    """Download a checkpoint; called on a thread of its own.

    Raises:
        WeightsError: it cannot be fetched.
    """
    from engine.network.fetch import fetch

    fetch(name, progress=lambda here, whole: progress(here, whole or 0))


def _better(device: str, weights: str) -> Better | None:
    from engine.network.choice import better_weights

    advice = better_weights(device, weights)
    return Better(advice.name, advice.ap, advice.megabytes, advice.on_gpu) if advice else None


def _free_space(folder: Path) -> int | None:
    """Likewise: a network drive may take its time."""
    from app.live.recording import free_space

    return free_space(folder)


def _is_here(name: str) -> bool:
    try:
        find(name, standard_folders())
    except WeightsError:
        return False
    return True


def _devices() -> Sequence[tuple[str, str]]:
    """CUDA is offered where CuPy is installed; whether it works is known when it is opened."""
    here = [("auto", "Automatic"), ("cpu", "CPU")]
    if importlib.util.find_spec("cupy"):
        here.append(("cuda", "CUDA"))
    return here


def _cameras() -> list[Camera]:
    """Called on a thread of its own: drivers may take their time."""
    from engine.sources.camera import cameras

    return [Camera(found.source, found.name, found.modes) for found in cameras()]
