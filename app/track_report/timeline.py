"""The timeline of the tracks report: a row per id, a bar per stretch, a marker per suspicion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from app.overlay.palette import colour_of
from engine.offline.id_switches import IdSwitchCandidate
from engine.offline.quality import Person
from engine.offline.recording import Recording

_WIDTH, _LEFT, _ROW, _BAR, _AXIS = 1000, 60, 18, 12, 26
_STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600)


def timeline(
    recording: Recording, persons: Sequence[Person], doubts: Sequence[IdSwitchCandidate]
) -> Markup:
    """An inline SVG of numbers; empty where no one was seen."""
    if not persons or not len(recording.time):
        return Markup()
    start = float(recording.time[0])
    span = max(float(recording.time[-1]) - start, 1e-6)

    def x(seconds: float) -> float:
        return _LEFT + (seconds - start) / span * (_WIDTH - _LEFT - 6)

    row_of = {person.id: n for n, person in enumerate(persons)}
    height = _ROW * len(persons) + _AXIS
    parts = [_axis(start, span, x, height)]
    for person in persons:
        y = row_of[person.id] * _ROW
        fill = "rgb({},{},{})".format(*colour_of(person.id))
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 11}" text-anchor="end">{person.id}</text>')
        parts += [
            f'<rect x="{x(a):.1f}" y="{y}" width="{max(x(b) - x(a), 1):.1f}" height="{_BAR}" '
            f'rx="2" fill="{fill}"><title>{person.id}: {a:.2f} to {b:.2f} s</title></rect>'
            for a, b in person.spans
        ]
    for number, doubt in enumerate(doubts):
        for who in doubt.ids:
            middle = row_of[who] * _ROW + _BAR / 2
            parts.append(
                f'<a href="#moment-{number}"><circle class="doubt" cx="{x(doubt.time):.1f}" '
                f'cy="{middle:.1f}" r="{2 + 3 * doubt.suspicion:.1f}"><title>{doubt.kind} at '
                f"{doubt.time:.2f} s</title></circle></a>"
            )
    return Markup(f'<svg viewBox="0 0 {_WIDTH} {height}">{"".join(parts)}</svg>')


def _axis(start: float, span: float, x: Callable[[float], float], height: int) -> str:
    step = next((s for s in _STEPS if span / s <= 12), _STEPS[-1])
    first = -(-start // step)
    ticks = []
    n = 0
    while (first + n) * step <= start + span:
        at = (first + n) * step
        ticks.append(
            f'<line class="grid" x1="{x(at):.1f}" x2="{x(at):.1f}" y1="0" y2="{height - 16}"/>'
            f'<text class="quiet" x="{x(at):.1f}" y="{height - 3}" text-anchor="middle">'
            f"{at:g} s</text>"
        )
        n += 1
    return "".join(ticks)
