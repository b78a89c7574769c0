"""How much memory `process` takes for every thousand frames, all formats and the overlay written.

python -m tests.measure.memory [frames]
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.tracks.table import FORMATS
from engine.types import Frame, Poses
from tests.support.clips import write_clip
from tests.support.walkers_estimator import Walkers, process


class Weighed(Walkers):
    """Notes the resident memory every 500 frames."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[tuple[int, float]] = []

    def collect(self, ticket: Sequence[Frame]) -> list[Poses]:
        if ticket[0].index // 500 != (ticket[0].index - len(ticket)) // 500:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            self.weights.append((ticket[0].index, pages * os.sysconf("SC_PAGE_SIZE") / 2**20))
        return super().collect(ticket)


def main(frames: int) -> None:
    """Print the memory over time and its slope."""
    with tempfile.TemporaryDirectory() as folder:
        clip = write_clip(Path(folder) / "long.mp4", frames)
        weighed = Weighed()
        every = "output.formats=" + str(list(FORMATS)).replace("'", '"')
        process([clip], Path(folder) / "out", every, walkers=weighed)
    index, megabytes = np.array(weighed.weights).T
    late = index >= 3000  # by then encoder and allocators have what they want
    slope = np.polyfit(index[late], megabytes[late], 1)[0] * 1000
    for at, size in weighed.weights[:: max(1, len(weighed.weights) // 10)]:
        print(f"frame {at:6d}: {size:.1f} MB")
    print(f"{slope:.3f} MB per 1,000 frames")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
