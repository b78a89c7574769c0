"""The stand-in estimator, importable by the workers of a cluster."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from engine.settings import Settings
from tests.support.walkers_estimator import Walkers

SECONDS = "POSESTREAM_TEST_SECONDS"  # per frame, in the environment of the workers


@contextmanager
def walkers(settings: Settings) -> Iterator[Walkers]:
    """Finds three people who walk."""
    yield Walkers(float(os.environ.get(SECONDS, "0")))


def asleep(seconds: float, data: bytes) -> int:
    """A task that only sleeps."""
    time.sleep(seconds)
    return len(data)
