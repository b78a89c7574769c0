"""Named streams to watch on a cluster, from a TOML file; sources that restart when they fail."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.errors import SettingsError
from engine.sources.reconnect import Change
from engine.sources.source import Source, SourceInfo
from engine.types import Frame

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0  # s before a restart; doubled from one to the next


class Feed(BaseModel):
    """One stream and where its results go."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(min_length=1)  # what `live` takes
    out: str = Field(min_length=1)  # a file, udp://… or ws://…
    rate: float = Field(default=15.0, gt=0, le=1000)  # frames per second to plan for
    name: str = ""


def read_feeds(file: Path) -> list[Feed]:
    """The streams of a file: a table per stream, named after it.

    Raises:
        SettingsError: it cannot be read, is not TOML, or a table is not a stream; names the place.
    """
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {file}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    feeds = [_feed(file, name, table) for name, table in tables.items()]
    if not feeds:
        raise SettingsError(f"{file} names no stream; see docs/cluster.md, Cameras")
    outs = [feed.out for feed in feeds]
    if "-" in outs:
        raise SettingsError(f"{file}: a stream on a cluster has no standard output; name a file")
    twice = next((out for out in outs if outs.count(out) > 1), None)
    if twice is not None:
        raise SettingsError(f"{file}: two streams write to {twice}; give each its own `out`")
    return feeds


def _feed(file: Path, name: str, table: object) -> Feed:
    if not isinstance(table, dict):
        raise SettingsError(f"{file}: {name} must be a table: [{name}] with source and out")
    try:
        return Feed.model_validate({**table, "name": name})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join([name, *map(str, first["loc"])])
        raise SettingsError(f"{file}: {where}: {first['msg']}") from error


@dataclass(slots=True)
class Health:
    """How a stream is doing."""

    state: str = "opening"  # opening, live, reconnecting, failed, ended
    text: str = ""  # why it failed
    restarts: int = 0

    def take(self, change: Change) -> None:
        """Take note of a source that is lost and comes back by itself."""
        if change.status == "reconnecting":
            self.restarts += self.state == "live"
            self.state, self.text = "reconnecting", change.text


class Restarting:
    """Opens a source again, after a pause that doubles, when it fails."""

    def __init__(self, name: str, opener: Callable[[], Source], health: Health) -> None:
        """Open nothing yet: that is for the capture thread."""
        self.name, self.health = name, health
        self.info = SourceInfo(kind="stream", size=(0, 0), live=True)
        self._open = opener
        self._closed = threading.Event()
        self._source: Source | None = None

    def frames(self) -> Iterator[Frame]:
        """Yield frames until closed, or until a file ends."""
        pause, base, last = FIRST_PAUSE, 0, -1  # segments
        while not self._closed.is_set():
            try:
                for frame in self._opened().frames():
                    self.health.state, self.health.text, pause = "live", "", FIRST_PAUSE
                    last = base + frame.segment
                    yield replace(frame, source=self.name, segment=last)
            except Exception as error:  # noqa: BLE001 - one stream must not end the others
                self.health.state, self.health.text = "failed", str(error) or type(error).__name__
            else:
                self.health.state = "ended"
                return
            self._give_back()
            self.health.restarts += 1
            base = last + 1
            self._closed.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def close(self) -> None:
        """End it; may be called twice, and from another thread."""
        self._closed.set()
        self._give_back()

    def _opened(self) -> Source:
        self._source = source = self._open()
        self.info = source.info
        return source

    def _give_back(self) -> None:
        source, self._source = self._source, None
        if source is not None:
            source.close()
