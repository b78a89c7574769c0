"""The sources of a live run: opened together, joined and left one by one while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from app.live.plan import CameraMode, Plan
from app.live.protocol import Flow, Player, SourceState, Tell, Told
from app.live.taps import Tapped
from engine.capture import Captures
from engine.errors import PoseError
from engine.inbox import Inbox
from engine.sources.camera import CameraRequest
from engine.sources.paced import Paced
from engine.sources.play_clock import PlayClock
from engine.sources.reconnect import Change
from engine.sources.reported import Reported
from engine.sources.source import Source
from engine.sources.turned import Turned
from engine.types import Frame

OpenSource = Callable[..., Source]


class SourceSet:
    """Opened by the engine thread; everything else may be called from any thread."""

    def __init__(
        self,
        plan: Plan,
        tell: Tell,
        see: Callable[[Frame], None],
        *,
        wanted: CameraRequest | None,
        open_source: OpenSource,
    ) -> None:
        """Open nothing yet.

        Args:
            see: called with every frame on its capture thread.
            wanted: what to ask cameras for.
            open_source: as `engine.sources.live.open_live`.
        """
        self._plan, self._tell, self._see = plan, tell, see
        self._wanted, self._open_source = wanted, open_source
        self._clock = PlayClock(loop=plan.loop, hold=plan.hold, speed=plan.speed)
        self._lock = threading.Lock()
        self._sources: dict[str, Tapped] = {}
        self._ever: dict[str, Tapped] = {}  # also those that have left
        self._inbox: Inbox | None = None
        self._captures: Captures | None = None
        self._closed = False
        self.failed: dict[str, str] = {}  # name -> why nothing more comes from it

    @property
    def sources(self) -> list[Tapped]:
        """What is being read."""
        return list(self._sources.values())

    @property
    def player(self) -> Player | None:
        """The transport, if all that still comes is of files that are played by the clock."""
        files = [paced_in(source) is not None for source in self.sources if not source.over]
        return self._clock if files and all(files) else None

    def flows(self) -> Mapping[str, Flow]:
        """What has become of the frames of each source."""
        dropped = self._inbox.dropped if self._inbox else {}
        return {s.name: Flow(s.captured, s.rate, dropped.get(s.name, 0)) for s in self.sources}

    def source(self, name: str) -> Tapped | None:
        """The source of this name, if it is being read."""
        return self._sources.get(name)

    def ever(self, name: str) -> Tapped:
        """The source of this name, also when it has left: its last results may be on their way."""
        return self._ever[name]

    def open_all(self) -> bool:
        """Prepare the sources of the plan; one that cannot be what its address says is reported.

        Returns:
            whether there is one to be read.
        """
        for text, name in zip(self._plan.sources, self._plan.names, strict=True):
            opened = self._opened_or_told(text, name)
            if opened:
                self._sources[opened.name] = self._ever[opened.name] = opened
        return bool(self._sources)

    def begin(self) -> tuple[Sequence[Tapped], Inbox, Captures]:
        """What the road needs: the sources prepared by now, and what they fill."""
        with self._lock:
            sources = self.sources
            inbox = Inbox([s.name for s in sources], "all" if self._plan.fast else "newest")
            self._inbox, self._captures = inbox, Captures(inbox)
            if self._closed:
                inbox.close()
        return sources, inbox, self._captures

    def add(self, text: str, name: str, started: Callable[[Tapped], None]) -> None:
        """Read one more source, or the one of this name again; opened on a thread of its own."""
        threading.Thread(target=self._add, args=(text, name, started), daemon=True).start()

    def remove(self, name: str) -> None:
        """Read a source no more."""
        source = self._sources.pop(name, None)
        if source:
            source.close()
        if self._inbox:
            self._inbox.forget(name)

    def use(self, modes: Mapping[str, CameraMode]) -> None:
        """How sources are opened from now on."""
        self._plan = replace(self._plan, cameras=modes)

    def close(self) -> None:
        """End the run."""
        with self._lock:
            self._closed = True
        for source in self.sources:
            source.close()
        if self._inbox:
            self._inbox.close()

    def say(self, text: str) -> None:
        """Show the same sentence at every source that has not delivered yet."""
        for source in self.sources:
            self._tell(SourceState(source.name, "opening", text))

    def _add(self, text: str, name: str, started: Callable[[Tapped], None]) -> None:
        self.remove(name)
        self.failed.pop(name, None)
        self._tell(SourceState(name, "opening", "Opening…"))
        source = self._opened_or_told(text, name)
        if source is None:
            return
        with self._lock:
            if self._closed:
                self._tell(Told(f"{source.name} was not added: nothing runs any more.", "warning"))
                return
            self._sources[source.name] = self._ever[source.name] = source
            if self._captures:  # else it is begun with the others, once the network is loaded
                self._captures.join(source)
        started(source)

    def _opened_or_told(self, text: str, name: str) -> Tapped | None:
        try:
            return self._opened(text, name)
        except PoseError as error:
            self._told(Change(name, "failed", str(error)))
            return None

    def _opened(self, text: str, name: str) -> Tapped:
        plan, mode = self._plan, self._plan.cameras.get(text, CameraMode())
        source = self._open_source(
            text,
            self._told,
            fast=plan.fast,
            loop=plan.loop,
            wanted=_asked(self._wanted, mode),
            clock=self._clock,
            name=name,
        )
        if mode.turned:
            source = Turned(source, mode.turned)
        reported = Reported(source, self._told, alone=lambda: len(self._sources) == 1)
        return Tapped(reported, self._see)

    def _told(self, change: Change) -> None:
        if change.status == "failed":
            self.failed[change.source] = change.text
        self._tell(_as_state(change))


def paced_in(source: object) -> Paced | None:
    """The file that is played by the clock, under what was wrapped around it."""
    while source is not None and not isinstance(source, Paced):
        source = getattr(source, "inner", None)
    return source


def _asked(wanted: CameraRequest | None, mode: CameraMode) -> CameraRequest | None:
    if mode.size is None and mode.rate is None:
        return wanted
    usual = wanted or CameraRequest()
    width, height = mode.size or (usual.width, usual.height)
    return replace(usual, width=width, height=height, rate=mode.rate or usual.rate)


def _as_state(change: Change) -> SourceState:
    info = change.info
    mode = ""
    if info:
        rate = f", {info.rate:g} fps" if info.rate else ""
        mode = f"{info.size[0]}x{info.size[1]}{rate}, {info.codec}"
    return SourceState(
        change.source,
        change.status,
        change.text,
        duration=info.duration if info else None,
        rate=info.rate if info else None,
        mode=mode,
    )
