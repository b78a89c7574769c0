"""Decides everything that is drawn on a picture, as plain marks in pixels of the target.

What puts marks down decides nothing, and it is the same for the window, for screenshots and for
overlay videos: what is recorded is what is seen. A limb is a coloured line with a dark rim; lines
get thinner with the person. A joint that was measured is a disc, larger and whiter where surer; one
that was refined or interpolated is a ring.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from app.overlay.angles import angles_of
from app.overlay.bodies import FARTHEST, STEPS, Bodies, Points, bodies_of
from app.overlay.look import Look, Zone
from app.overlay.marks import RIM, WHITE, Colour, Discs, Lines, Mark, Plate, Scene, Target
from app.overlay.palette import LEFT, MIDDLE, RIGHT, colour_of, mixed
from app.overlay.traces import NO_TRACES, Traces, heads_of
from engine.skeleton import Skeleton
from engine.types import UNTRACKED, Poses

_INK: Colour = (11, 14, 18)
_STRANGER = 0.4  # opacity
_DIMMED = 0.25
_TRAIL_PARTS = 4  # opacities from the old end to the new one


def scene_of(
    poses: Poses, look: Look, source: str, target: Target, traces: Traces = NO_TRACES
) -> Scene:
    """Lay out everyone who is to be seen.

    Args:
        poses: in pixels of the frame; NaN is not drawn.
        source: which source the frame is from: names, hiding and counting go by it.
        traces: what came before: trails, heads to blur, counts.
    """
    display = look.display
    place = _Place(target, display.mirrored)
    scene = Scene(display.skeleton_only, display.mirrored)
    if display.blur_heads and not display.skeleton_only:
        # Traces made before heads were to be blurred have none: a picture that stands still.
        heads = traces.heads or heads_of(poses, look.skeleton)
        scene.mosaics.extend((*place.one(x, y), r * target.scale) for x, y, r in heads)
    for trail in traces.trails.values():
        scene.marks.extend(_trail(trail, look, source, place))
    scene.marks.extend(_people(poses, look, source, place))
    scene.marks.extend(_notes(poses, look, source, place, traces))
    return scene


def _people(poses: Poses, look: Look, source: str, place: _Place) -> list[Mark]:
    shown = [row for row, n in enumerate(poses.ids.tolist()) if (source, n) not in look.hidden]
    if not shown:
        return []
    with np.errstate(invalid="ignore", over="ignore"):
        bodies = bodies_of(poses, place.points(poses.xy), look)
    if place.seen:
        away = (bodies.high < 0) | (bodies.low > place.seen)
        shown = [row for row in shown if not away[row].any()]
    marks = (_person(bodies, row, int(poses.ids[row]), look, source, place) for row in shown)
    return [mark for person in marks for mark in person]


class _Place:
    """From pixels of the frame to pixels of the target."""

    def __init__(self, target: Target, mirrored: bool) -> None:
        self.unit = target.unit
        self.size = target.image
        self._factor = np.array([-target.scale if mirrored else target.scale, target.scale])
        left = target.left[0] + (target.image[0] * target.scale if mirrored else 0.0)
        self.corner = np.array([left, target.left[1]])
        self.low = target.left
        self.seen = target.seen

    def points(self, xy: NDArray[np.floating]) -> Points:
        """(…, 2) positions in the target; NaN stays NaN."""
        return np.asarray(xy * self._factor + self.corner, np.float64)

    def one(self, x: float, y: float) -> tuple[float, float]:
        """One position."""
        return _pair(np.array([x, y]) * self._factor + self.corner)


def _person(
    bodies: Bodies, row: int, number: int, look: Look, source: str, place: _Place
) -> list[Mark]:
    display, seen = look.display, bodies.seen[row].tolist()
    if not any(seen):
        return []
    rgb = _colour(number, row, look)
    opacity = _opacity(number, look, source)
    size = bodies.size[row] / place.unit
    width = display.thickness * round(min(max(size / 90, 1.6), 4.0) * 4) / 4 * place.unit
    low, high = bodies.low[row] - 3 * width, bodies.high[row] + 3 * width
    marks: list[Mark] = []
    if display.boxes:
        marks.append(_box(low, high, rgb, max(place.unit, width * 0.6), place.unit, opacity))
    if display.limbs:
        marks.extend(_limbs(bodies, row, look, rgb, width, place.unit, opacity))
    if display.joints:
        marks.append(_joints(bodies, row, rgb, width, place.unit, opacity))
    if display.angles:
        marks.extend(_angles(bodies.xy[row], seen, look, place, opacity))
    if display.ids and number != UNTRACKED:
        middle = (float(low[0] + high[0]) / 2, max(float(low[1]) - 3 * place.unit, place.low[1]))
        text = look.label(source, number)
        marks.append(Plate(text, middle, rgb, _INK, 12 * place.unit, opacity))
    return marks


def _colour(number: int, row: int, look: Look) -> Colour:
    if number != UNTRACKED:
        return colour_of(number)
    return MIDDLE if look.faint_strangers else colour_of(row)


def _opacity(number: int, look: Look, source: str) -> float:
    if look.followed is not None and look.followed != (source, number):
        return _DIMMED
    return _STRANGER if look.faint_strangers and number == UNTRACKED else 1.0


def _pair(xy: Points) -> tuple[float, float]:
    return float(xy[0]), float(xy[1])


def _box(
    low: Points, high: Points, rgb: Colour, width: float, rim: float, opacity: float = 1.0
) -> Lines:
    """A rectangle; its sides reach into the corners."""
    (x0, y0), (x1, y1), more = low.tolist(), high.tolist(), width / 2
    across = [(x0 - more, y, x1 + more, y) for y in (y0, y1)]
    down = [(x, y0 - more, x, y1 + more) for x in (x0, x1)]
    return Lines(np.array([*across, *down]), rgb, width, rim, opacity)


def _limbs(
    bodies: Bodies, row: int, look: Look, rgb: Colour, width: float, rim: float, opacity: float
) -> list[Mark]:
    ends, drawn = bodies.limbs[row], np.flatnonzero(bodies.drawn[row])
    if look.display.colours != "side":
        return [Lines(ends[drawn], rgb, width, rim, opacity)] if len(drawn) else []
    by_colour: dict[Colour, list[int]] = {}
    sides = _sides(look.skeleton)
    for limb in drawn.tolist():
        by_colour.setdefault(sides[limb], []).append(limb)
    return [
        Lines(ends[limbs], painted, width, rim, opacity) for painted, limbs in by_colour.items()
    ]


@lru_cache(maxsize=8)
def _sides(skeleton: Skeleton) -> list[Colour]:
    """The colour of each limb: left ones are warm, right ones are cold, others are white."""
    return [_side(skeleton, a, b) for a, b in skeleton.limbs]


def _side(skeleton: Skeleton, a: int, b: int) -> Colour:
    sides = {skeleton.names[joint].partition("_")[0] for joint in (a, b)}
    if sides == {"left"} or sides == {"left", "nose"}:
        return LEFT
    return RIGHT if sides <= {"right", "nose"} else MIDDLE


def _joints(
    bodies: Bodies, row: int, rgb: Colour, width: float, rim: float, opacity: float
) -> Discs:
    seen = bodies.seen[row]
    steps, rings = bodies.steps[row][seen], ~bodies.measured[row][seen]
    radius = width * (0.75 + 0.55 * steps / STEPS)
    colours = _shades(rgb)[np.where(rings, 0, steps)]
    return Discs(bodies.xy[row][seen], radius, colours, rings, rim, opacity)


@lru_cache(maxsize=64)
def _shades(rgb: Colour) -> NDArray[np.uint8]:
    """(STEPS + 1, 3) a person's colour, whiter where a joint is surer."""
    shades = [mixed(rgb, WHITE, 0.75 * step / STEPS) for step in range(STEPS + 1)]
    return np.array(shades, np.uint8)


def _angles(xy: Points, seen: list[bool], look: Look, place: _Place, opacity: float) -> list[Mark]:
    size = 10 * place.unit
    return [
        Plate(f"{degrees:.0f}°", (x, y - 6 * place.unit), RIM, WHITE, size, opacity, False)
        for degrees, x, y in angles_of(xy, seen, look.skeleton, look.display.angles)
    ]


def _trail(trail: Points, look: Look, source: str, place: _Place) -> list[Mark]:
    """(T, J, 2 + 1) positions of the chosen joints, oldest first; the last column is the id."""
    number = int(trail[0, 0, 2])
    if (source, number) in look.hidden or len(trail) < 2:
        return []
    opacity, rgb = _opacity(number, look, source), colour_of(number)
    xy = place.points(trail[..., :2])
    steps = np.concatenate([xy[:-1], xy[1:]], -1)  # (T - 1, J, 4)
    near = (np.abs(steps) < FARTHEST).all(-1)
    parts = min(_TRAIL_PARTS, len(steps))
    marks: list[Mark] = []
    for age in range(parts):
        part = slice(age * len(steps) // parts, (age + 1) * len(steps) // parts)
        share = opacity * (0.25 + 0.55 * (age + 1) / parts)
        marks.append(Lines(steps[part][near[part]], rgb, 2 * place.unit, 0.0, share))
    return marks


def _notes(poses: Poses, look: Look, source: str, place: _Place, traces: Traces) -> list[Mark]:
    marks: list[Mark] = []
    zone = look.zones.get(source)
    if zone:
        marks.extend(_zone(zone, place, traces))
    if look.display.count:
        shown = [n for n in poses.ids.tolist() if (source, n) not in look.hidden]
        text = f"{len(shown)} person" if len(shown) == 1 else f"{len(shown)} people"
        low = place.low
        at = (low[0] + 46 * place.unit, low[1] + 30 * place.unit)
        marks.append(Plate(text, at, RIM, WHITE, 13 * place.unit))
    if traces.heat and not look.display.skeleton_only:
        text = f"heatmap: {traces.heat.joint.replace('_', ' ')}"
        x, y = place.one(place.size[0] / 2, 0)
        beside = 2 * (x - place.low[0]) > 340 * place.unit or not look.display.count
        at = x, y + (30 if beside else 56) * place.unit  # else below the count
        marks.append(Plate(text, at, RIM, WHITE, 13 * place.unit))
    return marks


def _zone(zone: Zone, place: _Place, traces: Traces) -> list[Mark]:
    w, h = place.size
    (x0, y0), (x1, y1) = (place.one(x * w, y * h) for x, y in (zone.start, zone.end))
    rgb, width = (247, 185, 85), 2 * place.unit
    arrived = f"in {traces.came}  out {traces.left}"
    if zone.kind == "line":
        mark = Lines(np.array([[x0, y0, x1, y1]]), rgb, width, place.unit)
    else:
        corners = np.array([(x0, y0), (x1, y1)])
        mark = _box(corners.min(0), corners.max(0), rgb, width, place.unit)
        arrived = f"{traces.inside} inside  {arrived}"
    at = ((x0 + x1) / 2, max(min(y0, y1) - 4 * place.unit, place.low[1] + 20 * place.unit))
    return [mark, Plate(arrived, at, rgb, _INK, 12 * place.unit)]
