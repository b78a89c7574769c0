"""`report.html`: one file to be opened anywhere, nothing fetched from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import assets
from app.evaluation.report import plots, table
from app.evaluation.report.facts import Report, versions
from app.evaluation.report.pictures import pictures
from engine.coco.diagnosis.keypoints import Kind
from engine.coco.diagnosis.slices import Slice
from engine.coco.metrics import Judgement
from engine.sources.coco_images import CocoImage

KINDS = tuple(kind.name.lower() for kind in Kind)

ABOUT_COSTS = (
    "AP gained if this kind of error alone were mended: keypoints put where they belong, people "
    "too many taken out, people not found no longer looked for; “ranking” gives everybody the "
    "score they deserve. The gains do not add up."
)
ABOUT_KINDS = (
    "AP of each keypoint alone, and its mean similarity and kinds of error over the people "
    "who were found. Good: similarity of 0.85 or more; jitter: 0.5 or more; "
    "otherwise inversion if it lies on the mirrored keypoint of the same person, swap if on "
    "somebody else's, miss if on none. After Ronchi and Perona, ICCV 2017."
)
ABOUT_SLICES = (
    "Recall, because a wrong detection belongs to no slice. AR is the mean over OKS thresholds "
    "0.5 to 0.95. Neighbours are annotated boxes that overlap by more than 0.1."
)
ABOUT_SCORES = (
    "On the diagonal a score means what it says. Larger dots stand for more people or joints."
)
ABOUT_WORST = (
    "Most was lost in these: people's similarity short of 1, plus the scores of people who are "
    "nobody."
)


def page(report: Report, judgement: Judgement, images: Mapping[int, CocoImage]) -> str:
    """The whole document; `images` by id."""
    style = assets.path("report.css").read_text(encoding="utf-8")
    title = f"{report.model.name} on {report.images}"
    sections = (
        _header(report),
        _tiles(report),
        _section("Accuracy", "", _headline(report) + _notes(report)),
        _section("What each kind of error costs", ABOUT_COSTS, _costs(report)),
        _section("People", "", _people(report)),
        _section("Keypoints", ABOUT_KINDS, plots.key(KINDS) + _keypoints(report)),
        _section("Who is found", ABOUT_SLICES, _slices(report)),
        _section("What a score means", ABOUT_SCORES, _calibration(report)),
        _section("The worst images", ABOUT_WORST, _worst(report, judgement, images)),
        _section("Where the time went", "", _time(report)),
        _section("What the numbers depend on", "", _settings(report)),
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style>"
        f"<main>{''.join(sections)}</main></html>\n"
    )


def _section(title: str, about: str, body: str) -> str:
    text = f'<p class="quiet">{escape(about)}</p>' if about else ""
    return f"<section><h2>{escape(title)}</h2>{text}{body}</section>"


def _header(report: Report) -> str:
    return (
        f"<h1>{escape(report.model.name)}</h1>"
        f'<p class="quiet">{escape(report.architecture)} at {report.input_size} on '
        f"{escape(report.images)} · {escape(report.protocol)} · {escape(report.model.device)}</p>"
    )


def _tiles(report: Report) -> str:
    speed, m = report.speed, report.metrics
    tiles = [(name, table.fraction(m[name])) for name in ("AP", "AP50", "AP75", "AR")]
    if speed.images:
        tiles.append(("ms per image", f"{speed.ms_per_image:.0f}"))
        tiles.append(("images per second", f"{speed.images_per_second:.2f}"))
    body = (f'<div class="tile"><b>{v}</b><span>{escape(k)}</span></div>' for k, v in tiles)
    return f'<div class="tiles">{"".join(body)}</div>'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], name: str = "") -> str:
    """Cells are escaped, except those that are plots."""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table class="{name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(cell: str) -> str:
    return (
        f'<td class="plot">{cell}</td>' if cell.startswith("<svg") else f"<td>{escape(cell)}</td>"
    )


def _headline(report: Report) -> str:
    return _table(table.HEADER, table.rows(report), "headline")


def _notes(report: Report) -> str:
    return f'<p class="quiet">{"<br>".join(map(escape, table.notes(report)))}</p>'


def _costs(report: Report) -> str:
    costs = sorted(report.diagnosis.costs.items(), key=lambda item: -item[1])
    bars = plots.bars([(name, gain, f"{100 * gain:+.1f}") for name, gain in costs])
    return f'<div class="scroll">{bars}</div>'


def _people(report: Report) -> str:
    d = report.diagnosis
    rows = [
        ("to be found", str(d.people), "annotated, with at least one labelled keypoint"),
        ("found", str(d.found), "paired with somebody at an OKS of 0.1 or more"),
        ("missed", str(d.missed), "paired with nobody"),
        ("duplicates", str(d.duplicates), "found again: OKS 0.5 or more with somebody found"),
        ("fragments", str(d.fragments), "OKS 0.1 to 0.5 with somebody found"),
        ("background", str(d.background), "like nobody; many of low score cost little AP"),
    ]
    return _table(("people", "count", "meaning"), rows, "words")


def _keypoints(report: Report) -> str:
    rows = [
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
    header = ("keypoint", "AP", "mean OKS", "labelled", "of those of people found")
    return _table(header, [*rows, everything])


def _slices(report: Report) -> str:
    groups: dict[str, list[Slice]] = {}
    for one in report.diagnosis.slices:
        groups.setdefault(one.by, []).append(one)
    return "".join(
        _table(
            (f"by {by}", "people", "AR", "found", "mean OKS"),
            [
                (s.name, str(s.people), f"{s.recall:.3f}", f"{s.found:.1%}", f"{s.mean_oks:.3f}")
                for s in group
                if s.people
            ],
            "even",
        )
        for by, group in groups.items()
    )


def _calibration(report: Report) -> str:
    return (
        '<div class="pairs">'
        + "".join(
            f"<div>{plots.reliability(c)}<p class='quiet'>Right means {escape(c.what)}. Expected "
            f"calibration error {c.error:.3f}.</p></div>"
            for c in report.diagnosis.calibration
        )
        + "</div>"
    )


def _worst(report: Report, judgement: Judgement, images: Mapping[int, CocoImage]) -> str:
    figures = pictures(judgement, report.diagnosis.worst, images)
    return (
        '<input type="checkbox" id="show-truth" checked>'
        '<input type="checkbox" id="show-found" checked>'
        '<p><label for="show-truth"><i class="t"></i>truth</label>'
        '<label for="show-found"><i class="f"></i>found</label>'
        '<span class="quiet">click to hide or show</span></p>'
        f'<div class="pictures">{figures}</div>'
    )


def _time(report: Report) -> str:
    about = f"<p>{escape(table.time_line(report))}</p>"
    speed = report.speed
    if not speed.images:
        return about
    items = [
        (step, seconds, f"{seconds / speed.seconds:.1%}")
        for step, seconds in sorted(speed.steps.items(), key=lambda item: -item[1])
    ]
    return f'{about}<div class="scroll">{plots.bars(items)}</div>'


def _settings(report: Report) -> str:
    engine, grouping = report.engine.model_dump(), report.grouping.model_dump()
    pairs = {
        "annotations": f"{report.truth.file} (sha256 {report.annotations_sha256[:12]}…)",
        "weights": f"{report.model.file} (sha256 {report.model.sha256[:12]}…)",
        "processor": report.model.processor,
        **{f"engine.{name}": str(value) for name, value in engine.items() if name != "weights"},
        **{f"grouping.{name}": str(value) for name, value in grouping.items()},
        **versions(),
    }
    body = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in pairs.items())
    return f"<dl>{body}</dl>"
