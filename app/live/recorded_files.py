"""The three kinds of files of a recording: picture as it came, picture as seen, tracks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.live.lane import Item, Joined, Remark
from app.overlay.drawing import draw_frame
from app.overlay.look import Look
from app.overlay.marks import MakePlate
from app.overlay.video import OverlayVideo
from app.tracks.ndjson_writer import NdjsonWriter
from app.tracks.renumber import renumber
from app.tracks.writer import Ending
from engine.errors import OutputError
from engine.files import make_folder
from engine.sources.source import SourceInfo
from engine.types import Frame, Poses, Result

Header = Callable[[Result], Mapping[str, Any]]


class RawFile:
    """Every frame that arrived, at its time."""

    def __init__(self, path: Path, first: Item, rate: float | None) -> None:
        self._video = _video(path, first, rate, lambda frame, poses: frame.pixels)
        self.close = self._video.close

    def write(self, item: Item) -> None:
        """Encode one frame."""
        self._video.write(item.result)

    def note(self, remark: Remark) -> None:
        """A video shows what was seen at the time."""


class OverlayFile:
    """Every frame that was analysed, with all that was to be seen on it at that moment."""

    def __init__(
        self, path: Path, first: Item, rate: float | None, plates: MakePlate | None
    ) -> None:
        self._plates, self._item = plates, first
        self._video = _video(path, first, rate, self._draw)
        self.close = self._video.close

    def write(self, item: Item) -> None:
        """Draw and encode one frame."""
        self._item = item
        self._video.write(item.result)

    def note(self, remark: Remark) -> None:
        """A video shows what was seen at the time."""

    def _draw(self, frame: Frame, poses: Poses) -> NDArray[np.uint8]:
        look = self._item.look or Look()
        return draw_frame(frame, poses, look, self._item.traces, self._plates)


class TracksFile:
    """The people of every frame that was analysed, in pixels of the picture as it came."""

    def __init__(self, path: Path, first: Item, header: Header) -> None:
        make_folder(path.parent)
        self._path, self._item = path, first
        self._joined: dict[int, int] = {}  # number no longer used -> the one in its place
        began = datetime.now(UTC).isoformat(timespec="milliseconds")
        facts = {**header(first.result), "recorded": began}
        self._writer = NdjsonWriter(path, facts, raw=True, label=self._label)

    def write(self, item: Item) -> None:
        """Append one frame."""
        self._item = item
        self._writer.write(item.result)

    def note(self, remark: Remark) -> None:
        """Append a note; remember a join until the file is complete."""
        if isinstance(remark, Joined):
            before, now = remark.before, remark.now
            earlier = {old: now if new == before else new for old, new in self._joined.items()}
            self._joined = {**earlier, before: now}
        else:
            self._writer.note(remark.number, remark.text)

    def close(self, ending: Ending) -> None:
        """Append the last line, and give each person one number from the first line on.

        Raises:
            OutputError: the last line, or the file with the joined numbers, cannot be written.
        """
        self._writer.close(ending)
        if not self._joined:
            return
        try:
            renumber(self._path, self._joined)
        except OutputError as error:
            raise OutputError(f"a person keeps two numbers in it: {error}") from error

    def _label(self, number: int) -> str | None:
        names = self._item.look.names if self._item.look else {}
        return names.get((self._item.result.frame.source, number))


def _video(
    path: Path,
    first: Item,
    rate: float | None,
    draw: Callable[[Frame, Poses], NDArray[np.uint8]],
) -> OverlayVideo:
    make_folder(path.parent)
    size = first.result.frame.size
    return OverlayVideo(path, SourceInfo(kind="stream", size=size, rate=rate, live=True), draw)
