"""`report.md`: the report's numbers as Markdown, to be pasted into an issue or a README."""

from __future__ import annotations

from app.evaluation.report import table
from app.evaluation.report.facts import Report, versions


def text(report: Report) -> str:
    """The whole document."""
    d = report.diagnosis
    parts = (
        f"# {report.model.name} on {report.images}",
        table.markdown(table.HEADER, table.rows(report)),
        "\n".join(f"- {line}" for line in table.notes(report)),
        "## What each kind of error costs",
        table.markdown(
            ("kind", "AP gained if corrected, points"),
            [(name, f"{100 * gain:+.1f}") for name, gain in _costliest(report)],
        ),
        "## People",
        f"{d.people} to be found, {d.found} found, {d.missed} missed; {d.duplicates} duplicates, "
        f"{d.fragments} fragments and {d.background} in the background.",
        "## Keypoints",
        table.markdown(("keypoint", "AP", "mean OKS", *d.kinds), _keypoints(report)),
        "## Who is found",
        table.markdown(
            ("people", "count", "AR", "found at OKS 0.5", "mean OKS"),
            [
                (
                    f"{s.by}: {s.name}",
                    str(s.people),
                    f"{s.recall:.3f}",
                    f"{s.found:.1%}",
                    f"{s.mean_oks:.3f}",
                )
                for s in d.slices
                if s.people
            ],
        ),
        "## Time",
        _time(report),
        "## What the numbers depend on",
        table.markdown(("setting", "value"), _settings(report)),
    )
    return "\n\n".join(parts) + "\n"


def _costliest(report: Report) -> list[tuple[str, float]]:
    return sorted(report.diagnosis.costs.items(), key=lambda item: -item[1])


def _keypoints(report: Report) -> list[table.Row]:
    return [
        (k.name, table.fraction(k.ap), f"{k.mean_similarity:.3f}", *map(str, k.kinds.values()))
        for k in report.diagnosis.keypoints
    ]


def _time(report: Report) -> str:
    steps = (f"{name} {seconds:.1f} s" for name, seconds in report.speed.steps.items())
    return f"{table.time_line(report)} {', '.join(steps)}".strip()


def _settings(report: Report) -> list[table.Row]:
    sections = {"engine": report.engine.model_dump(), "grouping": report.grouping.model_dump()}
    settings = [
        (f"{section}.{name}", str(value))
        for section, values in sections.items()
        for name, value in values.items()
    ]
    model = report.model
    return [
        ("weights sha256", model.sha256),
        ("annotations", f"{report.truth.file} (sha256 {report.annotations_sha256})"),
        *settings,
        *versions().items(),
    ]
