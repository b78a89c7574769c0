"""Records a live run without slowing it: pictures are encoded on a thread of their own.

Frames wait in a queue of bounded length. When the encoder cannot keep up, frames are missed and
counted; the picture on the screen never waits for the disk.
"""

from __future__ import annotations

import queue
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.live.protocol import Recorded, RecordPlan, Tell, Told
from app.overlay.drawing import draw
from app.overlay.video import OverlayVideo
from app.tracks.ndjson_writer import NdjsonWriter
from app.tracks.writer import Ending, Writer
from engine.errors import PoseError
from engine.settings import DisplaySettings
from engine.skeleton import Skeleton
from engine.sources.source import SourceInfo
from engine.types import Result

_WAITING = 16  # frames; at 1080p about 100 MB
_SAY = 0.5  # s between reports


class Recorder:
    """Files of one recording, in a folder of their own."""

    def __init__(
        self,
        plan: RecordPlan,
        header: Callable[[Result], Mapping[str, Any]],
        skeleton: Skeleton,
        display: DisplaySettings,
        tell: Tell,
    ) -> None:
        self._plan, self._header, self._tell = plan, header, tell
        self._skeleton, self._display = skeleton, display
        self._queue: queue.Queue[Result | None] = queue.Queue(_WAITING)
        self._writers: dict[str, list[Writer]] = {}
        self._files: list[Path] = []
        self._frames = self._people = self._missed = 0
        self._began = self._said = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    def add(self, result: Result) -> None:
        """Record a frame, or count it as missed. Engine thread; returns at once."""
        try:
            self._queue.put_nowait(result)
        except queue.Full:
            self._missed += 1

    def finish(self) -> None:
        """Write what waits and close the files, in the background; `Recorded` says when."""
        threading.Thread(target=self._queue.put, args=(None,), daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait until the files are complete."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._report(running=True)
        error: str | None = None
        while (result := self._queue.get()) is not None:
            if error is None:
                error = self._written(result)
            if time.monotonic() - self._said > _SAY:
                self._report(running=True)
        self._close(error)
        self._report(running=False)

    def _written(self, result: Result) -> str | None:
        """Write a frame; the text of an error, which ends the recording but not the picture."""
        try:
            source = result.frame.source
            if source not in self._writers:
                self._writers[source] = []
                self._begin(result)
            for writer in self._writers[source]:
                writer.write(result)
        except (PoseError, OSError) as error:
            self._tell(Told(f"The recording has stopped: {error}", "error"))
            return str(error)
        self._frames += 1
        self._people += len(result.poses)
        return None

    def _begin(self, result: Result) -> None:
        """Open the files of a source at its first frame."""
        frame, plan = result.frame, self._plan
        writers = self._writers[frame.source]
        plan.folder.mkdir(parents=True, exist_ok=True)
        info = SourceInfo(kind="stream", size=frame.size, live=True)
        stem = _file_name(frame.source)
        if plan.tracks:
            header = self._header(result)
            writers.append(NdjsonWriter(self._file(f"{stem}.ndjson"), header, raw=True))
        if plan.overlay:
            file = self._file(f"{stem} overlay.mp4")
            writers.append(
                OverlayVideo(
                    file,
                    info,
                    lambda f, poses: draw(f.pixels, poses, self._skeleton, self._display),
                )
            )
        if plan.raw:
            file = self._file(f"{stem}.mp4")
            writers.append(OverlayVideo(file, info, lambda f, poses: f.pixels))

    def _file(self, name: str) -> Path:
        self._files.append(self._plan.folder / name)
        return self._files[-1]

    def _close(self, error: str | None) -> None:
        ending = Ending(self._frames, self._people, self._missed, error)
        for writers in self._writers.values():
            for writer in writers:
                try:
                    writer.close(ending)
                except PoseError as failure:
                    self._tell(Told(f"A recording is not complete: {failure}", "error"))

    def _report(self, *, running: bool) -> None:
        self._said = time.monotonic()
        seconds = self._said - self._began
        files = tuple(self._files)
        self._tell(Recorded(seconds, self._frames, self._missed, running, files))


def _file_name(source: str) -> str:
    """A file name for a source: the last part of a path or an address, without odd characters."""
    last = source.rstrip("/").replace("\\", "/").rpartition("/")[2].partition("?")[0]
    stem = last.rpartition(".")[0] or last
    return re.sub(r"[^\w.-]+", "_", stem).strip("_.") or "source"
