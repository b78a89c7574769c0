"""Records a live run without slowing it: a folder with up to three files per source.

The picture as it came is taken on the capture thread, so it holds every frame that arrived; the
picture with skeletons and the tracks follow the engine. Each file has a queue and a thread of its
own, drops by itself, and ends by itself when it cannot be written.
"""

from __future__ import annotations

import re
import shutil
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from app.live.lane import Item, Joined, Lane, Note
from app.live.protocol import Recorded, RecordPlan, Tell, Told
from app.live.record_clock import RecordClock
from app.live.recorded_files import Header, OverlayFile, RawFile, TracksFile
from app.overlay.look import Look
from app.overlay.traces import Traces
from engine.offline.recording import unseen_frame
from engine.types import Frame, Result, no_people

_SAY = 0.5  # s between reports
_LITTLE = 500 << 20  # bytes of disk space that are worth a warning while recording


@dataclass(eq=False)
class _Source:
    """The files of one source."""

    clock: RecordClock
    raw: Lane | None = None
    overlay: Lane | None = None
    tracks: Lane | None = None

    lanes: list[Lane] = field(default_factory=list)  # all that were begun


class Recorder:
    """Frames go in with `arrived` and `add`; `finish` completes the files in the background."""

    def __init__(self, plan: RecordPlan, header: Header, look: Look, tell: Tell) -> None:
        """Begin; files are created when their first frame comes.

        Args:
            header: gives the tracks' header for a result.
            look: how people are drawn, at first.
        """
        self._plan, self._header, self._tell = plan, header, tell
        self._look = look
        self._began = time.perf_counter()
        self._sources: dict[str, _Source] = {}
        self._ended: list[_Source] = []
        self._names: set[str] = set()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._warned = False
        self._reporter = threading.Thread(target=self._report, name="recording", daemon=True)
        self._reporter.start()

    def begin(self, source: str, *, seeks: bool, rate: float | None) -> None:
        """Record this source from now on.

        Args:
            seeks: it is a file that may be looped or moved.
            rate: its frames per second, if known.
        """
        with self._lock:
            if source not in self._sources and not self._closed.is_set():
                self._sources[source] = self._open(source, seeks, rate)

    def end(self, source: str, error: str | None = None) -> None:
        """Complete the files of a source, which failed if there is an error; others continue."""
        with self._lock:
            ended = self._sources.pop(source, None)
            if ended:
                self._ended.append(ended)
        for lane in ended.lanes if ended else ():
            lane.end(error)

    def arrived(self, frame: Frame) -> None:
        """A frame was captured. Capture thread; returns at once."""
        source = self._sources.get(frame.source)
        if source and frame.arrived >= self._began:
            moved = source.clock.frame(frame)
            source.clock.arrived += 1
            if source.raw and moved:
                source.raw.put(Item(Result(moved, no_people(1))))

    def add(self, result: Result, traces: Traces) -> None:
        """A frame has been analysed. Engine thread; returns at once."""
        source = self._sources.get(result.frame.source)
        if not source or result.frame.arrived < self._began:
            return
        frame = source.clock.frame(result.frame)
        if frame is None:
            return
        if source.overlay:
            source.overlay.put(Item(replace(result, frame=frame), traces, self._look))
        if source.tracks:
            light = unseen_frame(
                frame.size, frame.index, frame.time, segment=frame.segment, source=frame.source
            )
            source.tracks.put(Item(replace(result, frame=light), traces, self._look))

    def look(self, look: Look) -> None:
        """Draw people this way from now on; blurred heads end pictures as they came."""
        self._look = look
        if look.display.blur_heads:
            for source in list(self._sources.values()):
                if source.raw:
                    source.raw.end("heads are blurred from here on")
                    source.raw = None

    def note(self, source: str, number: int, text: str) -> None:
        """Put a remark about a person into the tracks, at the frame that comes next."""
        known = self._sources.get(source)
        if known and known.tracks:
            known.tracks.put(Note(number, text))

    def join(self, source: str, before: int, now: int) -> None:
        """Two numbers are one person: the finished tracks have the second one throughout."""
        known = self._sources.get(source)
        if known and known.tracks:
            known.tracks.put(Joined(before, now))

    def finish(self, failed: Mapping[str, str], error: str | None = None) -> None:
        """Write what waits and complete the files, in the background; `Recorded` says when.

        Args:
            failed: of sources that did, why; it stands in the last line of their tracks.
            error: why all of them end, if that was not asked for.
        """
        with self._lock:
            self._closed.set()
        for name, source in self._sources.items():
            for lane in source.lanes:
                lane.end(failed.get(name, error))

    def wait(self, seconds: float) -> bool:
        """Wait until all files are complete."""
        self._reporter.join(seconds)
        return not self._reporter.is_alive()

    def _open(self, source: str, seeks: bool, rate: float | None) -> _Source:
        plan = self._plan
        stem = self._free_name(plan.titles.get(source) or source)
        clock = RecordClock(seeks=seeks)
        opened = _Source(clock)
        lane = partial(Lane, source, failed=self._failed, arrived=lambda: clock.arrived)
        file = plan.folder / stem
        if plan.tracks:
            tracks = partial(TracksFile, header=self._header)
            opened.tracks = lane(file.with_name(f"{stem}.ndjson"), tracks, pictures=False)
        if plan.overlay:
            overlay = partial(OverlayFile, rate=rate, plates=plan.plates)
            opened.overlay = lane(file.with_name(f"{stem} overlay.mp4"), overlay)
        if plan.raw and not self._look.display.blur_heads:
            opened.raw = lane(file.with_name(f"{stem}.mp4"), partial(RawFile, rate=rate))
        opened.lanes = [lane for lane in (opened.raw, opened.overlay, opened.tracks) if lane]
        return opened

    def _free_name(self, title: str) -> str:
        """A file name that no other file of this recording has; letter case is ignored."""
        stem = file_stem(title)
        name, number = stem, 1
        while name.casefold() in self._names:
            number += 1
            name = f"{stem}-{number}"
        self._names.add(name.casefold())
        return name

    def _failed(self, path: Path, text: str) -> None:
        self._tell(Told(f"{path.name} is not recorded any more: {text}", "error"))

    def _report(self) -> None:
        self._say(running=True)
        while not self._closed.wait(_SAY):
            self._say(running=True)
        for source in (*self._ended, *self._sources.values()):
            for lane in source.lanes:
                lane.wait()
        self._say(running=False)

    def _say(self, *, running: bool) -> None:
        free = free_space(self._plan.folder)
        if running and free is not None and free < _LITTLE and not self._warned:
            self._warned = True
            left = f"{free >> 20} MB are left where the recording is written"
            self._tell(Told(f"Little disk space: {left}.", "warning"))
        sources = (*self._ended, *self._sources.values())
        files = tuple(lane.state for source in sources for lane in source.lanes)
        written = tuple(file for file in files if file.frames or file.error)
        self._tell(Recorded(self._plan.folder, running, written, free))


def file_stem(title: str) -> str:
    """A file name from what a source is called, without odd characters.

    All of an address is kept: the last part of its path is the same for every camera.
    """
    name = title.partition("?")[0].rstrip("/")
    if "://" in name:
        name = name.partition("://")[2].rpartition("@")[2]
    else:
        name = Path(name.replace("\\", "/")).stem or name
    return re.sub(r"[^\w.-]+", "_", name).strip("_.")[:80] or "source"


def free_space(folder: Path) -> int | None:
    """Bytes that are left where this folder is or will be; None where the system does not say."""
    there = next((path for path in (folder, *folder.parents) if path.is_dir()), None)
    try:
        return shutil.disk_usage(there).free if there else None
    except OSError:
        return None
