"""Identity measures of trackers on the synthetic scenes; the judge is `motmetrics`.

    python -m tests.measure.tracking [scenes of each kind]

prints the table of docs/tracking.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace

import motmetrics
import numpy as np
import pandas as pd

from engine.offline.recording import collect
from engine.offline.stitching import stitch
from engine.settings import OfflineSettings, TrackingSettings
from engine.skeleton import COCO
from engine.tracking.appearance import appearance
from engine.tracking.camera_motion import CameraMotion, CameraStep
from engine.tracking.tracker import Tracker
from engine.types import UNTRACKED, Frame, Poses, Result
from tests.support.tracking_baselines import BoxTracker, OksTracker
from tests.support.tracking_scenes import Scene, observe, scenes

Stage = Callable[[Frame, Poses, CameraStep], Poses]
TRACKERS: dict[str, Callable[[], Stage]] = {
    "boxes": BoxTracker,
    "poses": OksTracker,
    "colourless": lambda: _colour_blind(Tracker(TrackingSettings(), COCO)),
    "ours": lambda: Tracker(TrackingSettings(), COCO),
    "relinked": lambda: Tracker(TrackingSettings(), COCO),
}
MEASURES = ["idf1", "mota", "num_switches", "num_fragmentations", "num_false_positives"]


def measure(chosen: list[Scene], names: tuple[str, ...] = tuple(TRACKERS)) -> pd.DataFrame:
    """One row per (tracker, scene) and per (tracker, total)."""
    judged: dict[str, list[motmetrics.MOTAccumulator]] = {name: [] for name in names}
    for scene in chosen:
        trackers = {name: TRACKERS[name]() for name in names}
        found: dict[str, list[Result]] = {name: [] for name in names}
        truth, present, camera = [], [], CameraMotion()
        for seen in observe(scene):
            pixels, poses = seen.frame.pixels, seen.poses
            step = camera(pixels, poses.xy)
            dressed = replace(poses, appearance=appearance(pixels, poses.xy, COCO))
            for name in names:
                poses = trackers[name](seen.frame, dressed, step)
                found[name].append(Result(seen.frame, poses))
            truth.append(seen.truth)
            present.append(seen.present)
        for name in names:
            judged[name].append(motmetrics.MOTAccumulator(auto_id=True))
            ids = _ids(found[name], name == "relinked")
            for row in zip(ids, truth, present, strict=True):
                _judge(judged[name][-1], *row)
    host = motmetrics.metrics.create()
    tables = []
    for name in names:
        labels = [f"{scene.name} {scene.seed}" for scene in chosen]
        table = host.compute_many(
            judged[name], metrics=MEASURES, names=labels, generate_overall=True
        )
        tables.append(pd.concat([table], keys=[name]))
    return pd.concat(tables)


def _colour_blind(tracker: Tracker) -> Stage:
    return lambda frame, poses, step: tracker(frame, replace(poses, appearance=None), step)


def _ids(found: list[Result], again: bool) -> list[np.ndarray]:
    """The ids of every frame, after a second pass if asked."""
    recording = collect(found)
    people = stitch(recording, OfflineSettings().relink_gap).people if again else recording.people
    return np.split(people.ids, np.cumsum([len(r.poses) for r in found])[:-1])


def _judge(
    judge: motmetrics.MOTAccumulator, ids: np.ndarray, truth: np.ndarray, present: np.ndarray
) -> None:
    """A tracked detection agrees with the person it came from, and with nobody else."""
    shown = ids != UNTRACKED
    away = np.where(truth[shown][None] == present[:, None], 0.0, np.nan)
    judge.update(present.tolist(), ids[shown].tolist(), away)


def by_kind(chosen: list[Scene], table: pd.DataFrame) -> str:
    """Switches of every tracker per kind of scene, and the totals."""
    lines = [f"{'':12}" + "".join(f"{name:>10}" for name in table.index.levels[0])]
    for kind in dict.fromkeys(scene.name for scene in chosen):
        rows = table[[key[1].startswith(f"{kind} ") for key in table.index]]
        sums = rows["num_switches"].groupby(level=0).sum()
        lines.append(f"{kind:12}" + "".join(f"{sums[n]:10d}" for n in table.index.levels[0]))
    total = table.xs("OVERALL", level=1)
    return "\n".join(lines) + "\n\n" + total.to_string(float_format="%.3f")


if __name__ == "__main__":
    every = scenes(int(sys.argv[1]) if len(sys.argv) > 1 else 9)
    print(by_kind(every, measure(every)))
