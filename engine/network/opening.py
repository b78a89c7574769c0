"""Opens the estimator that settings describe, also where they leave the checkpoint open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from engine.estimator import PoseEstimator, open_named
from engine.network.choice import resolved
from engine.network.weights import Checkpoint, load_checkpoint
from engine.settings import Settings


@contextmanager
def open_estimator(
    settings: Settings, *, load: Callable[..., Checkpoint] = load_checkpoint
) -> Iterator[PoseEstimator]:
    """Load the network and open the device; both are released at the end of the block.

    Raises:
        WeightsError: the checkpoint is missing or does not fit.
        DeviceError: the device or precision is not available here.
    """
    with open_named(resolved(settings), load=load) as estimator:
        yield estimator
