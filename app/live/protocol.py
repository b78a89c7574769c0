"""What the window and the engine say to each other: plain values and one protocol.

The window makes a `Plan`; `app.live.command` turns it into a `Session` that runs on the engine
thread and answers with results, and with `Event`s for everything that is not a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.sources.addresses import shown
from engine.types import Frame, Result

Picture = NDArray[np.uint8]  # (h, w, 4) BGRX, C-contiguous: what QImage.Format_RGB32 reads


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: the sources, and every setting at the start."""

    sources: tuple[str, ...]
    settings: Settings
    fast: bool = False  # play files as fast as the engine can instead of by their clock
    loop: bool = False  # begin files again at their end

    @property
    def names(self) -> tuple[str, ...]:
        """What frames and events call the sources: without passwords."""
        return tuple(shown(source) for source in self.sources)


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded."""

    device: str  # for people: "CPU · 2 threads", the card's name
    precision: str
    weights: str
    skeleton: Skeleton
    input_size: int  # short side of the network input, pixels
    suiting: Mapping[str, float] = field(default_factory=dict)  # grouping values unless set


SourceStatus = Literal["opening", "live", "reconnecting", "ended", "failed"]


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source opened, was lost, came back or ended."""

    source: str
    status: SourceStatus
    text: str  # a sentence
    duration: float | None = None  # seconds, of files
    rate: float | None = None  # frames per second
    mode: str = ""  # as negotiated: "1280x720, 30 fps, MJPG"


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence for the person at the screen."""

    text: str
    level: Literal["info", "warning", "error"] = "info"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the recording holds so far; `files` are complete when `running` is False."""

    seconds: float
    frames: int
    missed: int  # frames the encoder was too slow for
    running: bool
    files: tuple[Path, ...] = ()


Event = Ready | SourceState | Told | Recorded
Tell = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What to record, and where."""

    folder: Path
    raw: bool = False  # the pictures as they came
    overlay: bool = True  # the pictures with skeletons
    tracks: bool = True  # NDJSON


class Player(Protocol):
    """The transport of a file that is played by its clock. Callable from any thread."""

    @property
    def paused(self) -> bool:
        """Whether the clock stands."""
        ...

    def pause(self, paused: bool) -> None:
        """Stop the clock or let it go on."""
        ...

    def step(self, frames: int) -> None:
        """Show the next (1) or the previous (-1) frame, and stay paused."""
        ...

    def seek(self, time: float) -> None:
        """Go to this time, in seconds of the file."""
        ...


class Session(Protocol):
    """One run of the engine. `results` and `picture` belong to the engine thread."""

    @property
    def player(self) -> Player | None:
        """The transport, if everything that is played is a file."""
        ...

    def results(self) -> Generator[Result, None, None]:
        """Load the engine, open the sources and yield what is found until the end or a stop."""
        ...

    def picture(self, frame: Frame, size: tuple[int, int]) -> Picture:
        """The frame's picture in the largest size that fits (width, height) screen pixels."""
        ...

    def stop(self) -> None:
        """End `results` soon; returns at once. Any thread."""
        ...

    def change(self, settings: Settings) -> None:
        """Use these thresholds and filters from the next batch on. Any thread."""
        ...

    def watch(self, joint: int | None) -> None:
        """Lay the heatmap of a keypoint over the pictures, or with None of none. Any thread."""
        ...

    def record(self, plan: RecordPlan | None) -> None:
        """Start recording, or with None finish it. Returns at once; any thread."""
        ...


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
class Offer:
    """What the choosers of the window have to offer. Made without opening anything slow."""

    models: Sequence[Model] = ()
    devices: Sequence[tuple[str, str]] = (("auto", "Automatic"), ("cpu", "CPU"))
    demo: Path | None = None
    cameras: Callable[[], Sequence[Camera]] = field(default=lambda: ())  # called off the GUI thread


Start = Callable[[Plan, Tell], Session]
