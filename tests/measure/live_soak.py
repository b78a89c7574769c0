"""Long measurements of the live window.

    python -m tests.measure.live_soak [--minutes 10] [--slow 5] [--clip FILE --everything]

The real window with the real engine on a synthetic camera that stamps each frame. A heartbeat
timer on the GUI thread shows how long the window was not listening; `--cycles 200` starts and stops
instead and counts threads, handles and memory. `--clip` plays a file in a loop in the camera's
place; `--everything` switches on all that can be at once: every mark, a preview, three kinds of
files recorded, three ways of sending, every section of the sidebar.
Offscreen unless QT_QPA_PLATFORM says otherwise.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtCore import QSettings, QTimer
from PyQt6.QtWidgets import QApplication

from app.bench.live import StampedCamera, slowed, too_old
from app.gui.main import paint_on_this_thread
from app.gui.preferences import Preferences
from app.gui.window import Window
from app.live.offered import Offer
from app.live.plan import Plan
from app.live.session import LiveSession
from app.overlay.angles import ANGLES
from app.overlay.look import Zone
from engine.cores import draw_on_one_core, share_the_cores
from engine.settings import load_settings
from engine.sources.live import open_live

BEAT = 5  # ms
FEWEST = 20  # frames that say something


@dataclass
class Watch:
    """What a run shows."""

    ages: list[tuple[float, float]] = field(default_factory=list)  # (when, age), s
    stalls: list[float] = field(default_factory=list)  # beyond the beat, s
    loading: list[float] = field(default_factory=list)  # the same, before the first picture
    memory: list[tuple[float, float]] = field(default_factory=list)  # (when, MB)
    _last: float = 0.0

    def beat(self) -> None:
        now = time.perf_counter()
        if self._last:
            late = max(0.0, now - self._last - BEAT / 1e3)
            (self.stalls if len(self.ages) > 1 else self.loading).append(late)
        self._last = now

    def report(self, slow: float) -> None:
        if len(self.ages) < FEWEST:
            sys.exit(f"only {len(self.ages)} frames were painted: the machine is too busy")
        when, ages = np.array(self.ages[5:]).T
        periods = np.diff(when)
        period = float(np.median(periods))
        p50, p95, p99 = np.percentile(ages, (50, 95, 99)) * 1e3
        over = too_old(ages, when, 1 / 30)
        print(f"older than its own last two periods and a frame: {over} of {len(ages)} frames")
        third = len(ages) // 3
        print(f"frames painted {len(ages)}, engine period {period * 1e3:.1f} ms (slowed x{slow:g})")
        print(f"age p50 {p50:.1f}  p95 {p95:.1f}  p99 {p99:.1f}  worst {ages.max() * 1e3:.1f} ms")
        print(f"bound of two periods and a frame: {(2 * period + 1 / 30) * 1e3:.1f} ms")
        first, last = np.median(ages[:third]) * 1e3, np.median(ages[-third:]) * 1e3
        print(f"age p50 in the first third {first:.1f} ms, in the last {last:.1f} ms")
        print(f"event loop late while torch is loaded: worst {max(self.loading) * 1e3:.1f} ms")
        stalls = np.array(self.stalls) * 1e3
        p50, p99 = np.percentile(stalls, (50, 99))
        print(f"event loop late: p50 {p50:.2f}  p99 {p99:.2f}  worst {stalls.max():.2f} ms")
        worst = [f"{late:.0f} ms at beat {i}" for i, late in enumerate(stalls) if late > 30]
        print(f"later than 30 ms: {', '.join(worst[:12]) or 'never'}, of {len(stalls)}")
        mb = [m for _, m in self.memory]
        quarter = len(mb) // 4
        print(f"memory after a quarter {mb[quarter]:.0f} MB, at the end {mb[-1]:.0f} MB")


def resident() -> float:
    """MB of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--slow", type=float, default=1.0)
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("--clip")
    parser.add_argument("--everything", action="store_true")
    parser.add_argument("--set", action="append", default=[])
    chosen = parser.parse_args()
    share_the_cores()
    draw_on_one_core()
    sys.setswitchinterval(0.001)
    paint_on_this_thread()
    w, h = (int(side) for side in chosen.size.split("x"))
    app = QApplication([])

    def camera(text, tell, **options):
        return StampedCamera(text, (w, h))

    def start(plan, tell):
        return LiveSession(
            plan,
            tell,
            open_estimator=slowed(chosen.slow) if chosen.slow > 1 else None,
            open_source=open_live if chosen.clip else camera,
        )

    preferences = Preferences(QSettings(tempfile.mktemp(), QSettings.Format.IniFormat))
    preferences.folder = Path(tempfile.mkdtemp())
    settings = load_settings(None, tuple(chosen.set))
    plan = Plan((chosen.clip or "camera",), settings, loop=True)
    window = Window(plan, Offer(), start, preferences)
    window.resize(1600, 900)
    window.show()
    if chosen.everything:
        QTimer.singleShot(8000, lambda: switch_everything_on(window))
    if chosen.cycles:
        _cycles(app, window, chosen.cycles)
    else:
        _watch(app, window, chosen.minutes * 60, chosen.slow)


def switch_everything_on(window: Window) -> None:
    """All that works at the same time, one by one as a person would.

    A heatmap or blurred heads would end the preview.
    """
    controls, roster = window.controls, window.roster
    display, line = controls.display, Zone("line", (0.5, 0.1), (0.5, 0.9))
    trails = ("left_wrist", "right_wrist", "left_ankle", "right_ankle")
    steps = [
        *(lambda s=section: s.set_open(True) for section in controls.sections),
        *(lambda p=part: controls.toggle(p) for part in ("boxes", "count", "mirrored")),
        lambda: display.trails_chosen.emit(trails),
        lambda: display.angles_chosen.emit(tuple(ANGLES)),
        lambda: display.preview.setChecked(True),
        lambda: controls.people.keep.setChecked(True),
        window.actions_by_key.follow_next,
        *(lambda n=name: roster.set_zone(n, line) for name in window.runner.plan.names),
        lambda: controls.sending.switch_on(("udp", "ws", "osc")),
        lambda: controls.recording.set_kept(["overlay", "tracks", "raw"]),
        window.actions_by_key.record,
    ]
    for number, step in enumerate(steps):
        QTimer.singleShot(200 * number, step)


def _watch(app: QApplication, window: Window, seconds: float, slow: float) -> None:
    watch = Watch()
    window.canvas.painted.connect(lambda r, age: watch.ages.append((time.perf_counter(), age)))
    heart = QTimer()
    heart.timeout.connect(watch.beat)
    heart.start(BEAT)
    scale = QTimer()
    scale.timeout.connect(lambda: watch.memory.append((time.perf_counter(), resident())))
    scale.start(500)
    QTimer.singleShot(int(seconds * 1000), window.close)
    window.runner.state_changed.connect(lambda state: app.quit() if state == "idle" else None)
    app.exec()
    window.runner.bridge.wait(5)
    watch.report(slow)


def _cycles(app: QApplication, window: Window, cycles: int) -> None:
    marks = []
    stops = []
    asked = [0.0]

    def turn(state: str) -> None:
        if state != "idle":
            return
        if asked[0]:
            stops.append(time.perf_counter() - asked[0])
        gc.collect()
        marks.append(
            (
                len(list(Path("/proc/self/task").iterdir())),
                len(list(Path("/proc/self/fd").iterdir())),
                resident(),
            )
        )
        if len(marks) % 20 == 0:
            print(len(marks), marks[-1], flush=True)
        if len(marks) > cycles:
            app.quit()
        else:
            QTimer.singleShot(0, window.runner.start)

    def stop(result, age) -> None:
        if window.runner.state == "running":
            asked[0] = time.perf_counter()
            window.runner.stop()

    window.runner.state_changed.connect(turn)
    window.canvas.painted.connect(stop)
    app.exec()
    window.runner.bridge.wait(5)
    early, late = marks[10], marks[-1]
    print(f"after 10 cycles: {early[0]} threads, {early[1]} handles, {early[2]:.0f} MB")
    print(f"after {cycles} cycles: {late[0]} threads, {late[1]} handles, {late[2]:.0f} MB")
    print(f"stop to idle: p50 {np.median(stops) * 1e3:.0f} ms, worst {max(stops) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
