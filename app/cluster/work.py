"""What is to be done with one input, as values that travel to any machine."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from app.process.inputs import Job
from app.process.outcome import Outcome
from app.process.outputs import Outputs
from engine.settings import Settings
from engine.skeleton import Skeleton
from engine.sources.segments import Segment
from engine.sources.source import SourceInfo

Opener = Callable[[Settings], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class CheckpointFacts:
    """What results say of the weights."""

    name: str
    sha256: str
    network_name: str


@dataclass(frozen=True, slots=True)
class DeviceFacts:
    """What results say of the device."""

    name: str


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """An estimator's description, where there is no estimator."""

    skeleton: Skeleton
    batch: int
    input_size: int
    checkpoint: CheckpointFacts
    device: DeviceFacts


@dataclass(frozen=True, slots=True)
class Work:
    """One input, the files to make of it, and how."""

    job: Job
    files: Outputs
    store: str  # address of a folder that every machine reaches, for parts of this input
    shared: str  # address of a file that every machine must see
    settings: Settings
    facts: EngineFacts
    open_estimator: Opener
    force: bool = False
    deliver: str | None = None  # address of the output folder, if it is not local

    @property
    def overlay_path(self) -> str:
        """Where the overlay goes, for messages."""
        overlay = self.files.overlay
        path = overlay.path if overlay is not None else self.files.folder
        return f"{self.deliver}/{path.name}" if self.deliver else str(path)

    def part(self, kind: str, number: int) -> str:
        """The address of one part."""
        return f"{self.store}/{kind}-{number:06d}"


@dataclass(frozen=True, slots=True)
class Survey:
    """How an input is divided; without segments it is done in one piece."""

    key: str = ""  # of all that detections depend on
    name: str = ""  # of the source
    info: SourceInfo | None = None
    content: str = ""  # stands for the input's content
    segments: tuple[Segment, ...] = ()
    drawn: tuple[Segment, ...] = ()  # parts of the overlay
    up_to_date: bool = False
    frames: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """A function to run on some machine."""

    title: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    engine: bool = False  # it needs the device
    shared: bytes = b""  # arguments before these, pickled once for many calls


def packed(call: Call) -> bytes:
    """A call to send; `unpacked` gives it back."""
    return pickle.dumps((call.function, call.shared, call.arguments))


def unpacked(data: bytes) -> Callable[[], Any]:
    """What calls the function with all its arguments."""
    function, shared, arguments = pickle.loads(data)
    return partial(function, *(pickle.loads(shared) if shared else ()), *arguments)


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that gave nothing."""

    text: str
    trace: str = ""  # of an error that was not foreseen


@dataclass(frozen=True, slots=True)
class Detected:
    """A segment that was detected."""

    frames: int = 0
    first: tuple[int, float] = (0, 0.0)  # index and time in s
    last: tuple[int, float] = (0, 0.0)
    unsound: str = ""  # why it cannot be used


@dataclass(frozen=True, slots=True)
class Associated:
    """An input whose tracks are written."""

    report: Outcome
    drawn: bool  # the people of the overlay are stored, to be drawn


@dataclass(slots=True)
class Batch:
    """Calls that a flow waits for; their answers come in their order."""

    calls: Iterable[Call]
    enough: Callable[[Any], bool] = field(default=lambda answer: False)  # the rest is not needed


def key_of(*parts: Any) -> str:
    """A hash of JSON values."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def address_of(folder: Path | str) -> str:
    """The address of a folder, local or stored."""
    text = str(folder)
    return text.rstrip("/") if "://" in text else f"file://{Path(text).resolve()}"
