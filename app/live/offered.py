"""What the window offers to choose from: plain values, made without opening anything slow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# (name of the model, called with bytes here and in all; raises what ends it) downloads a checkpoint
Fetch = Callable[[str, Callable[[int, int], None]], None]


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of this machine, as the source chooser shows it."""

    source: str  # what opens it
    name: str
    modes: tuple[str, ...] = ()  # "1280x720 at 30 fps, MJPG"


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint and its accuracy; what it costs is measured where it runs."""

    name: str
    title: str
    present: bool  # on this machine, or to be fetched
    ap: float | None = None  # COCO AP, 0..1, of exactly this checkpoint
    ap_of: str = ""  # what the AP was measured on, and how


@dataclass(frozen=True, slots=True)
class Better:
    """A checkpoint that is more accurate than what `auto` can use here, and is to be fetched."""

    name: str
    ap: float  # COCO val2017, published, 0..1
    megabytes: int
    on_gpu: bool  # where it would run


@dataclass(frozen=True, slots=True)
class Offer:
    """What the choosers of the window have to offer. Made without opening anything slow."""

    models: Sequence[Model] = ()
    devices: Sequence[tuple[str, str]] = (("auto", "Automatic"), ("cpu", "CPU"))
    demo: Path | None = None
    cameras: Callable[[], Sequence[Camera]] = field(default=lambda: ())  # called off the GUI thread
    fetch: Fetch | None = None  # called off the GUI thread
    # (device, weights) as in the settings; likewise: it may load libraries
    better: Callable[[str, str], Better | None] = field(default=lambda device, weights: None)
    free_space: Callable[[Path], int | None] = field(default=lambda folder: None)  # likewise; bytes
    outputs: Sequence[str] = ()  # schemes of outputs that other packages add
