"""Mode: what each step costs on this machine, beside a baseline measured in the same run.

The figures of a busy machine vary; the ratio to the baseline, which suffers alike, says more.
"""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import assets
from app.bench.frame import frame_rows, frame_table, one_thread
from app.bench.scenes import maps_of_people
from app.user_settings import Device, Set, Weights, changes
from engine.settings import Settings, load_settings
from engine.types import Frame

PEOPLE = (0, 1, 5, 15, 30)
DEMO = "demo/people.mp4"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; milliseconds, the smallest and the median of the repetitions."""

    step: str
    best: float
    usual: float
    baseline: float | None = None  # best of the plain way, ms
    note: str = ""


def command(
    source: Annotated[str | None, typer.Argument(help="A video; default: the demo clip.")] = None,
    frames: Annotated[int, typer.Option(min=2, help="Frames to measure.")] = 30,
    weights: Weights = None,
    device: Device = None,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="CPU threads of the network; default: PyTorch's choice."),
    ] = None,
    runtimes: Annotated[
        bool, typer.Option("--runtimes", help="Measure the network by every runtime here.")
    ] = False,
    profiles: Annotated[
        bool, typer.Option("--profiles", help="Measure the profiles fast, balanced, accurate.")
    ] = False,
    live: Annotated[
        bool, typer.Option("--live", help="Measure how old frames are when shown in live mode, ms.")
    ] = False,
    seconds: Annotated[float, typer.Option(min=1, help="How long --live runs, seconds.")] = 20,
    slow: Annotated[
        float, typer.Option(min=1, help="With --live: how many times slower the engine runs.")
    ] = 1,
    out: Annotated[
        Path | None, typer.Option(help="A JSON file for the figures; on a GPU also a table, .md.")
    ] = None,
    set_: Set = None,
) -> None:
    """Measure what each step costs on this machine."""
    settings = load_settings(
        None, changes(set_, {"engine.weights": weights, "engine.device": device})
    )
    if live:
        from app.bench.live import measure_live

        report = measure_live(settings, seconds=seconds, slow=slow)
    elif runtimes:
        from app.bench.runtimes import measure_runtimes

        report = measure_runtimes(settings, threads)
    elif profiles:
        from app.bench.profiles import measure_profiles

        clip = _read(source or str(assets.path(DEMO)), frames)
        report = measure_profiles(settings, clip, threads)
    elif settings.engine.device.startswith("cuda"):
        from app.bench.cuda import measure_cuda

        report = measure_cuda(settings)
    else:
        report = measure(settings, source or str(assets.path(DEMO)), frames, threads)
    if out:
        markdown = report.pop("markdown", None)
        if markdown:
            out.with_suffix(".md").write_text(markdown, encoding="utf-8")
        out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def measure(settings: Settings, source: str, frames: int, threads: int | None) -> dict[str, Any]:
    """Print the tables of the CPU and return them."""
    import torch

    from engine.network.choice import resolved

    settings = resolved(settings)  # the plain way loads the same weights by their name
    if threads:
        torch.set_num_threads(threads)
    console = Console()
    clip = _read(source, frames)
    steps = [_decode_row(source, frames), *_engine_rows(settings, clip)]
    console.print(_table(f"One frame of {source}, {clip[0].size[0]}×{clip[0].size[1]}", steps))
    scenes = list(_scene_rows())
    console.print(_table("Decoding 512×512 maps (refine on, 1 thread)", scenes))
    whole = list(frame_rows(settings))
    console.print(frame_table(whole))
    return {
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "source": source,
        "steps": [asdict(row) for row in steps],
        "decoding": [asdict(row) for row in scenes],
        "frame": [asdict(row) for row in whole],
    }


def _read(source: str, frames: int) -> list[Frame]:
    from engine.errors import SourceError
    from engine.sources import open_source

    opened = open_source(source)
    try:
        clip = list(islice(opened.frames(), frames))
    finally:
        opened.close()
    if not clip:
        raise SourceError(f"{source} has no frames to measure with")
    return clip


def _decode_row(source: str, frames: int) -> Row:
    began = time.perf_counter()
    count = len(_read(source, frames))
    each = (time.perf_counter() - began) * 1e3 / count
    return Row("read video", each, each, note="mean, opening included")


def _engine_rows(settings: Settings, clip: Sequence[Frame]) -> Iterator[Row]:
    from app.overlay.drawing import draw
    from engine.network.opening import open_estimator
    from engine.tracking.camera_motion import CameraMotion
    from engine.tracking.smoothing import Smoother
    from engine.tracking.tracker import Tracker

    plain = _plain_forward(settings)
    with open_estimator(settings) as estimator:
        camera = CameraMotion()
        tracker = Tracker(settings.tracking, estimator.skeleton)
        smoother = Smoother(settings.smoothing, estimator.skeleton)
        spent: dict[str, list[float]] = {}
        estimator.warm_up([clip[0].size])
        for frame in clip:
            poses = estimator.collect(estimator.submit([frame]))[0]
            for step, seconds in estimator.times.items():
                spent.setdefault(step, []).append(seconds * 1e3)
            with _timed(spent, "track, smooth"):
                moved = camera(frame.pixels, poses.xy)
                poses = smoother(frame, tracker(frame, poses, moved))
            with _timed(spent, "draw"):
                draw(frame.pixels, poses, estimator.skeleton, settings.display)
        baseline = plain(estimator.fit, clip)
    for step, values in spent.items():
        yield Row(step, min(values), median(values), baseline.get(step))


@contextmanager
def _timed(spent: dict[str, list[float]], step: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    spent.setdefault(step, []).append((time.perf_counter() - began) * 1e3)


def _plain_forward(settings: Settings) -> Callable[..., dict[str, float]]:
    """Measures warp and network the plain way; loads its own, unfolded network."""

    def measured(fit: Callable[..., Any], clip: Sequence[Frame]) -> dict[str, float]:
        import torch

        from app.bench.plain import plain_warp
        from engine.network.weights import load_network

        network = load_network(settings.engine.weights, settings.engine.network)
        spent: dict[str, list[float]] = {}
        for frame in clip[:8]:
            placed = fit(frame.size)
            with _timed(spent, "warp"):
                x = plain_warp(frame.pixels, placed.affine_at(), placed.size)
            with _timed(spent, "network"), torch.no_grad():
                network(x)
        return {step: min(values) for step, values in spent.items()}

    return measured


def _scene_rows() -> Iterator[Row]:
    from app.bench.plain import PlainLane
    from engine.decoding.decode import decode, decode_with

    with one_thread():
        for people in PEOPLE:
            heat, tag = maps_of_people(people)
            ours, (joints, _) = _repeat(lambda: decode(heat, tag), 5)  # noqa: B023
            plain, (expected, _) = _repeat(lambda: decode_with(PlainLane(), heat, tag), 1)  # noqa: B023
            note = f"{len(joints)} found, {'same' if (joints == expected).all() else 'DIFFERENT'}"
            yield Row(f"{people} people", min(ours), median(ours), min(plain), note)


def _repeat(work: Callable[[], Any], times: int) -> tuple[list[float], Any]:
    spent: dict[str, list[float]] = {}
    result = None
    for _ in range(times):
        with _timed(spent, "work"):
            result = work()
    return spent["work"], result


def _table(title: str, rows: Sequence[Row]) -> Table:
    table = Table(title=title)
    for column in ("step", "best ms", "median ms", "plain ms", "ratio", ""):
        table.add_column(column, justify="left" if column in ("step", "") else "right")
    for row in rows:
        plain = "–" if row.baseline is None else f"{row.baseline:.1f}"
        ratio = "–" if row.baseline is None else f"{row.baseline / row.best:.1f}×"
        table.add_row(row.step, f"{row.best:.1f}", f"{row.usual:.1f}", plain, ratio, row.note)
    return table
