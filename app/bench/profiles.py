"""`bench --profiles`: what each profile costs on this machine, beside the accuracy known of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.settings import Settings
from engine.types import Frame

PROFILES = ("fast", "balanced", "accurate")


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One profile of a checkpoint."""

    profile: str
    weights: str
    input_size: int  # short side, pixels
    mirrored: bool
    runtime: str
    precision: str
    best: float  # ms of a frame, all of the engine
    usual: float  # ms, median
    ap: float | None  # 0..1; None: not measured
    ap_of: str  # what the AP was measured on


def measure_profiles(
    settings: Settings, clip: Sequence[Frame], threads: int | None
) -> dict[str, Any]:
    """Print the table and return it.

    Args:
        clip: frames to measure with.
    """
    import torch

    if threads:
        torch.set_num_threads(threads)
    rows = [_measured(settings, profile, clip) for profile in PROFILES]
    w, h = clip[0].size
    Console().print(
        _table(f"Profiles, one frame of {w}×{h}, {torch.get_num_threads()} threads", rows)
    )
    return {"threads": torch.get_num_threads(), "rows": [asdict(row) for row in rows]}


def _measured(settings: Settings, profile: str, clip: Sequence[Frame]) -> ProfileRow:
    from engine.network.opening import open_estimator

    engine = settings.engine.model_copy(update={"profile": profile})
    with open_estimator(settings.model_copy(update={"engine": engine})) as estimator:
        estimator.warm_up([clip[0].size])
        spent = []
        for frame in clip:
            began = time.perf_counter()
            estimator.collect(estimator.submit([frame]))
            spent.append(1e3 * (time.perf_counter() - began))
        name = estimator.checkpoint.name
        return ProfileRow(
            profile,
            name,
            estimator.input_size,
            estimator.engine.flip,
            estimator.device.runtime,
            estimator.device.precision,
            min(spent),
            median(spent),
            *_accuracy(name, profile),
        )


def _accuracy(name: str, profile: str) -> tuple[float | None, str]:
    """Published or measured for this profile alone: `accurate` is the published protocol."""
    from engine.network.registry import registry

    entry = registry().get(name)
    if entry is None:
        return None, ""
    if entry.profiles and profile in entry.profiles:
        return entry.profiles[profile], "200 images of val2017"
    if profile != "accurate":
        return None, ""
    if entry.single_scale:
        return entry.single_scale.AP, "val2017, published"
    return (entry.dev.AP, "200 images of val2017") if entry.dev else (None, "")


def _table(title: str, rows: Sequence[ProfileRow]) -> Table:
    table = Table(title=title)
    for column in ("profile", "weights", "input", "mirrored", "runtime", "best ms", "median ms"):
        table.add_column(column, justify="right" if column.endswith("ms") else "left")
    table.add_column("AP", justify="right")
    for row in rows:
        ap = f"{100 * row.ap:.1f} ({row.ap_of})" if row.ap is not None else "not measured"
        table.add_row(
            row.profile,
            row.weights,
            str(row.input_size),
            "yes" if row.mirrored else "no",
            f"{row.runtime} {row.precision}",
            f"{row.best:.1f}",
            f"{row.usual:.1f}",
            ap,
        )
    return table
