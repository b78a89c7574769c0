"""`process` in two workers with a stand-in for the network that takes its time, to be killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.process.batch import process_files
from engine.settings import Settings, load_settings
from tests.support.walkers_estimator import Walkers


@contextmanager
def slow(settings: Settings) -> Iterator[Walkers]:
    """A second per frame."""
    yield Walkers(1.0)


def run(arguments: Sequence[str]) -> None:
    """Process: the folder for results, then the inputs."""
    out, *inputs = arguments
    process_files(inputs, Path(out), load_settings(), workers=2, open_estimator=slow)
