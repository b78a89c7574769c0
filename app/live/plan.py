"""What the window or the command line asks to be watched, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from engine.settings import Settings
from engine.sources.addresses import distinct, shown


@dataclass(frozen=True, slots=True)
class CameraMode:
    """How one source is opened and shown."""

    size: tuple[int, int] | None = None  # asked of a camera; None: as the command line says
    rate: float | None = None  # frames per second asked of a camera
    turned: Literal[0, 90, 180, 270] = 0  # degrees clockwise


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: the sources, and every setting at the start."""

    sources: tuple[str, ...]
    settings: Settings
    fast: bool = False  # play files as fast as the engine can instead of by their clock
    loop: bool = False  # begin files again at their end
    speed: float = 1.0  # seconds of a file that are played per second
    hold: bool = False  # wait at the end of files, to be played again
    cameras: Mapping[str, CameraMode] = field(default_factory=dict)  # source -> how to open it
    names: tuple[str, ...] = ()  # what frames and events call the sources; made where not given

    def __post_init__(self) -> None:
        if len(self.names) != len(self.sources):
            names = distinct([shown(source) for source in self.sources])
            object.__setattr__(self, "names", tuple(names))

    def watching(self, *sources: str) -> Plan:
        """Exactly these sources, under names without passwords, no two alike."""
        return replace(self, sources=sources, names=())

    def with_source(self, source: str) -> Plan:
        """One more source; the others keep their names."""
        names = distinct([*self.names, shown(source)])
        return replace(self, sources=(*self.sources, source), names=tuple(names))

    def without(self, name: str) -> Plan:
        """All but the source of this name; the others keep their names."""
        kept = [pair for pair in zip(self.sources, self.names, strict=True) if pair[1] != name]
        return replace(self, sources=tuple(s for s, _ in kept), names=tuple(n for _, n in kept))

    def with_other(self, name: str, source: str) -> Plan:
        """Another source in the place of the one of this name; the others keep their names."""
        others = self.without(name).with_source(source)
        order = list(range(len(others.sources) - 1))
        order.insert(self.names.index(name), len(order))
        sources, names = others.sources, others.names
        return replace(
            self, sources=tuple(sources[i] for i in order), names=tuple(names[i] for i in order)
        )
