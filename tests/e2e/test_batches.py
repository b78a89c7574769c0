"""A bad input ends neither the batch nor, where only a side product fails, its own tracks."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.process.batch import process_files
from app.tracks.coco import CocoWriter
from engine.settings import load_settings
from engine.types import Frame
from tests.support.clips import numbered, write_clip, write_sound
from tests.support.walkers_estimator import Walkers, process

ROOT = Path(__file__).parents[2]


@contextmanager
def walkers(settings):
    yield Failing()


class Failing(Walkers):
    """Fails, as no code foresees, at frames of 96 x 96 pixels."""

    def collect(self, ticket):
        if any(frame.size == (96, 96) for frame in ticket):
            raise ValueError("31 is not a valid Type")
        return super().collect(ticket)


def thirty(folder):
    """Thirty inputs, among them bad ones of many kinds; the good ones by name."""
    folder.mkdir()
    good = {f"good{n}.mp4" for n in range(20)}
    for name in good:
        write_clip(folder / name, 3)
    (folder / "empty.mp4").touch()
    (folder / "letter.mp4").write_text("Dear Sir or Madam")
    (folder / "zeros.mp4").write_bytes(bytes(5000))
    write_clip(folder / "unforeseen.mp4", 3, size=(96, 96))
    write_sound(folder / "sound.mp4")
    cut = write_clip(folder / "cut.mp4", 20)
    cut.write_bytes(cut.read_bytes()[:-2000])
    (folder / "loop.mp4").symlink_to(folder / "loop.mp4")
    bad = ["empty", "letter", "zeros", "unforeseen", "sound", "cut"]
    named = [folder / "missing.mp4", folder / ("x" * 5000), folder / "no*thing.mp4"]
    return good, [f"{name}.mp4" for name in bad], named


@pytest.mark.parametrize("workers", [1, 2])
def test_thirty_inputs_with_every_kind_of_bad_one_among_them(tmp_path, workers, capsys):
    from rich.console import Console

    good, bad, named = thirty(tmp_path / "in")
    texts = [str(tmp_path / "in"), *map(str, named)]
    summary = process_files(
        texts,
        tmp_path / "out",
        load_settings(changes=("output.overlay=false",)),
        workers=workers,
        console=Console(stderr=True, width=200),
        open_estimator=walkers,
    )
    assert summary.exit_code == 1
    by_name = {Path(r.source).name: r for r in summary.reports}
    assert all(by_name[name].complete for name in good)
    errors = [r.error for r in summary.reports if not r.complete]
    assert len(errors) == len(summary.reports) - len(good) >= len(bad) + len(named)
    assert all(error and "\n" not in error for error in errors)
    assert all((tmp_path / "out" / name).with_suffix(".ndjson").exists() for name in good)
    assert "unexpected ValueError" in by_name["unforeseen.mp4"].error
    log = (tmp_path / "out" / ".posestream" / "errors.log").read_text()
    assert "unforeseen.mp4" in log
    assert "Traceback" in log
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.count("error:") == len(errors)


def test_a_format_that_fails_leaves_the_tracks_complete(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "clip.mp4", 20)
    formats = 'output.formats=["ndjson","coco"]'

    def fails(self, result):
        raise RuntimeError("a bug of this format")

    with monkeypatch.context() as patched:
        patched.setattr(CocoWriter, "write", fails)
        summary, _ = process([clip], tmp_path / "out", formats)
    [report] = summary.reports
    assert summary.exit_code == 1
    assert report.error is None
    assert "clip.coco.json: unexpected RuntimeError: a bug of this format" in report.missing[0]
    last = json.loads((tmp_path / "out" / "clip.ndjson").read_text().splitlines()[-1])
    assert (last["frames"], last["complete"]) == (20, True)
    summary, engine = process([clip], tmp_path / "out", formats)
    assert (summary.exit_code, engine.frames) == (0, 0)


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mov", "pcm_s16le"), ("ts", "aac"), ("mkv", "vorbis"), ("avi", "mp3")]
)
def test_sound_is_copied_or_encoded(tmp_path, suffix, codec):
    clip = tmp_path / f"clip.{suffix}"
    with_sound(clip, codec)
    [report] = process([clip], tmp_path / "out")[0].reports
    assert (report.error, report.missing, report.frames) == (None, [], 60)
    with av.open(str(tmp_path / "out" / "clip.mp4")) as file:
        times = [frame.time for frame in file.decode(audio=0)]
    assert 1.5 < times[-1] - times[0] < 2.5
    assert len(times) > 40


def with_sound(path, codec, seconds=2.0):
    """A clip of 30 frames a second with sound of this kind."""
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 192, 96, "yuv420p"
        options = {"strict": "experimental"} if codec == "vorbis" else {}
        audio = file.add_stream(codec, rate=48000, layout="stereo", options=options)
        for index in range(round(30 * seconds)):
            file.mux(video.encode(av.VideoFrame.from_ndarray(numbered(index), "rgb24")))
        file.mux(video.encode(None))
        wave = (np.sin(np.arange(int(48000 * seconds)) / 20) * 3000).astype(np.int16)
        for start in range(0, len(wave), 1024):
            both = np.repeat(wave[start : start + 1024], 2)[None]
            frame = av.AudioFrame.from_ndarray(both, "s16", "stereo")
            frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
            file.mux(audio.encode(frame))
        file.mux(audio.encode(None))


def test_joined_transport_streams_keep_their_pictures_and_some_sound(tmp_path):
    with_sound(tmp_path / "a.ts", "aac")
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "a.ts").read_bytes() * 2)
    [report] = process([joined], tmp_path / "out")[0].reports
    assert report.missing == []
    assert report.frames > 100
    with av.open(str(tmp_path / "out" / "joined.mp4")) as file:
        assert len(file.streams.audio) == 1


def test_a_picture_wider_than_the_encoder_can_hold_is_scaled_with_a_note(tmp_path):
    picture = np.full((40, 17000, 3), 90, np.uint8)
    cv2.imwrite(str(tmp_path / "wide.png"), picture)
    from app.overlay.video import OverlayVideo
    from app.tracks.writer import Ending
    from engine.sources.source import SourceInfo
    from engine.types import Result, no_people

    video = OverlayVideo(
        tmp_path / "wide.mp4", SourceInfo("video", (17000, 40), rate=25), lambda f, p: f.pixels
    )
    for index in range(3):
        video.write(Result(Frame(picture, index, index / 25, 0.0, "wide"), no_people(17)))
    video.close(Ending(3))
    assert "scaled to 16384x" in video.note
    with av.open(str(tmp_path / "wide.mp4")) as file:
        assert len(list(file.decode(video=0))) == 3


def test_a_name_with_bytes_that_are_no_characters(tmp_path):
    if sys.platform != "linux":
        pytest.skip("other systems have no such names")
    plain = write_clip(tmp_path / "a.mp4", 3)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4"))
    plain.rename(odd)
    good = write_clip(tmp_path / "good.mp4", 3)
    summary, _ = process([odd, good], tmp_path / "out")
    assert summary.reports[1].complete
    error = summary.reports[0].error
    assert error is None or error.encode()  # printable, one line


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path):
    clips = [write_clip(tmp_path / f"{n}.mp4", 60) for n in "ab"]
    program = (
        "import sys; sys.path.insert(0, '.')\n"
        "from tests.support import slow_walkers\n"
        "if __name__ == '__main__': slow_walkers.run(sys.argv[1:])\n"
    )
    script = tmp_path / "run.py"
    script.write_text(program)
    command = [sys.executable, str(script), str(tmp_path / "out"), *map(str, clips)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    running = subprocess.Popen(command, cwd=ROOT, env=environment)
    try:
        workers = until(lambda: [p for p in children(running.pid) if "spawn_main" in p[1]], 2)
    finally:
        running.kill()
        running.wait()
    until(lambda: [1] if not any(alive(pid) for pid, _ in workers) else [], 1)


def until(found, count, seconds=60.0):
    end = time.monotonic() + seconds
    while len(there := found()) < count:
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return there


def children(parent):
    """(pid, command) of every process this one started."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            command = (stat.parent / "cmdline").read_bytes().decode()
        except OSError:
            continue
        if int(fields[1]) == parent:
            yield int(stat.parent.name), command


def alive(pid):
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
