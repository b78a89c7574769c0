"""What of a picture and its people is shown: one value for window, overlay video and screenshot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.settings import DisplaySettings
from engine.skeleton import COCO, Skeleton

ZoneKind = Literal["line", "region"]
Who = tuple[str, int]  # a person: name of the source, track id

_LONGEST = 24  # letters on a plate: more would cover the picture


@dataclass(frozen=True, slots=True)
class Zone:
    """A line or a region people are counted at; coordinates are shares 0..1 of the picture."""

    kind: ZoneKind
    start: tuple[float, float]  # a line runs from here, a rectangle has a corner here
    end: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """How people are drawn, and which of them."""

    skeleton: Skeleton = COCO
    display: DisplaySettings = field(default_factory=DisplaySettings)
    faint_strangers: bool = False  # people the tracker has not numbered yet
    zones: Mapping[str, Zone] = field(default_factory=dict)  # source -> where people are counted
    names: Mapping[Who, str] = field(default_factory=dict)
    hidden: frozenset[Who] = frozenset()
    followed: Who | None = None  # everyone else is dimmed

    def label(self, source: str, number: int) -> str:
        """What stands on a person's plate: of a long name its beginning."""
        name = self.names.get((source, number), str(number))
        return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
