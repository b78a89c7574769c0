"""The benchmark of a CUDA device: one table of stages, latencies, floors and baselines."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from app.bench.cuda_baseline import baselines
from app.bench.cuda_cases import COLUMNS, CudaCases, network_times, rows
from engine.settings import Settings

if TYPE_CHECKING:
    from gpu_ops.cuda import CudaDevice

HEADINGS = (
    *("network", "batch", "people", *COLUMNS, "p50", "p95", "p99"),
    *("frames/s", "decode/frame", "floor", "p50/floor"),
)


def measure_cuda(
    settings: Settings, plan: CudaCases | None = None, device: CudaDevice | None = None
) -> dict[str, Any]:
    """Print the table and return it with the ceilings and the baselines.

    Raises:
        DeviceError: there is no CUDA device here.
    """
    import torch

    from gpu_ops.cuda_timing import copy_rate, matrix_rate

    plan = plan or CudaCases()
    with device or _open(settings) as card:
        ceilings = {
            "copy_bytes_per_second": copy_rate(card.driver, plan.copy),
            "operations_per_second": matrix_rate(card.driver, card.dtype, plan.matrix),
        }
        measured = [row for name in plan.networks for row in rows(card, name, plan, ceilings)]
        report: dict[str, Any] = {
            "date": datetime.now(UTC).strftime("%Y-%m-%d"),
            "command": f"main.py bench --device {settings.engine.device}",
            "device": card.description,
            "torch": torch.__version__,
            "precision": card.precision,
            "plan": asdict(plan),
            "ceilings": ceilings,
            "rows": [asdict(row) | {"above_floor": row.above_floor} for row in measured],
            "network_ms_per_batch": [
                times for name in plan.networks for times in network_times(card, name, plan)
            ],
            "baseline_ms_per_frame": baselines(card, plan),
        }
    report["markdown"] = as_markdown(report)
    Console().print(_table(report))
    Console().print(report["markdown"].split("\n\n", 1)[1], markup=False)
    return report


def _open(settings: Settings) -> CudaDevice:
    from engine.errors import DeviceError
    from gpu_ops.cuda import CudaDevice
    from gpu_ops.device import DeviceUnavailable

    try:
        return CudaDevice(settings.engine.device, settings.engine.precision)
    except DeviceUnavailable as error:
        raise DeviceError(f"bench --device {settings.engine.device}: {error}") from error


def _cells(row: dict[str, Any]) -> list[str]:
    numbers = [row["stages"][column] for column in COLUMNS]
    numbers += [row[key] for key in ("p50", "p95", "p99")]
    return [
        *(str(row[key]) for key in ("network", "batch", "people")),
        *(f"{number:.2f}" for number in numbers),
        f"{row['frames_per_second']:.0f}",
        f"{row['decoding']:.2f}",
        f"{row['floor']:.2f}",
        f"{row['above_floor']:.1f}×",
    ]


def _table(report: dict[str, Any]) -> Table:
    table = Table(title=f"{report['device']}, {report['precision']}, ms per batch")
    for heading in HEADINGS:
        table.add_column(heading, justify="right")
    for row in report["rows"]:
        table.add_row(*_cells(row))
    return table


def as_markdown(report: dict[str, Any]) -> str:
    """The report for docs/performance.md: the table, the ceilings and the baselines."""
    lines = [
        f"{report['date']}, {report['device']}, {report['precision']}, torch {report['torch']}: "
        f"`{report['command']}`. Milliseconds per batch.\n",
        "| " + " | ".join(HEADINGS) + " |",
        "|" + " --- |" * len(HEADINGS),
        *("| " + " | ".join(_cells(row)) + " |" for row in report["rows"]),
        "",
        f"Ceilings: copies {report['ceilings']['copy_bytes_per_second'] / 1e12:.2f} TB/s, "
        f"matrix products {report['ceilings']['operations_per_second'] / 1e12:.0f} TFLOP/s.",
    ]
    for times in report["network_ms_per_batch"]:
        ways = [f"{way} {ms:.2f}" for way, ms in times.items() if way not in ("network", "batch")]
        lines.append(f"Network {times['network']}, batch {times['batch']}: {', '.join(ways)} ms.")
    for label, times in report["baseline_ms_per_frame"].items():
        listed = ", ".join(f"{ms:.0f} ms at {people}" for people, ms in times.items())
        lines.append(f"Baseline, {label}: {listed} people.")
    return "\n".join(lines) + "\n"
