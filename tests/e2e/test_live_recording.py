"""Recordings decoded back: frames, times and people are what was counted."""

import json
import threading
import time
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

import app.live.recording
from app.live.plan import Plan
from app.live.protocol import Recorded, RecordPlan, SamePerson, Told
from app.live.recording import Recorder, file_stem
from app.live.session import LiveSession
from app.live.swap import open_suited
from app.overlay.drawing import draw_frame
from app.overlay.look import Look, Zone
from engine.errors import DeviceError, PoseError, SourceError
from engine.settings import DisplaySettings, Settings
from engine.sources.paced import Paced
from engine.sources.source import SourceInfo
from engine.types import UNTRACKED, Frame
from tests.support.live_fakes import SMALL, Bench
from tests.support.stream_servers import MjpegServer
from tests.support.waiting import until


def recorded(folder: Path, stem: str):
    """Times of each video and the lines of the tracks."""
    lines = [json.loads(line) for line in (folder / f"{stem}.ndjson").read_text().splitlines()]
    return lines, {name: times(folder / f"{stem}{name}.mp4") for name in ("", " overlay")}


def times(path: Path) -> list[float]:
    if not path.exists():
        return []
    with av.open(str(path)) as video:
        return [frame.time for frame in video.decode(video=0)]


class Watching:
    """A session whose results are taken on a thread."""

    def __init__(self, session):
        self.session, self.results, self.error = session, [], None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.session.stop()
        self._thread.join(20)
        assert not self._thread.is_alive()

    def _run(self):
        try:
            with closing(self.session.results()) as results:
                for result in results:
                    self.results.append(result)
        except PoseError as error:
            self.error = error

    def see(self, count, source=None):
        """Wait for so many more results."""
        before = self.count(source)
        until(lambda: self.count(source) >= before + count, 20)

    def count(self, source=None):
        return sum(source in (None, r.frame.source) for r in self.results)


def saved(bench) -> dict[str, int]:
    done = bench.said(Recorded)[-1]
    assert not done.running
    return {file.path.name: file.frames for file in done.files}


def whole(folder: Path, stem: str, counted: dict[str, int], people: int = 1):
    """Every file holds what was counted, from 0 on and forwards."""
    lines, videos = recorded(folder, stem)
    frames = [line for line in lines if line["type"] == "frame"]
    assert lines[-1]["type"] == "end"
    assert lines[-1]["frames"] == len(frames) == counted[f"{stem}.ndjson"]
    assert lines[-1]["people"] == sum(len(f["people"]) for f in frames) == people * len(frames)
    for name, stamps in (*videos.items(), (".ndjson", [f["time"] for f in frames])):
        if stamps:
            file = name if name == ".ndjson" else f"{name}.mp4"
            assert len(stamps) == counted[f"{stem}{file}"]
            assert 0 <= stamps[0] < 0.2
            assert all(a < b for a, b in pairwise(stamps))
    return lines, videos


def test_two_servers_whose_addresses_end_alike_get_files_of_their_own(tmp_path):
    bench = Bench()
    with (
        MjpegServer() as one,
        MjpegServer() as two,
        Watching(bench.session(one.url, two.url)) as watching,
    ):
        watching.see(5, one.url)
        watching.see(5, two.url)
        watching.session.record(RecordPlan(tmp_path, raw=True))
        watching.see(8, one.url)
        watching.see(8, two.url)
    counted = saved(bench)
    stems = [f"127.0.0.1_{server.port}_video.mjpg" for server in (one, two)]
    assert set(counted) == {
        f"{s}{end}" for s in stems for end in (".ndjson", ".mp4", " overlay.mp4")
    }
    for stem in stems:
        whole(tmp_path, stem, counted)


@pytest.mark.parametrize(
    ("title", "stem"),
    [
        ("rtsp://anna:***@cam-a/stream1", "cam-a_stream1"),
        ("/home/a/clip.final.mp4", "clip.final"),
        ("0", "0"),
        ("Hall / left", "left"),
        ("???", "source"),
    ],
)
def test_a_file_is_called_as_its_source(title, stem):
    assert file_stem(title) == stem


def test_equal_titles_make_distinct_names(tmp_path):
    events = []
    recorder = Recorder(RecordPlan(tmp_path), lambda r: {}, Look(), events.append)
    assert [recorder._free_name("a/Clip.mp4"), recorder._free_name("b/clip.mov")] == [
        "Clip",
        "clip-2",
    ]
    recorder.finish({})
    assert recorder.wait(5)


def test_the_picture_as_it_came_holds_every_frame_though_the_engine_is_slow(tmp_path):
    bench = Bench(delay=0.1)
    session = bench.stamped(rate=50)
    with Watching(session) as watching:
        watching.see(12)  # the session is over a second old when the recording begins
        session.record(RecordPlan(tmp_path, raw=True))
        watching.see(8)
    counted = saved(bench)
    lines, videos = whole(tmp_path, "cam", counted)
    assert len(videos[""]) > 2.5 * len(videos[" overlay"])
    gaps = np.diff(videos[""])
    assert np.median(gaps) == pytest.approx(1 / 50, abs=0.004), "its own time stamps"
    frames = [line for line in lines if line["type"] == "frame"]
    for frame in frames[1:]:  # a tracks line names the frame of the picture as it came
        assert videos[""][frame["index"]] == pytest.approx(frame["time"], abs=2e-4)
    assert lines[-1]["dropped"] >= len(videos[""]) - len(frames)


def clip(start=0.0, seconds=0.6):
    class Clip:
        name = "clip"
        info = SourceInfo(kind="video", size=SMALL, rate=50.0, duration=seconds)

        def frames(self):
            for i in range(round(start * 50), round(seconds * 50)):
                pixels = np.full((SMALL[1], SMALL[0], 3), 60 + min(i, 150), np.uint8)
                yield Frame(pixels, i, 7.0 + i / 50, 0.0, "clip")

        def close(self):
            pass

    return Clip()


def played(bench, seconds=0.6, **options):
    return LiveSession(
        Plan(("clip",), Settings(), **options),
        bench.events.append,
        open_estimator=bench._open,
        open_source=lambda text, tell, clock, **_: Paced(
            text, lambda at: clip(max(at - 7, 0), seconds), clock=clock
        ),
    )


def test_loop_and_seek_go_on_monotonically(tmp_path):
    bench = Bench()
    with Watching(played(bench, loop=True)) as watching:
        watching.see(5)
        watching.session.record(RecordPlan(tmp_path, raw=True))
        watching.see(40)  # around the end at least once
        watching.session.player.seek(7.1)
        watching.see(10)
    counted = saved(bench)
    lines, videos = whole(tmp_path, "clip", counted)
    gaps = np.diff(videos[""])
    assert gaps.max() < 0.1, "no hole where the file was moved"
    assert gaps.min() > 0.005, "and no frames on top of each other"
    indices = [line["index"] for line in lines if line["type"] == "frame"]
    assert indices == sorted(set(indices))


class Still:
    """A camera before which nothing moves."""

    info = SourceInfo(kind="camera", size=SMALL, rate=40.0, live=True)

    def __init__(self, name):
        self.name, self._closed = name, threading.Event()

    def frames(self):
        began, index = time.perf_counter(), 0
        while not self._closed.wait(0.025):
            pixels = np.full((SMALL[1], SMALL[0], 3), 90, np.uint8)
            now = time.perf_counter()
            yield Frame(pixels, index, now - began, now, self.name)
            index += 1

    def close(self):
        self._closed.set()


def test_a_source_joins_and_leaves_while_another_is_recorded(tmp_path):
    bench = Bench()

    session = LiveSession(
        Plan(("a", "b"), Settings()),
        bench.events.append,
        open_estimator=bench._open,
        open_source=lambda text, tell, **options: Still(text),
    )
    with Watching(session) as watching:
        watching.see(5, "a")
        session.record(RecordPlan(tmp_path))
        watching.see(5, "a")
        ids = {int(n) for r in watching.results for n in r.poses.ids if r.frame.source == "a"}
        session.add("c", "c")
        watching.see(8, "c")
        session.remove("b")
        watching.see(8, "a")
    assert len(bench.estimators) == 1, "nothing was started anew"
    later = {int(n) for r in watching.results[-8:] for n in r.poses.ids if r.frame.source == "a"}
    assert later <= ids, "nobody was renumbered"
    counted = saved(bench)
    assert {name for name in counted if name.endswith(".ndjson")} == {
        "a.ndjson",
        "b.ndjson",
        "c.ndjson",
    }
    for stem in "abc":
        whole(tmp_path, stem, counted)
    assert counted["b.ndjson"] < counted["a.ndjson"], "each end line has counts of its own"


def test_a_source_that_leaves_at_once_still_has_its_header(tmp_path, monkeypatch):
    from app.live import recorded_files

    opened = recorded_files.TracksFile.__init__

    def late(self, path, first, header):
        time.sleep(0.3)
        opened(self, path, first, header)

    monkeypatch.setattr(recorded_files.TracksFile, "__init__", late)
    bench = Bench()
    session = bench.stamped("a", "b", rate=40)
    with Watching(session) as watching:
        watching.see(3, "b")
        session.record(RecordPlan(tmp_path))
        watching.see(2, "b")
        session.remove("b")
        watching.see(5, "a")
    whole(tmp_path, "b", saved(bench))
    assert not bench.said(Told)


def test_a_slow_encoder_misses_frames_and_counts_them(tmp_path, monkeypatch):
    from app.live import lane, recorded_files

    monkeypatch.setattr(lane, "_MOST_BYTES", 0)
    slow = recorded_files.OverlayFile.write
    monkeypatch.setattr(
        recorded_files.OverlayFile, "write", lambda self, item: (time.sleep(0.05), slow(self, item))
    )
    bench = Bench()
    session = bench.stamped(rate=100)
    with Watching(session) as watching:
        watching.see(3)
        session.record(RecordPlan(tmp_path, raw=True))
        watching.see(60)
    counted = saved(bench)
    whole(tmp_path, "cam", counted)
    files = {file.path.name: file for file in bench.said(Recorded)[-1].files}
    assert files["cam overlay.mp4"].missed > 10
    assert files["cam.ndjson"].missed == 0
    assert files["cam.mp4"].frames > files["cam overlay.mp4"].frames


def test_a_file_that_cannot_be_written_is_said_and_the_others_go_on(tmp_path, monkeypatch):
    from app.overlay.video import OverlayVideo

    broken = OverlayVideo.write

    def fails(self, result):
        if "overlay" in self._path.name and result.frame.index > 4:
            raise av.error.ExternalError(1, "the encoder broke")
        broken(self, result)

    monkeypatch.setattr(OverlayVideo, "write", fails)
    bench = Bench()
    with Watching(played(bench, loop=True)) as watching:
        watching.see(3)
        watching.session.record(RecordPlan(tmp_path, raw=True))
        watching.see(30)
    (said,) = [told.text for told in bench.said(Told) if told.level == "error"]
    assert said.startswith("clip overlay.mp4 is not recorded any more")
    counted = saved(bench)
    _, videos = recorded(tmp_path, "clip")
    assert counted["clip.ndjson"] > 20
    assert len(videos[""]) == counted["clip.mp4"] > 20


def test_a_recording_asked_for_while_the_network_is_loaded_begins_with_the_first_picture(tmp_path):
    bench = Bench()
    loading, go_on = threading.Event(), threading.Event()
    load = bench._open

    def slowly(settings):
        loading.set()
        go_on.wait(20)
        return load(settings)

    bench._open = slowly
    with Watching(played(bench, loop=True)) as watching:
        assert loading.wait(20)
        watching.session.record(RecordPlan(tmp_path, raw=True))
        go_on.set()
        watching.see(10)
    whole(tmp_path, "clip", saved(bench))


def test_a_recording_asked_for_before_a_network_that_fails_is_ended(tmp_path):
    bench = Bench()
    session = played(bench)

    def fails(settings):
        session.record(RecordPlan(tmp_path, raw=True))
        raise DeviceError("there is no card")

    session._open = partial(open_suited, opener=fails)
    with Watching(session) as watching:
        until(lambda: watching.error, 20)
    until(lambda: not bench.said(Recorded)[-1].running, 20)
    assert saved(bench) == {}


def test_files_that_are_taken_away_while_they_are_written_are_not_called_saved(tmp_path):
    bench = Bench()
    folder = tmp_path / "stick"
    with Watching(played(bench, loop=True)) as watching:
        watching.see(3)
        watching.session.record(RecordPlan(folder, raw=True))
        until(lambda: len(list(folder.glob("*"))) == 3, 20)
        (folder / "clip.mp4").unlink()
        (folder / "clip.ndjson").unlink()
        until(lambda: len([t for t in bench.said(Told) if t.level == "error"]) == 2, 20)
        watching.see(5)
    said = {told.text.partition(" is not")[0] for told in bench.said(Told)}
    assert said == {"clip.mp4", "clip.ndjson"}
    done = bench.said(Recorded)[-1]
    assert {file.path.name for file in done.files if file.broken} == said
    assert [file.path.name for file in done.files if not file.broken] == ["clip overlay.mp4"]


class Breaks(Still):
    """A camera that fails when it is told to."""

    broken = threading.Event()

    def frames(self):
        for frame in super().frames():
            if self.name == "b" and self.broken.is_set():
                raise SourceError("b: the cable is out")
            yield frame


def breaking(bench, monkeypatch):
    monkeypatch.setattr(Breaks, "broken", threading.Event())
    return LiveSession(
        Plan(("a", "b"), Settings()),
        bench.events.append,
        open_estimator=bench._open,
        open_source=lambda text, tell, **options: Breaks(text),
    )


@pytest.mark.parametrize("then", ["left", "tried again", "removed"])
def test_a_source_that_fails_midway_has_why_in_its_last_line(tmp_path, monkeypatch, then):
    bench = Bench()
    session = breaking(bench, monkeypatch)
    with Watching(session) as watching:
        watching.see(3, "b")
        session.record(RecordPlan(tmp_path))
        watching.see(5, "b")
        Breaks.broken.set()
        until(lambda: session.failed, 20)
        watching.see(5, "a")
        if then == "tried again":
            Breaks.broken.clear()
            session.add("b", "b")
            watching.see(5, "b")
        elif then == "removed":
            session.remove("b")
    counted = saved(bench)
    ends = {stem: whole(tmp_path, stem, counted)[0][-1] for stem in "ab"}
    assert ends["b"]["error"] == "b: the cable is out"
    assert not ends["b"]["complete"]
    assert "error" not in ends["a"]
    if then == "tried again":
        assert "error" not in whole(tmp_path, "b-2", counted)[0][-1]
    files = {file.path.name: file.error for file in bench.said(Recorded)[-1].files}
    assert files["b overlay.mp4"] == "b: the cable is out"
    assert files["a.ndjson"] is None


def test_an_engine_that_fails_midway_stands_in_every_last_line(tmp_path, monkeypatch):
    bench = Bench()
    session = breaking(bench, monkeypatch)
    with Watching(session) as watching:
        watching.see(3, "b")
        session.record(RecordPlan(tmp_path, overlay=False))
        watching.see(5, "b")
        Breaks.broken.set()
        until(lambda: session.failed, 20)
        watching.see(5, "a")

        def fails(frames):
            raise DeviceError("the card is gone")

        monkeypatch.setattr(bench.estimators[0], "collect", fails)
        until(lambda: watching.error, 20)
    counted = saved(bench)
    ends = {stem: whole(tmp_path, stem, counted)[0][-1]["error"] for stem in "ab"}
    assert ends == {"a": "the card is gone", "b": "b: the cable is out"}


def test_little_disk_space_is_said_once_while_recording(tmp_path, monkeypatch):
    monkeypatch.setattr(app.live.recording, "free_space", lambda folder: 40 << 20)
    monkeypatch.setattr(app.live.recording, "_SAY", 0.02)
    bench = Bench()
    with Watching(played(bench, loop=True)) as watching:
        watching.see(5)
        watching.session.record(RecordPlan(tmp_path))
        until(lambda: len(bench.said(Recorded)) > 5, 20)
    texts = [told.text for told in bench.said(Told)]
    assert texts == ["Little disk space: 40 MB are left where the recording is written."]
    assert bench.said(Told)[0].level == "warning"
    assert bench.said(Recorded)[0].free == 40 << 20


def test_with_blurred_heads_no_picture_is_kept_as_it_came(tmp_path):
    bench = Bench()
    blurred = Look(display=DisplaySettings(blur_heads=True))
    with Watching(played(bench, loop=True)) as watching:
        watching.see(3)
        watching.session.record(RecordPlan(tmp_path, raw=True))
        watching.see(10)
        watching.session.look(blurred)
        captured = watching.session.flows()["clip"].captured
        watching.see(15)
        assert watching.session.flows()["clip"].captured >= captured + 10
    counted = saved(bench)
    assert counted["clip.mp4"] <= captured
    assert len(times(tmp_path / "clip.mp4")) == counted["clip.mp4"]


def test_what_is_recorded_is_what_is_seen(tmp_path):
    bench = Bench()
    look = Look(
        display=DisplaySettings(limbs=False, mirrored=True, skeleton_only=True, ids=False),
        hidden=frozenset(),
        zones={"clip": Zone("region", (0.2, 0.2), (0.6, 0.9))},
    )
    with Watching(played(bench, loop=True)) as watching:
        watching.session.look(look)
        watching.see(3)
        watching.session.record(RecordPlan(tmp_path))
        watching.see(10)
    with av.open(str(tmp_path / "clip overlay.mp4")) as video:
        pixels = next(video.decode(video=0)).to_ndarray(format="rgb24")
    result = watching.results[-1]
    seen = draw_frame(result.frame, result.poses, look, watching.session.traces["clip"])
    assert np.abs(pixels.astype(int) - seen).mean() < 12  # what coding changes
    other = draw_frame(result.frame, result.poses, replace(look, display=DisplaySettings()))
    assert np.abs(pixels.astype(int) - other).mean() > 25


def test_a_heatmap_that_is_seen_is_recorded(tmp_path):
    bench = Bench()
    with Watching(played(bench, loop=True)) as watching:
        watching.session.watch(9)
        watching.see(3)
        watching.session.record(RecordPlan(tmp_path))
        watching.see(10)
    traces = watching.session.traces["clip"]
    assert traces.heat.joint == "left_wrist"
    with av.open(str(tmp_path / "clip overlay.mp4")) as video:
        pixels = next(video.decode(video=0)).to_ndarray(format="rgb24")
    result = watching.results[-1]
    seen, plain = (
        draw_frame(result.frame, result.poses, Look(), t)
        for t in (traces, replace(traces, heat=None))
    )
    assert np.abs(pixels.astype(int) - seen).mean() < 12  # what coding changes
    assert np.abs(pixels.astype(int) - plain).mean() > 25


def test_names_and_notes_go_into_the_tracks(tmp_path):
    bench = Bench()
    with Watching(played(bench, loop=True)) as watching:
        watching.session.look(Look(names={("clip", 0): "Anna"}))
        until(lambda: any(0 in r.poses.ids for r in watching.results), 20)
        watching.session.record(RecordPlan(tmp_path))
        watching.see(10)
        watching.session.note("clip", 0, "a good landing")
        watching.see(5)
    lines, _ = recorded(tmp_path, "clip")
    named = [p for line in lines if line["type"] == "frame" for p in line["people"] if p["id"] == 0]
    assert named
    assert {person.get("label") for person in named} == {"Anna"}
    (note,) = [line for line in lines if line["type"] == "note"]
    assert (note["id"], note["text"]) == (0, "a good landing")


def test_two_numbers_that_become_one_person_are_one_in_the_finished_tracks(tmp_path):
    bench = Bench()
    with Watching(played(bench, seconds=20)) as watching:
        session = watching.session
        until(lambda: any(0 in r.poses.ids for r in watching.results), 20)
        session.record(RecordPlan(tmp_path, overlay=False))
        session.player.set_speed(4)
        watching.see(5)
        for number, place in enumerate((8, 6, 3), 1):  # each far from all that was seen
            session.player.seek(7.0 + place)
            until(lambda n=number: n in watching.results[-1].poses.ids, 20)
            if number == 1:
                session.note("clip", 1, "a good landing")
                watching.see(10)
            else:  # played into the part before, whose person it is
                told = SamePerson("clip", number - 1, number)
                until(lambda t=told: t in bench.events, 20)
        watching.see(3)
    lines, _ = recorded(tmp_path, "clip")
    people = [p["id"] for line in lines if line["type"] == "frame" for p in line["people"]]
    assert set(people) - {UNTRACKED} == {0, 3}
    assert [line["id"] for line in lines if line["type"] == "note"] == [3]


def test_stepping_back_and_looping_keep_the_numbers():
    bench = Bench(people=2)
    with Watching(played(bench, loop=True)) as watching:
        watching.see(100)
        watching.session.player.seek(7.2)
        watching.see(30)
    numbers = {int(n) for r in watching.results[60:] for n in r.poses.ids}
    assert numbers == {0, 1}
