"""Draws docs/smoothing.svg: lag against jitter for the settings of the smoother.

python -m tests.measure.smoothing_plot
"""

from __future__ import annotations

from pathlib import Path

from engine.settings import SmoothingSettings
from tests.measure.smoothing import Outcome, exercising, measure, online, walking

BETAS = (0.3, 0.6, 1.2, 2.4, 5.0, 10.0)
CUTOFFS = (0.5, 1.0, 2.0)
COLOURS = ("#2463c4", "#d1553b", "#2f9e6e")
W, H, LEFT, TOP = 420, 300, 50, 30
MOST_LAG, MOST_CALM = 100.0, 7.0


def outcome(kind: object, cutoff: float, beta: float) -> Outcome:
    settings = SmoothingSettings(min_cutoff=cutoff, beta=beta)
    return measure(lambda t, s: online(settings, t, s), kind, seeds=range(3))  # type: ignore[arg-type]


def place(got: Outcome) -> tuple[float, float]:
    x = LEFT + min(got.lag, MOST_LAG) / MOST_LAG * (W - LEFT - 20)
    y = H - 40 - min(got.calmer, MOST_CALM) / MOST_CALM * (H - 40 - TOP)
    return x, y


def panel(title: str, kind: object, left: int) -> str:
    parts = [f'<g transform="translate({left},0)"><text x="{LEFT}" y="18">{title}</text>']
    for lag in range(0, 101, 20):
        x = place(Outcome(0, lag, 0))[0]
        parts.append(f'<path class="grid" d="M{x:.0f} {TOP}V{H - 40}"/>')
        parts.append(
            f'<text class="tick" x="{x:.0f}" y="{H - 24}" text-anchor="middle">{lag}</text>'
        )
    for calm in range(8):
        y = place(Outcome(calm, 0, 0))[1]
        parts.append(f'<path class="grid" d="M{LEFT} {y:.0f}H{W - 20}"/>')
        parts.append(
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.0f}" text-anchor="end">{calm}</text>'
        )
    for cutoff, colour in zip(CUTOFFS, COLOURS, strict=True):
        points = [(beta, *place(outcome(kind, cutoff, beta))) for beta in BETAS]
        line = " ".join(f"{x:.1f},{y:.1f}" for _, x, y in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for beta, x, y in points:
            chosen = (cutoff, beta) == (1.0, 1.2)
            parts.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{6 if chosen else 3}" fill="{colour}"/>'
            )
        parts.append(
            f'<text x="{W - 130}" y="{H - 60 - 18 * CUTOFFS.index(cutoff)}" style="fill:{colour}">'
            f"min_cutoff {cutoff:g} Hz</text>"
        )
    parts.append(
        f'<text class="tick" x="{W / 2}" y="{H - 6}" text-anchor="middle">lag, ms</text></g>'
    )
    return "".join(parts)


def main() -> None:
    """Write the picture."""
    style = (
        "text{font:13px system-ui,sans-serif;fill:#444}.tick{font-size:11px;fill:#777}"
        ".grid{stroke:#ccc;stroke-width:.6}"
    )
    body = panel("walking: times calmer", walking, 0) + panel("arms: times calmer", exercising, W)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * W} {H}"><style>{style}</style>'
        f'<rect width="{2 * W}" height="{H}" fill="#fff"/>{body}</svg>\n'
    )
    (Path(__file__).parents[2] / "docs" / "smoothing.svg").write_text(svg)


if __name__ == "__main__":
    main()
