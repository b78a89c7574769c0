"""Part of a source: from one time to another, or so many frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from engine.errors import SettingsError, SourceError
from engine.sources.source import Source, SourceInfo, Stored, files_of, notes_of, stored_of
from engine.types import Frame


@dataclass(frozen=True, slots=True)
class Part:
    """Which frames of a source."""

    start: float | None = None  # s in the source; earlier frames are left out
    end: float | None = None  # s; this frame and later ones are left out
    frames: int | None = None  # at most so many

    def __post_init__(self) -> None:
        start, end = self.start or 0.0, self.end
        if not 0 <= start < float("inf"):
            raise SettingsError(f"--start must be 0 s or later, got {self.start}")
        if end is not None and not start < end < float("inf"):
            raise SettingsError(f"--end must be later than --start ({start:g} s), got {end:g}")

    @property
    def chosen(self) -> bool:
        """Whether it is less than everything."""
        return self != Part()

    def as_json(self) -> dict[str, Any]:
        """What was chosen, for a header."""
        return {key: value for key, value in asdict(self).items() if value is not None}


WHOLE = Part()


class Excerpt:
    """The frames of a part, with the numbers and times they have in the whole source."""

    def __init__(self, source: Source, part: Part) -> None:
        self.source, self.part = source, part
        self.name = source.name

    @property
    def files(self) -> Sequence[Path]:
        """The source's own."""
        return files_of(self.source)

    @property
    def stored(self) -> Stored | None:
        """The source's own."""
        return stored_of(self.source)

    @property
    def notes(self) -> Sequence[str]:
        """The source's own."""
        return notes_of(self.source)

    @property
    def info(self) -> SourceInfo:
        """The source's, with the number of frames and the duration of the part."""
        info, part = self.source.info, self.part
        end = min((t for t in (part.end, info.duration) if t is not None), default=None)
        duration = None if end is None else max(0.0, end - (part.start or 0.0))
        frames = info.frames
        if part.start or part.end is not None:
            frames = round(duration * info.rate) if duration is not None and info.rate else None
        if part.frames is not None:
            frames = min(part.frames, frames or part.frames)
            duration = frames / info.rate if info.rate else duration
        return replace(info, frames=frames, duration=duration)

    def frames(self) -> Iterator[Frame]:
        """Yield the frames of the part.

        Raises:
            SourceError: some could not be read, or the part has none.
        """
        count = 0
        for frame in self.source.frames():
            if self.part.end is not None and frame.time >= self.part.end:
                break
            if frame.time < (self.part.start or 0.0):
                continue
            yield frame
            count += 1
            if count == self.part.frames:
                return
        if not count:
            raise SourceError(f"{self.name} has no frames in {self._said()}")

    def close(self) -> None:
        """Close the source."""
        self.source.close()

    def _said(self) -> str:
        start, end = self.part.start or 0.0, self.part.end
        return f"{start:g} s to {'its end' if end is None else f'{end:g} s'}"


class Rest:
    """A source of which the first frames have been taken already."""

    def __init__(self, source: Source, frames: Iterator[Frame]) -> None:
        self.name, self.whole, self._frames = source.name, source, frames

    @property
    def info(self) -> SourceInfo:
        """The source's own."""
        return self.whole.info

    def frames(self) -> Iterator[Frame]:
        """What is left."""
        return self._frames

    def close(self) -> None:
        """Close the source."""
        self.whole.close()
