"""`eval --sweep`: many configurations, measured one after the other, and one table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from rich import box
from rich.table import Table

from app.evaluation.run import Evaluation
from engine.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Configuration:
    """One point of a sweep."""

    changes: tuple[str, ...]  # section.key=value
    name: str  # of its folder


def points(text: str) -> list[Configuration]:
    """All combinations of the values in "weights=a,b input-size=256,320".

    A name without a section belongs to `engine`; a hyphen stands for an underscore.

    Raises:
        SettingsError: a part is not NAME=VALUE[,VALUE…], or a name appears twice.
    """
    axes: dict[str, list[str]] = {}
    for part in text.split():
        name, equals, values = part.partition("=")
        given = values.split(",")
        if not equals or not name or not all(given):
            raise SettingsError(f"--sweep takes NAME=VALUE,VALUE …, got {part!r}")
        key = name if "." in name else f"engine.{name.replace('-', '_')}"
        if key in axes:
            raise SettingsError(f"--sweep names {name} twice")
        axes[key] = given
    if not axes:
        raise SettingsError("--sweep names no setting; write it as 'weights=a,b input-size=256'")
    found = []
    for chosen in product(*axes.values()):
        pairs = list(zip(axes, chosen, strict=True))
        changes = tuple(f"{key}={value}" for key, value in pairs)
        name = "_".join(f"{key.rpartition('.')[2]}-{value}" for key, value in pairs)
        found.append(Configuration(changes, re.sub(r"[^\w.-]+", "-", name)))
    return found


def sweep(
    chosen: Sequence[Configuration], evaluate: Callable[[Configuration], Evaluation]
) -> Iterator[tuple[Configuration, Evaluation]]:
    """Measure every configuration."""
    for configuration in chosen:
        yield configuration, evaluate(configuration)


def table(found: Sequence[tuple[Configuration, Evaluation]]) -> Table:
    """One row per configuration, the best AP first."""
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False)
    shown.add_column("configuration")
    metrics = list(found[0][1].report.metrics) if found else []
    for name in (*metrics, "ms/image"):
        shown.add_column(name, justify="right")
    for configuration, evaluation in sorted(found, key=lambda pair: -_ap(pair[1])):
        report = evaluation.report
        values = [f"{report.metrics[name]:.3f}" for name in metrics]
        label = " ".join(change.removeprefix("engine.") for change in configuration.changes)
        shown.add_row(label, *values, f"{report.speed.ms_per_image:.0f}")
    return shown


def _ap(evaluation: Evaluation) -> float:
    return next(iter(evaluation.report.metrics.values()))
