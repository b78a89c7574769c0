"""The published table's layout, for the terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.table import Table

from app.evaluation.report.facts import Report

# As in the published table, then people of medium and large size, then what it leaves out.
COLUMNS = ("AP", "AP50", "AP75", "AR", "AR50", "APM", "APL", "ARM", "ARL", "AR75")
HEADER = ("Arch", "Input Size", *COLUMNS)

Row = tuple[str, ...]


def rows(report: Report) -> list[Row]:
    """The measured row; the published one and the difference below it, where there is one."""
    measured = (report.architecture, report.input_size, *_fractions(report.metrics))
    if report.published is None:
        return [measured]
    published = ("  published", report.input_size, *_fractions(report.published))
    if not report.comparable:
        return [measured, published]
    return [measured, published, ("  difference", "", *_differences(report))]


def _fractions(values: Mapping[str, float]) -> Row:
    return tuple(fraction(values.get(name)) for name in COLUMNS)


def fraction(value: float | None) -> str:
    """.677 as in the published table; empty where it is not known or no person is of that size."""
    return "" if value is None or value < 0 else _without_zero(f"{value:.3f}")


def _without_zero(number: str) -> str:
    return number.replace("0.", ".", 1) if "0." in number[:3] else number


def _differences(report: Report) -> Row:
    published = report.published or {}
    return tuple(
        _without_zero(f"{report.metrics[name] - published[name]:+.3f}") if name in published else ""
        for name in COLUMNS
    )


def notes(report: Report) -> list[str]:
    """Notes beside the table on what its numbers are not."""
    lines = [f"{report.model.name} on {report.images}, {report.truth.people} people."]
    lines.append(f"Protocol: {report.protocol}.")
    if report.published is not None:
        lines.append(f"Published by {report.published_by}, on COCO val2017 (5 000 images).")
    if not report.truth.is_val2017:
        lines.append("Not the COCO val2017 AP: other images, so published figures do not compare.")
    if report.skipped:
        lines.append(f"{len(report.skipped)} annotated images were left out: missing or damaged.")
    return lines


def for_terminal(report: Report) -> Table:
    """A table that fits 80 columns."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for name in HEADER:
        title = name.replace(" ", "\n")
        table.add_column(title, justify="left" if name in HEADER[:2] else "right", no_wrap=True)
    for row in rows(report):
        table.add_row(*row)
    return table


def markdown(header: Sequence[str], body: Sequence[Row]) -> str:
    """A Markdown table, text left and numbers right."""
    lines = [header, ["---" if i < 1 else "---:" for i in range(len(header))], *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def time_line(report: Report) -> str:
    """Speed, and the share of the time outside the network."""
    speed = report.speed
    if not speed.images:
        return "All results were taken from an earlier run."
    line = (
        f"{speed.images} images in {speed.seconds:.1f} s on {report.model.processor}: "
        f"{speed.ms_per_image:.0f} ms per image, {speed.images_per_second:.2f} images per second"
    )
    if report.model.device != "cpu":  # the network runs on while the program does something else
        return f"{line}."
    return f"{line}; {speed.around_network:.1%} of the time around the network."
