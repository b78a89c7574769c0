"""`report.html`: one self-contained file."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from app.evaluation.report import plots, table
from app.evaluation.report.facts import Report, versions
from app.evaluation.report.pictures import pictures
from app.evaluation.report.templates import render
from engine.coco.diagnosis.keypoints import Kind
from engine.coco.metrics import Judgement
from engine.sources.coco_images import CocoImage

KINDS = tuple(kind.name.lower() for kind in Kind)

ABOUT_COSTS = (
    "AP gained if this kind of error alone were corrected: keypoints put where they belong, "
    "false positives removed, missed people removed from the ground truth; “ranking” gives "
    "everyone their OKS as score. The gains do not add up."
)
ABOUT_KINDS = (
    "AP of each keypoint alone, and its mean similarity and kinds of error over the people "
    "who were found. Good: similarity of 0.85 or more; jitter: 0.5 or more; "
    "otherwise inversion if it lies on the mirrored keypoint of the same person, swap if on "
    "another person's, miss if on none. After Ronchi and Perona, ICCV 2017."
)
ABOUT_SLICES = (
    "Recall, because a wrong detection belongs to no slice. AR is the mean over OKS thresholds "
    "0.5 to 0.95. Neighbours are annotated boxes that overlap by more than 0.1."
)
ABOUT_SCORES = "On the diagonal scores are calibrated. Larger dots stand for more people or joints."
ABOUT_WORST = (
    "Most was lost in these: people's similarity short of 1, plus the scores of people who are "
    "unmatched."
)


def page(report: Report, judgement: Judgement, images: Mapping[int, CocoImage]) -> str:
    """The whole document; `images` by id."""
    model = report.model
    return render(
        "evaluation.html",
        "report.css",
        title=f"{model.name} on {report.images}",
        name=model.name,
        about=f"{report.architecture} at {report.input_size} on {report.images} · "
        f"{report.protocol} · {model.device}",
        figures=_figures(report),
        accuracy={"header": table.HEADER, "rows": table.rows(report)},
        notes=table.notes(report),
        about_costs=ABOUT_COSTS,
        costs=_costs(report),
        people=_people(report),
        about_kinds=ABOUT_KINDS,
        kinds=KINDS,
        keypoints=_keypoints(report),
        about_slices=ABOUT_SLICES,
        slices=_slices(report),
        about_scores=ABOUT_SCORES,
        calibration=[
            (plots.reliability(c), c.what, f"{c.error:.3f}") for c in report.diagnosis.calibration
        ],
        about_worst=ABOUT_WORST,
        worst=pictures(judgement, report.diagnosis.worst, images),
        time_line=table.time_line(report),
        time=_time(report),
        settings=_settings(report),
    )


def _figures(report: Report) -> list[tuple[str, str]]:
    speed, m = report.speed, report.metrics
    figures = [(table.fraction(m[name]), name) for name in ("AP", "AP50", "AP75", "AR")]
    if speed.images:
        figures.append((f"{speed.ms_per_image:.0f}", "ms per image"))
        figures.append((f"{speed.images_per_second:.2f}", "images per second"))
    return figures


def _costs(report: Report) -> Markup:
    costs = sorted(report.diagnosis.costs.items(), key=lambda item: -item[1])
    return plots.bars([(name, gain, f"{100 * gain:+.1f}") for name, gain in costs])


def _people(report: Report) -> list[tuple[str, ...]]:
    d = report.diagnosis
    return [
        ("to be found", str(d.people), "annotated, with at least one labelled keypoint"),
        ("found", str(d.found), "matched to a detection at an OKS of 0.1 or more"),
        ("missed", str(d.missed), "not matched"),
        (
            "duplicates",
            str(d.duplicates),
            "again: OKS 0.5 or more with a matched person",
        ),
        ("fragments", str(d.fragments), "OKS 0.1 to 0.5 with a matched person"),
        (
            "background",
            str(d.background),
            "like no person; many of low score cost little AP",
        ),
    ]


def _keypoints(report: Report) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            k.name.replace("_", " "),
            table.fraction(k.ap),
            f"{k.mean_similarity:.3f}",
            str(k.labelled),
            plots.stacked(k.kinds),
        )
        for k in report.diagnosis.keypoints
    ]
    everything = ("all", "", "", "", plots.stacked(report.diagnosis.kinds))
    return [*rows, everything]


def _slices(report: Report) -> list[tuple[str, list[tuple[str, ...]]]]:
    groups: dict[str, list[tuple[str, ...]]] = {}
    for s in report.diagnosis.slices:
        rows = groups.setdefault(s.by, [])
        if s.people:
            figures = (f"{s.recall:.3f}", f"{s.found:.1%}", f"{s.mean_oks:.3f}")
            rows.append((s.name, str(s.people), *figures))
    return list(groups.items())


def _time(report: Report) -> Markup | None:
    speed = report.speed
    if not speed.images:
        return None
    items = [
        (step, seconds, f"{seconds / speed.seconds:.1%}")
        for step, seconds in sorted(speed.steps.items(), key=lambda item: -item[1])
    ]
    return plots.bars(items)


def _settings(report: Report) -> dict[str, str]:
    engine, grouping = report.engine.model_dump(), report.grouping.model_dump()
    return {
        "annotations": f"{report.truth.file} (sha256 {report.annotations_sha256[:12]}…)",
        "weights": f"{report.model.file} (sha256 {report.model.sha256[:12]}…)",
        "processor": report.model.processor,
        **{f"engine.{name}": str(value) for name, value in engine.items() if name != "weights"},
        **{f"grouping.{name}": str(value) for name, value in grouping.items()},
        **versions(),
    }
