"""Small plots as inline SVG; colours and type come from assets/report.css."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from engine.coco.diagnosis.calibration import Calibration

Bar = tuple[str, float, str]  # label, length, text at its end

_ROW = 26  # height of one bar with its gap


def bars(items: Sequence[Bar], *, width: int = 640, label: int = 150) -> Markup:
    """Horizontal bars from a common zero line; negative ones go to the left of it."""
    low = min(0.0, *(length for _, length, _ in items))
    high = max(1e-9, *(length for _, length, _ in items))
    left, right = label + (52 if low < 0 else 0), width - 64
    scale = (right - left) / (high - low)
    zero = left - low * scale
    parts: list[str] = [_bar(i, item, zero=zero, scale=scale) for i, item in enumerate(items)]
    height = _ROW * len(items)
    parts.append(_line(zero, 0, zero, height))
    return _svg(width, height, parts, _no_wider(width))


def _bar(i: int, item: Bar, *, zero: float, scale: float) -> Markup:
    label, length, text = item
    y, extent = i * _ROW, abs(length) * scale
    x = zero if length >= 0 else zero - extent
    end = zero + extent + 6 if length >= 0 else x - 6
    anchor = "start" if length >= 0 else "end"
    return Markup(
        '<text x="0" y="{low}">{label}</text>'
        '<rect class="bar" x="{x:.1f}" y="{top}" width="{width:.1f}" height="18" rx="3"/>'
        '<text class="quiet" x="{end:.1f}" y="{low}" text-anchor="{anchor}">{text}</text>'
    ).format(
        low=y + 17,
        top=y + 4,
        label=label,
        x=x,
        width=max(extent, 0.5),
        end=end,
        anchor=anchor,
        text=text,
    )


def stacked(counts: Mapping[str, int], *, width: int = 420) -> Markup:
    """One bar of coloured parts that add up to all; the names are CSS classes."""
    total, x, parts = sum(counts.values()), 0.0, []
    for name, count in counts.items():
        extent = width * count / max(total, 1)
        share = f"{name}: {count} of {total} ({count / max(total, 1):.1%})"
        part = Markup(
            '<rect class="{}" x="{:.1f}" width="{:.1f}" height="16"><title>{}</title></rect>'
        )
        parts.append(part.format(name, x, extent, share))
        x += extent
    return _svg(width, 16, parts, ' preserveAspectRatio="none"')


def reliability(calibration: Calibration, *, size: int = 300) -> Markup:
    """Share that is right against the score; on the diagonal scores are calibrated."""
    margin = 40
    span = size - 2 * margin

    def at(x: float, y: float) -> tuple[float, float]:
        return margin + x * span, size - margin - y * span

    points = [at(min(max(b.score, 0), 1), b.right) for b in calibration.bins]
    most = max((b.count for b in calibration.bins), default=1)
    parts = [_grid_line(at, value) for value in (0, 0.25, 0.5, 0.75, 1)]
    parts.append(_line(*at(0, 0), *at(1, 1), "grid"))
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts.append(f'<polyline class="curve" points="{path}"/>')
    for (x, y), b in zip(points, calibration.bins, strict=True):
        radius = 3 + 5 * (b.count / most) ** 0.5
        parts.append(
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"><title>score '
            f"{b.score:.2f}: {b.right:.1%} right of {b.count}</title></circle>"
        )
    x, y = at(0.5, 0)
    parts.append(f'<text class="quiet" x="{x}" y="{y + 30}" text-anchor="middle">score</text>')
    return _svg(size, size, parts, _no_wider(size + 40))


def _grid_line(at: object, value: float) -> str:
    assert callable(at)
    (x0, y0), (x1, _) = at(0, value), at(1, value)
    below = at(value, 0)
    return (
        _line(x0, y0, x1, y0, "grid")
        + f'<text class="quiet" x="{x0 - 6}" y="{y0 + 4}" text-anchor="end">{value:g}</text>'
        + f'<text class="quiet" x="{below[0]}" y="{below[1] + 16}" text-anchor="middle">'
        f"{value:g}</text>"
    )


def _line(x0: float, y0: float, x1: float, y1: float, name: str = "grid") -> str:
    return f'<line class="{name}" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>'


def _svg(width: float, height: float, parts: Sequence[str], style: str = "") -> Markup:
    """Parts that hold text escaped it; the others hold numbers alone."""
    body = "".join(parts)
    return Markup(f'<svg viewBox="0 0 {width:g} {height:g}" role="img"{style}>{body}</svg>')


def _no_wider(width: int) -> str:
    """Limit the size of lettering to that of the text around it."""
    return f' style="max-width:{width}px"'
