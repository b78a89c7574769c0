"""CPU time per frame of everything beside the network: `python -m tests.measure.live_overhead`.

The real window, in the size it opens with, plays a real H.264 clip of 1280x720 at 30 frames per
second. Only the network is replaced: it sleeps and gives prepared maps of people who walk. The
processor time of every thread is then what reading, warping, grouping, tracking, smoothing, scaling
and painting cost. It does not count waiting, but on a busy machine caches are cold: an upper bound.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as engine.cores, before they are loaded
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

import cv2
from PyQt6.QtCore import QSettings, QTimer
from PyQt6.QtWidgets import QApplication

import assets
from app.gui.main import paint_on_this_thread
from app.gui.preferences import Preferences
from app.gui.window import Window
from app.live.offered import Offer
from app.live.plan import Plan
from app.live.session import LiveSession
from app.live.torch_loading import load_engine
from engine.settings import Settings, load_settings
from engine.sources import open_source
from tests.support.live_fakes import FIGURE

SIZE, RATE = (1280, 720), 30
LOOP = 30  # prepared maps, played forth and back
LONGEST = 0.025  # s, the network's sleep: it keeps up with the clip
WARM_UP = 3.0  # s that are not counted


def walking_maps(people: int, step: int, size: tuple[int, int]) -> tuple[Any, ...]:
    """(1, 34, h/4, w/4) and (1, 17, h/2, w/2) float32 tensors for a network input of (w, h)."""
    import torch

    random = np.random.default_rng(step)
    w, h = size
    low = random.normal(0, 0.01, (34, h // 4, w // 4)).astype(np.float32)
    high = random.normal(0, 0.01, (17, h // 2, w // 2)).astype(np.float32)
    for person in range(people):
        place = (w * (0.05 + 0.9 / people * person) + step, h * 0.15)
        joints = (
            np.array(place) + FIGURE / 100 * (w * 0.12, h * 0.7) + random.normal(0, 0.7, (17, 2))
        )
        for joint in np.flatnonzero(random.random(17) > 0.1):
            bump(low[joint], joints[joint] / 4)
            bump(high[joint], joints[joint] / 2)
            x, y = (joints[joint] / 4).astype(int)
            low[17 + joint, max(y - 2, 0) : y + 3, max(x - 2, 0) : x + 3] = 2.0 * person
    last = torch.channels_last  # as the network gives them
    return tuple(torch.from_numpy(m)[None].contiguous(memory_format=last) for m in (low, high))


def bump(heat: np.ndarray, at: np.ndarray) -> None:
    """Add a joint to a (h, w) heatmap."""
    h, w = heat.shape
    yy, xx = np.mgrid[:h, :w]
    np.maximum(heat, 0.9 * np.exp(-((xx - at[0]) ** 2 + (yy - at[1]) ** 2) / 8), out=heat)


def without_network(people: int) -> Callable[[Settings], Any]:
    """An opener of the real estimator whose network only sleeps."""

    @contextmanager
    def opened(settings: Settings) -> Iterator[Any]:
        load_engine()
        from engine.network.opening import open_estimator

        with open_estimator(settings) as estimator:
            maps = [walking_maps(people, step, estimator.fit(SIZE).size) for step in range(LOOP)]
            calls = iter(range(1 << 60))

            def network(x: Any) -> Any:
                time.sleep(LONGEST)
                turn = next(calls) % (2 * LOOP)
                return maps[turn if turn < LOOP else 2 * LOOP - 1 - turn]

            vars(estimator).update(_network=network)
            yield estimator

    return opened


def clip(folder: Path) -> Path:
    """The demo clip enlarged to 720p, with noise as cameras have it."""
    path = folder / "clip.mp4"
    random = np.random.default_rng(0)
    noise = random.normal(0, 3, (SIZE[1], SIZE[0], 3)).astype(np.int16)
    demo = open_source(str(assets.path("demo/people.mp4")))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number, frame in enumerate(islice(demo.frames(), 90)):
            large = cv2.resize(frame.pixels, SIZE, interpolation=cv2.INTER_CUBIC)
            moved = np.roll(noise, number * 37, axis=(0, 1))
            picture = np.clip(large + moved, 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode())
    demo.close()
    return path


def spent() -> dict[str, float]:
    """Seconds of processor time per kind of thread so far; threads that ended are libraries'."""
    total: dict[str, float] = defaultdict(float)
    for thread in threading.enumerate():
        statistics = Path(f"/proc/self/task/{thread.native_id}/schedstat")
        total[thread.name.split()[0]] += int(statistics.read_text().split()[0]) / 1e9
    total["libraries"] = time.process_time() - sum(total.values())
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--set", action="append", default=[])
    chosen = parser.parse_args()
    paint_on_this_thread()
    sys.setswitchinterval(0.001)
    app = QApplication([])
    with tempfile.TemporaryDirectory() as folder:
        source = clip(Path(folder))

        def start(plan: Plan, tell: Any) -> LiveSession:
            return LiveSession(plan, tell, open_estimator=without_network(chosen.people))

        plan = Plan((str(source),), load_settings(None, tuple(chosen.set)), loop=True)
        store = QSettings(f"{folder}/window.ini", QSettings.Format.IniFormat)
        window = Window(plan, Offer(), start, Preferences(store))
        window.show()
        watch(app, window, chosen.seconds)


def watch(app: QApplication, window: Window, seconds: float) -> None:
    """Run, and print milliseconds per painted frame."""
    marks: list[tuple[dict[str, float], float, int]] = []
    stages: list[dict[str, float]] = []
    people: list[int] = []

    def painted(shown: Any, age: float) -> None:
        stages.append(dict(shown.result.times))
        people.append(len(shown.poses))

    def mark() -> None:
        marks.append((spent(), time.perf_counter(), len(stages)))

    def first() -> None:
        window.canvas.painted.disconnect(first)
        QTimer.singleShot(int(WARM_UP * 1000), mark)
        QTimer.singleShot(int((WARM_UP + seconds) * 1000), last)

    def last() -> None:
        mark()
        window.close()

    window.canvas.painted.connect(painted)
    window.canvas.painted.connect(first)
    window.runner.state_changed.connect(lambda state: app.quit() if state == "idle" else None)
    app.exec()
    window.runner.bridge.wait(5)
    (before, began, start), (after, ended, end) = marks
    frames = end - start
    print(f"{frames} frames in {ended - began:.1f} s, people {np.mean(people[start:end]):.1f}")
    used = {name: after[name] - before.get(name, 0.0) for name in after}
    for name, value in used.items():
        print(f"{name:12} {value / frames * 1e3:6.2f} ms of processor time per frame")
    print(f"{'all':12} {sum(used.values()) / frames * 1e3:6.2f} ms")
    for stage in stages[-1]:
        times = np.array([s[stage] for s in stages[start:end]]) * 1e3
        print(f"  {stage:10} {np.median(times):6.2f} ms by the clock (median)")


if __name__ == "__main__":
    main()
