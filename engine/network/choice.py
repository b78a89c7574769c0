"""What `auto` and a profile stand for: the checkpoint, size and precision that suit this machine.

`engine.weights = auto` is w32-512 on a GPU, and on a CPU the most accurate checkpoint on disk that
keeps `engine.wanted_rate`; where there is none, the one that ships with the program. Nothing is
downloaded; `better_weights` says what would be worth it. What the user sets always wins.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from safetensors import SafetensorError, safe_open

from engine.errors import WeightsError
from engine.network.registry import Entry, find, registry, standard_folders
from engine.network.thresholds import thresholds_of, with_thresholds
from engine.settings import EngineSettings, Settings
from engine.types import Frame
from gpu_ops.finding import finds_gpu

log = logging.getLogger(__name__)

RECOMMENDED = "w32-512"
FAST_SIZE = 0.75  # of the checkpoint's own input size, in the profile `fast`
CELL = 64  # input sizes are multiples of it, pixels
USUAL = (1280, 720)  # pixels of the picture that rates are measured with
TURNS = 3

Rate = Callable[[EngineSettings], float]


@dataclass(frozen=True, slots=True)
class Advice:
    """A checkpoint that is better than the one in use and not on this machine."""

    name: str
    ap: float  # COCO val2017, published, 0..1
    megabytes: int  # to download
    on_gpu: bool
    command: str  # that fetches it

    def __str__(self) -> str:
        slower = "" if self.on_gpu else ", but slower on a CPU"
        return (
            f"{self.name} is more accurate{slower}: COCO AP {100 * self.ap:.1f} as published, "
            f"{self.megabytes} MB; get it with: {self.command}"
        )


def resolved(settings: Settings, *, rate: Rate | None = None) -> Settings:
    """The settings with a checkpoint in place of `auto`, and what its profile stands for."""
    engine = settings.engine
    engine = engine.model_copy(update={"weights": weights_for(engine, rate=rate)})
    engine = engine.model_copy(update=_profile(engine))
    return settings.model_copy(update={"engine": engine})


def suited(settings: Settings) -> Settings:
    """The settings as they suit the checkpoint they name; `auto` and the profile are resolved."""
    settings = resolved(settings)
    return with_thresholds(settings, thresholds_of(settings.engine.weights))


def weights_for(engine: EngineSettings, *, rate: Rate | None = None) -> str:
    """The checkpoint that is meant: what the user named, or what `auto` chooses here."""
    return _chosen(engine, rate or measured_rate) if engine.weights == "auto" else engine.weights


def better_weights(
    device: str = "auto", weights: str = "auto", folders: Sequence[Path] | None = None
) -> Advice | None:
    """The checkpoint worth fetching on this machine; None where it is here, or another was chosen.

    Args:
        device: as in the settings.
        weights: as in the settings; a checkpoint named by the user is not advised against.
        folders: where checkpoints are looked for; None: the standard ones.
    """
    entry = registry()[RECOMMENDED]
    folders = standard_folders() if folders is None else folders
    here = [e for e in registry().values() if _path(e.name, folders) and _ap(e) >= _ap(entry)]
    if weights != "auto" or here or entry.megabytes is None:
        return None
    command = f"posestream weights fetch {entry.name}"
    return Advice(entry.name, _ap(entry), entry.megabytes, finds_gpu(device), command)


def _chosen(engine: EngineSettings, rate: Rate) -> str:
    folders = standard_folders()
    bundled = next(e.name for e in registry().values() if e.layout == "native")
    better = [e for e in registry().values() if _ap(e) > _ap(registry()[bundled])]
    here = [entry for entry in better if _path(entry.name, folders)]
    if not here:
        return bundled
    if finds_gpu(engine.device):
        return RECOMMENDED if RECOMMENDED in [e.name for e in here] else max(here, key=_ap).name
    chosen = bundled
    for entry in sorted(here, key=lambda e: (e.megabytes or 0, e.input_size)):
        asked = engine.model_copy(update={"weights": entry.name})
        if rate(asked.model_copy(update=_profile(asked))) < engine.wanted_rate:
            break  # the others are slower still
        if _ap(entry) > _ap(registry()[chosen]):
            chosen = entry.name
    return chosen


def _ap(entry: Entry) -> float:
    accuracy = entry.single_scale or entry.dev
    return accuracy.AP if accuracy else 0.0


def _path(name: str, folders: Sequence[Path]) -> Path | None:
    try:
        return find(name, folders)
    except WeightsError:
        return None


def _profile(engine: EngineSettings) -> dict[str, Any]:
    """What the profile changes of the settings that the user left alone."""
    wanted: dict[str, Any] = {}
    if engine.profile == "accurate":
        wanted = {"flip": True}
    elif engine.profile == "fast":
        size = own_input_size(engine.weights)
        wanted = {"input_size": max(CELL, round(FAST_SIZE * size / CELL) * CELL)}
        able = all(map(importlib.util.find_spec, ("openvino", "onnx", "nncf")))
        plain = engine.runtime in ("auto", "openvino") and not engine.exported
        if able and plain and not finds_gpu(engine.device):
            wanted["precision"] = "int8"
    return {name: value for name, value in wanted.items() if name not in engine.model_fields_set}


def own_input_size(weights: str) -> int:
    """Short side in pixels that suits a checkpoint, read without loading it; 512 if unknown."""
    entry = registry().get(weights)
    if entry:
        return entry.input_size
    path = _path(weights, standard_folders()) or Path(weights).expanduser()
    try:
        with safe_open(path, framework="np") as file:
            return int((file.metadata() or {}).get("input_size", 512))
    except (SafetensorError, OSError, ValueError):
        return 512


def measured_rate(engine: EngineSettings) -> float:
    """Frames of 1280×720 per second with these settings here; measured once and kept."""
    from gpu_ops.runtimes.cache import kept

    path = find(engine.weights, standard_folders())
    facts = f"{engine.model_dump_json()} {path} {path.stat().st_mtime_ns}"
    name = f"rate-{hashlib.sha256(facts.encode()).hexdigest()[:24]}.json"

    def measure(target: Path) -> None:
        log.warning("measuring how fast %s runs here, once on this machine", engine.weights)
        target.write_text(json.dumps({"rate": _measure(engine)}), encoding="utf-8")

    folder = platformdirs.user_cache_path("posestream") / "models"
    return float(json.loads(kept(folder, name, measure).read_text(encoding="utf-8"))["rate"])


def _measure(engine: EngineSettings) -> float:
    from engine.estimator import open_named  # loads torch

    blank = Frame(np.zeros((USUAL[1], USUAL[0], 3), np.uint8), 0, 0.0, 0.0, "blank")
    with open_named(Settings(engine=engine)) as estimator:
        times = []
        for _ in range(1 + TURNS):
            began = time.perf_counter()
            estimator.collect(estimator.submit([blank]))
            times.append(time.perf_counter() - began)
    return 1 / min(times[1:])
