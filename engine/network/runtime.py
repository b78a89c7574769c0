"""Which runtime runs the network on the CPU, and the frames that int8 is calibrated on."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import platformdirs
from numpy.typing import NDArray

import assets
from engine.errors import SourceError
from engine.geometry import fit
from engine.network import storage
from engine.network.exported import need_same_weights
from engine.network.weights import Checkpoint
from engine.settings import EngineSettings
from engine.sources import open_source
from engine.types import Frame
from gpu_ops.cpu import CpuLane
from gpu_ops.runtimes.plan import RuntimePlan, Samples

log = logging.getLogger(__name__)

DEMO = "demo/people.mp4"
FRAMES = 48  # to calibrate with: more moved no range by much
USUAL = (1280, 720)  # pixels of the picture that `auto` measures the network for


def models_folder() -> Path:
    """Where compiled models, and what was measured of them, are kept."""
    return platformdirs.user_cache_path("posestream") / "models"


def runtime_plan(checkpoint: Checkpoint, engine: EngineSettings) -> RuntimePlan:
    """How the device is to run the network of a checkpoint.

    Raises:
        WeightsError: `engine.exported` is no exported model, or one of other weights.
    """
    exported = Path(engine.exported).expanduser() if engine.exported else None
    if exported:
        need_same_weights(exported, checkpoint)
    elif engine.runtime == "torch":
        return RuntimePlan()
    size = engine.input_size or checkpoint.input_size
    return RuntimePlan(
        name=engine.runtime,
        provider=engine.provider,
        exported=exported,
        source=_digest(checkpoint),
        size=fit(USUAL, size, engine.scales).size,
        samples=partial(_demo_samples, size),
        in_float=checkpoint.network.in_float,
        folder=models_folder(),
    )


def _digest(checkpoint: Checkpoint) -> str:
    """Of the weights and of the structure: names the files made from them."""
    network = checkpoint.network
    structure = f"{checkpoint.sizes!r} {network.in_float} {network!r}"
    weights = storage.digest(network.state_dict())
    return hashlib.sha256(f"{weights} {structure}".encode()).hexdigest()[:24]


def _demo_samples(input_size: int) -> Samples:
    log.warning(
        "making an int8 model, once on this machine, calibrated on the demo clip; "
        "`posestream export --int8 --calibrate CLIP` takes frames of yours"
    )
    return calibration_samples(str(assets.path(DEMO)), input_size)


def calibration_samples(source: str, input_size: int, count: int = FRAMES) -> Samples:
    """Inputs of the network from a clip or a folder of images, spread over all of it.

    Args:
        source: a file, a folder or a pattern; anything `open_source` takes that ends.
        input_size: short side, pixels.
        count: how many at most.

    Returns:
        arrays (1, 3, H, W) float32, normalised.

    Raises:
        SourceError: there is no such source, or it has no frames.
    """
    kept: list[Frame] = []
    step = 1
    for index, frame in enumerate(_frames(source)):
        if index % step == 0:
            kept.append(frame)
        if len(kept) > 2 * count:  # an even share of however many there will be
            kept, step = kept[::2], 2 * step
    if not kept:
        raise SourceError(f"{source} has no frames to calibrate int8 with: give a clip or images")
    rows = np.linspace(0, len(kept) - 1, min(count, len(kept))).round().astype(int)
    return [_input(kept[row], input_size) for row in rows]


def _frames(source: str, most: int = 20_000) -> Iterator[Frame]:
    with closing(open_source(source)) as opened:
        yield from islice(opened.frames(), most)


def _input(frame: Frame, input_size: int) -> NDArray[np.float32]:
    placed = fit(frame.size, input_size)
    x = CpuLane().warp([frame.pixels], [placed.affine_at()], placed.size, mirror=False)
    return np.ascontiguousarray(x.numpy())
