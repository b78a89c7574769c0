"""What the window and the engine say to each other: plain values and one protocol.

The window makes a `Plan`; `app.live.command` turns it into a `Session` that runs on the engine
thread and answers with results, and with `Event`s for everything that is not a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from app.live.plan import CameraMode, Plan
from app.overlay.look import Look
from app.overlay.marks import MakePlate
from app.overlay.traces import Traces
from engine.settings import EngineSettings, Settings
from engine.skeleton import Skeleton
from engine.types import Frame, Result


@dataclass(frozen=True, slots=True)
class Ready:
    """The engine is loaded."""

    device: str  # for people: "CPU · 2 threads", the card's name
    precision: str
    weights: str
    skeleton: Skeleton
    input_size: int  # short side of the network input, pixels
    suiting: Mapping[str, float] = field(default_factory=dict)  # grouping values unless set
    engine: EngineSettings | None = None  # what was asked for, and works


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
    folder: Path | None = None  # one the sentence is about, to be opened


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file of a recording so far."""

    path: Path
    source: str
    frames: int
    missed: int  # frames its writer was too slow for
    seconds: float  # of the last frame, counted from the first
    error: str | None = None  # why it ended early
    broken: bool = False  # it could not be written to its end: what it holds is uncertain


@dataclass(frozen=True, slots=True)
class Recorded:
    """What the recording holds so far; its files are complete when `running` is False."""

    folder: Path
    running: bool
    files: tuple[RecordedFile, ...] = ()
    free: int | None = None  # bytes left on the disk

    @property
    def seconds(self) -> float:
        """Length of the longest file: it grows only while something is written."""
        return max((file.seconds for file in self.files), default=0.0)

    @property
    def missed(self) -> int:
        """Frames that files are missing, all together."""
        return sum(file.missed for file in self.files)


@dataclass(frozen=True, slots=True)
class EngineFailed:
    """Another model or device could not be used; the previous one continues."""

    text: str
    settings: Settings  # with the engine that runs


@dataclass(frozen=True, slots=True)
class Sent:
    """What one receiver of live results got so far."""

    target: str
    frames: int
    lost: int = 0
    listeners: int | None = None  # None: the protocol does not know
    error: str | None = None  # why nothing is sent any more


@dataclass(frozen=True, slots=True)
class SamePerson:
    """Two numbers of a source turned out to be one person; a file was played out of order."""

    source: str
    before: int  # is not used any more
    now: int


@dataclass(frozen=True, slots=True)
class Flow:
    """What has become of the frames of one source."""

    captured: int = 0
    rate: float = 0.0  # frames captured per second, over the last 2 s
    dropped: int = 0  # by the inbox, for newer ones


Event = Ready | SourceState | Told | Recorded | EngineFailed | Sent | SamePerson
Tell = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What to record, and where."""

    folder: Path
    raw: bool = False  # every picture as it came
    overlay: bool = True  # the pictures with all that is drawn on them
    tracks: bool = True  # NDJSON
    titles: Mapping[str, str] = field(default_factory=dict)  # source -> what files are called
    plates: MakePlate | None = None  # makes texts; None: letters of the overlay's own


class Player(Protocol):
    """The transport of all files that are played. Callable from any thread."""

    @property
    def paused(self) -> bool:
        """Whether the clock stands."""
        ...

    @property
    def ended(self) -> bool:
        """Whether every file has delivered its last frame."""
        ...

    @property
    def duration(self) -> float:
        """Seconds of the longest file; 0 while not known."""
        ...

    def pause(self, paused: bool) -> None:
        """Stop the clock or let it continue."""
        ...

    def step(self, frames: int) -> None:
        """Show the next (1) or the previous (-1) frame, and stay paused."""
        ...

    def seek(self, time: float) -> None:
        """Go to this time, in seconds of the file."""
        ...

    def loop(self, on: bool) -> None:
        """Begin again at the end, or not."""
        ...

    def set_speed(self, speed: float) -> None:
        """Play this many seconds of the file per second."""
        ...


class Session(Protocol):
    """One run of the engine. `results` and `frames` are called on threads of their own.

    Everything else may be called from any thread and returns at once.
    """

    @property
    def player(self) -> Player | None:
        """The transport, if everything that is played is a file."""
        ...

    @property
    def traces(self) -> Mapping[str, Traces]:
        """Of each source, up to the result that `results` yielded last."""
        ...

    def results(self) -> Generator[Result, None, None]:
        """Load the engine, open the sources and yield what is found until the end or a stop."""
        ...

    def frames(self) -> Generator[Frame, None, None]:
        """Yield the newest frame of each source as it is captured, until the end or a stop."""
        ...

    def flows(self) -> Mapping[str, Flow]:
        """What has become of the frames of each source."""
        ...

    def stop(self) -> None:
        """End `results` soon."""
        ...

    def add(self, source: str, name: str) -> None:
        """Watch one more source, or the one of this name again; the others continue."""
        ...

    def remove(self, name: str) -> None:
        """Do not watch this source any more; the others continue."""
        ...

    def change(self, settings: Settings) -> None:
        """Use these values from the next batch on; another model once it is loaded."""
        ...

    def use_cameras(self, cameras: Mapping[str, CameraMode]) -> None:
        """Open sources this way from now on."""
        ...

    def look(self, look: Look) -> None:
        """Draw people this way in recordings, and count them at these zones."""
        ...

    def watch(self, joint: int | None) -> None:
        """Lay the heatmap of a keypoint over the pictures, or with None of none."""
        ...

    def record(self, plan: RecordPlan | None) -> None:
        """Start recording, or with None finish it."""
        ...

    def note(self, source: str, number: int, text: str) -> None:
        """Write a remark about a person into the tracks that are being recorded."""
        ...

    def send(self, targets: frozenset[str]) -> None:
        """Send results to exactly these targets from now on."""
        ...


Start = Callable[[Plan, Tell], Session]
