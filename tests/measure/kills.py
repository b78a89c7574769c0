"""Kill -9 and power cuts: what a rerun makes of what is left.

    python -m tests.measure.kills [--times 20] [process edit eval train recording]

A child is killed at a random moment. In half of the trials a file that it left is then emptied, cut
or zeroed, as a power cut may do. The work is run again: its result must be that of a run that was
never stopped, or one clear line, after which `--force` gives it. Eval and train are tried at their
journal and their saved state. Children are forked, so that nothing is imported again.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import torch

from app.evaluation.journal import EvaluationJournal
from app.overlay.video import OverlayVideo
from app.tracks.convert import convert
from app.tracks.edits import Edit, EditedTracks
from app.tracks.ndjson_writer import NdjsonWriter, header_of
from app.tracks.sink import Sink
from app.tracks.table import FORMATS, read
from engine.errors import PoseError
from engine.skeleton import COCO
from engine.sources.source import SourceInfo
from engine.training.checkpoint import load_state, save_state
from engine.types import Frame, Result
from tests.support.clips import numbered, write_clip
from tests.support.folders import contents
from tests.support.walkers_estimator import Walkers, people, process

FORMATS_USED = ("ndjson", "csv", "parquet", "coco", "openpose", "trc", "mot")
CHANGES = ("output.formats=" + str(list(FORMATS_USED)).replace("'", '"'),)
INFO = SourceInfo("video", (192, 96), rate=30)


def killed(work: Callable[[], object], seconds: float) -> bool:
    """Run `work` in a child and kill it after so long; whether it was killed at work."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def damage(folder: Path, chance: random.Random) -> str:
    """Empty, cut or zero a file, in half of the trials; what was done."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    if not files or chance.random() < 0.5:
        return ""
    file, how = chance.choice(files), chance.choice(("emptied", "cut", "zeroed"))
    whole = file.read_bytes()
    at = chance.randrange(len(whole))
    file.write_bytes(
        {"emptied": b"", "cut": whole[:at]}.get(how, whole[:at] + bytes(len(whole) - at))
    )
    return f"{how} {file.relative_to(folder)}"


class Trials:
    """One kind of work, tried several times."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance

    def process(self) -> str:
        """Tracks in seven formats and an overlay."""
        clip, whole = self.folder / "clip.mp4", self.folder / "whole"
        if not whole.exists():
            write_clip(clip, 150, sound=True)
            process([clip], whole, *CHANGES)
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        work = lambda: process([clip], out, *CHANGES, walkers=Walkers(0.004))  # noqa: E731
        was_killed = killed(work, self.chance.uniform(0.1, 4.0))
        done = damage(out, self.chance)
        [report] = process([clip], out, *CHANGES)[0].reports
        line = report.error
        if line is not None:
            if "--force" not in line and "process it again" not in line:
                return f"WRONG: {line} after {done}"
            process([clip], out, *CHANGES, force=True)
        same = contents(out) == contents(whole)
        return _verdict(same, line, was_killed, done)

    def edit(self) -> str:
        """Tracks, log and other formats after two edits."""
        base = self.folder / "base"
        if not base.exists():
            clip = write_clip(self.folder / "clip.mp4", 150)
            process([clip], base, "output.overlay=false")
            convert(base / "clip.ndjson", "trc,mot")
            states = []
            shutil.copytree(base, self.folder / "edited")
            for edit in ((), Edit("swap", (0, 1), 1.0), Edit("rename", (2, 7))):
                if edit:
                    EditedTracks(self.folder / "edited" / "clip.ndjson").add(edit)
                states.append(contents(self.folder / "edited"))
            self.states = states
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(base, out)

        def work() -> None:
            for edit in (Edit("swap", (0, 1), 1.0), Edit("rename", (2, 7))):
                EditedTracks(out / "clip.ndjson").add(edit)

        was_killed = killed(work, self.chance.uniform(0.0, 1.2))
        done = damage(out, self.chance) if self.chance.random() < 0.5 else ""
        line = None
        try:
            EditedTracks(out / "clip.ndjson")
        except PoseError as error:
            line = str(error)
        if line is not None:
            return _verdict(True, line, was_killed, done)
        if done:  # perhaps to a file that is only recorded; the tracks must be those of a moment
            tracks = [state["clip.ndjson"] for state in self.states]
            same = (out / "clip.ndjson").read_bytes() in tracks
            return _verdict(same, None, was_killed, done)
        return _verdict(contents(out) in self.states, line, was_killed, done)

    def eval(self) -> str:
        """The journal of an evaluation."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        rows = {image: [{"score": image / 7, "keypoints": [0.5] * 51}] for image in range(400)}

        def work() -> None:
            with EvaluationJournal(out, {"weights": "a"}, 400, resume=True) as journal:
                for image in rows.keys() - journal.rows.keys():
                    journal.add(image, rows[image])  # type: ignore[arg-type]
                    time.sleep(0.001)

        was_killed = killed(work, self.chance.uniform(0.0, 0.8))
        done = damage(out, self.chance)
        line = None
        try:
            work()
        except PoseError as error:
            line = str(error)
            with EvaluationJournal(out, {"weights": "a"}, 400, resume=True, force=True):
                pass
            work()
        with EvaluationJournal(out, {"weights": "a"}, 400, resume=True) as journal:
            return _verdict(journal.rows == rows, line, was_killed, done)

    def train(self) -> str:
        """The saved state of a training run."""
        file = self.folder / "out" / "state.pt"
        shutil.rmtree(file.parent, ignore_errors=True)

        def work() -> None:
            for step in range(1, 1000):
                save_state(file, {"step": step, "values": torch.full((20_000,), float(step))})

        was_killed = killed(work, self.chance.uniform(0.05, 1.0))
        done = damage(file.parent, self.chance) if file.exists() else ""
        line, same = None, True
        try:
            state = load_state(file)
            same = bool((state["values"] == state["step"]).all())
        except PoseError as error:
            line = str(error)
        return _verdict(same, line, was_killed, done)

    def recording(self) -> str:
        """Tracks and a video that are being recorded: what is there can be read, or says so."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)

        def work() -> None:
            tracks = NdjsonWriter(
                out / "a.ndjson", header_of("a", INFO, COCO.names, COCO.limbs), raw=True
            )
            video = OverlayVideo(out / "a.mp4", INFO, lambda frame, poses: frame.pixels)
            with Sink(tracks, video) as sink:
                for index in range(2000):
                    frame = Frame(numbered(index % 1000), index, index / 30, 0.0, "a")
                    sink.write(Result(frame, people(index)))

        was_killed = killed(work, self.chance.uniform(0.2, 1.5))
        done = damage(out, self.chance)
        line = None
        try:
            indices = [
                result.frame.index for result in read(out / "a.ndjson", FORMATS["ndjson"])[1]
            ]
            same = all(b == a + 1 for a, b in pairwise(indices))
        except PoseError as error:
            line, same = str(error), True
        return _verdict(same, line, was_killed, done)


def _verdict(same: bool, line: str | None, was_killed: bool, done: str) -> str:
    if not same:
        return f"WRONG: another result ({done or 'killed'}; {line})"
    if line is not None and "\n" in line:
        return f"WRONG: more than a line: {line}"
    first = "killed" if was_killed else "ended"
    return f"{first}{' and damaged' if done else ''}: {'identical' if line is None else 'one line'}"


def main(arguments: Iterable[str] | None = None) -> None:
    """Print how the trials of each kind ended; the exit code is 1 if one went wrong."""
    kinds = ("process", "edit", "eval", "train", "recording")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=kinds, choices=(*kinds, []))
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args(list(arguments) if arguments is not None else None)
    wrong = False
    for kind in options.kinds or kinds:
        chance = random.Random(1)
        with tempfile.TemporaryDirectory() as folder:
            trials = Trials(Path(folder), chance)
            found = Counter(getattr(trials, kind)() for _ in range(options.times))
        print(f"{kind}: {dict(sorted(found.items()))}", flush=True)
        wrong = wrong or any(verdict.startswith("WRONG") for verdict in found)
    sys.exit(int(wrong))


if __name__ == "__main__":
    main()
