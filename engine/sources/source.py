"""What every source of frames has: a name, its properties, an iterator and `close`.

A file, a camera, a stream and a folder of images look the same from here on; only `capture.py`
calls `frames` and `close`, and it does so on the capture thread that owns the decoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, Protocol

from engine.types import Frame

Kind = Literal["video", "camera", "stream", "images"]


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What is known about a source before its first frame."""

    kind: Kind
    size: tuple[int, int]  # (width, height) in pixels of the frames, after rotation
    rotation: int = 0  # degrees clockwise already applied to the frames: 0, 90, 180, 270
    mirrored: bool = False  # the stored picture was mirrored left to right before it was turned
    pixel_aspect: Fraction = Fraction(1)  # width : height of one pixel as it is to be shown
    rate: float | None = None  # frames per second, average
    frames: int | None = None  # how many to expect; None: not known
    duration: float | None = None  # seconds; None: not known or endless
    codec: str = ""
    has_audio: bool = False
    live: bool = False  # frames arrive in real time, read or not
    time_base: Fraction | None = None  # seconds; every Frame.time is a whole multiple of it


class Source(Protocol):
    """Frames in the order in which they are to be shown."""

    @property
    def name(self) -> str:
        """Its name in `Frame.source`."""
        ...

    @property
    def info(self) -> SourceInfo:
        """Properties of the frames to come."""
        ...

    def frames(self) -> Iterator[Frame]:
        """Yield every frame once; called on the capture thread.

        Raises:
            SourceError: after the last frame that could be read, when some could not.
        """
        ...

    def close(self) -> None:
        """Release the decoder or device. May be called twice, and from the capture thread."""
        ...


def files_of(source: Source) -> Sequence[Path]:
    """The local files that a source reads; nothing where it can be read only once."""
    files: Sequence[Path] = getattr(source, "files", ())
    return files


@dataclass(frozen=True, slots=True)
class Stored:
    """A file in an object store."""

    address: str
    version: str  # changes with the content


def stored_of(source: Source) -> Stored | None:
    """The file in an object store that a source reads; None for other sources."""
    stored: Stored | None = getattr(source, "stored", None)
    return stored


def can_be_read_again(source: Source) -> bool:
    """Whether opening it a second time gives the same frames."""
    return bool(files_of(source)) or stored_of(source) is not None


def notes_of(source: Source) -> Sequence[str]:
    """What was unusual about a source, as sentences; complete after its last frame."""
    notes: Sequence[str] = getattr(source, "notes", ())
    return notes
