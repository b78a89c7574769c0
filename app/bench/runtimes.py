"""`bench --runtimes`: the network alone by every runtime that is installed, beside eager torch.

All runtimes of a case run in turn on the same input, so that whatever else the machine does slows
them alike: read the ratios. With one thread, processor time is measured, which other programs
hardly touch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from engine.settings import Settings

if TYPE_CHECKING:
    import torch

    from gpu_ops.device import Network
    from gpu_ops.runtimes.plan import RuntimePlan, Samples

# Network and side of the square input in pixels; None: the checkpoint of the settings.
CASES = ((None, 256), ("w32", 256), ("w32", 384), ("w32", 512))
CHOICES = (("torch", "fp32"), ("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "int8"))
ROUNDS, SECONDS = 8, 10.0
CALIBRATION = (4, 128)  # random inputs and their side: enough for the speed of made-up weights


@dataclass(frozen=True, slots=True)
class RuntimeRow:
    """The best of several runs of one network."""

    network: str
    size: int  # side of the input, pixels
    runtime: str
    precision: str
    ms: float
    ratio: float  # of eager torch's time to this one


def measure_runtimes(
    settings: Settings, threads: int | None, cases: Sequence[tuple[str | None, int]] = CASES
) -> dict[str, Any]:
    """Print the table and return it; what is not installed is left out."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    rows = [row for name, size in cases for row in _case(settings, name, size)]
    title = f"The network alone, batch 1, {torch.get_num_threads()} threads"
    Console().print(_table(title, rows))
    return {
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "rows": [asdict(row) for row in rows],
    }


def _case(settings: Settings, name: str | None, size: int) -> Iterator[RuntimeRow]:
    import torch

    from gpu_ops.runtimes.fastest import measure

    title, networks = _networks(settings, name)
    x = torch.randn(1, size, size, 3).permute(0, 3, 1, 2)
    keys = {f"{runtime} {precision}": (runtime, precision) for runtime, precision in networks}
    runs = {key: networks[choice] for key, choice in keys.items()}
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    seconds = measure(runs, x, rounds=ROUNDS, enough=SECONDS, clock=clock)
    for key, (runtime, precision) in keys.items():
        ratio = seconds["torch fp32"] / seconds[key]
        yield RuntimeRow(title, size, runtime, precision, 1e3 * seconds[key], ratio)


def _networks(settings: Settings, name: str | None) -> tuple[str, dict[tuple[str, str], Network]]:
    """The network of a case in every runtime that is here."""
    from gpu_ops.runtimes.plan import installed
    from gpu_ops.runtimes.prepare import prepare

    title, network, plan = _seeded(name) if name else _checkpoint(settings)
    found = {}
    for runtime, precision in CHOICES[1:] + CHOICES[:1]:  # torch's layout comes last
        if not installed(runtime) or (precision == "int8" and not installed("nncf")):
            continue
        asked = replace(plan, name=runtime, precision=precision)
        found[runtime, precision] = prepare(network, asked)[1]
    return title, {choice: found[choice] for choice in CHOICES if choice in found}


def _checkpoint(settings: Settings) -> tuple[str, torch.nn.Module, RuntimePlan]:
    from engine.network.choice import resolved
    from engine.network.hrnet import fold_batch_norm
    from engine.network.runtime import runtime_plan
    from engine.network.weights import load_checkpoint

    engine = resolved(settings).engine
    checkpoint = load_checkpoint(engine.weights, engine.network)
    plan = runtime_plan(checkpoint, engine.model_copy(update={"runtime": "auto"}))
    return checkpoint.name, fold_batch_norm(checkpoint.network), plan


def _seeded(name: str) -> tuple[str, torch.nn.Module, RuntimePlan]:
    """A network with random weights: its speed is that of trained ones."""
    import torch

    from engine.network.higher_hrnet import HigherHRNet
    from engine.network.hrnet import SIZES, fold_batch_norm
    from engine.network.runtime import models_folder
    from gpu_ops.runtimes.plan import RuntimePlan

    torch.manual_seed(0)
    network = fold_batch_norm(HigherHRNet(SIZES[name]).eval())
    plan = RuntimePlan(source=f"bench-{name}", samples=_random_inputs, folder=models_folder())
    return f"{name}, random weights", network, plan


def _random_inputs() -> Samples:
    import numpy as np

    random, (count, side) = np.random.default_rng(0), CALIBRATION
    return [random.standard_normal((1, 3, side, side), np.float32) for _ in range(count)]


def _table(title: str, rows: Sequence[RuntimeRow]) -> Table:
    table = Table(title=title)
    for column in ("network", "input", "runtime", "precision", "best ms", "ratio to torch"):
        table.add_column(
            column, justify="right" if column in ("best ms", "ratio to torch") else "left"
        )
    before = None
    for row in rows:
        same = before == (row.network, row.size)
        before = (row.network, row.size)
        names = ("", "") if same else (row.network, f"{row.size}×{row.size}")
        table.add_row(*names, row.runtime, row.precision, f"{row.ms:.1f}", f"{row.ratio:.2f}×")
    return table
