"""Streams spread over stations; stations and streams that fail."""

import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("fsspec", reason="needs the extra `cluster`")

from app.cluster import feeds as feeding
from app.cluster.feeds import Feed, Health, Restarting, read_feeds
from app.cluster.station import FeedStatus, Station
from app.cluster.supervisor import Gone, Supervisor, line_of
from engine.errors import SettingsError, SourceError
from engine.settings import Settings
from engine.sources.reconnect import Reconnecting
from engine.sources.source import SourceInfo
from engine.sources.video import VideoSource
from engine.types import Frame
from tests.support.clips import write_clip
from tests.support.walkers_estimator import Walkers

PIXELS = np.zeros((4, 4, 3), np.uint8)


def feed(name, rate=10.0):
    return Feed(name=name, source="rtsp://host/x", out=f"{name}.ndjson", rate=rate)


class Fake:
    """A station that does what it is told, until it is dead."""

    def __init__(self, capacity):
        self.size, self.feeds, self.dead, self.closed = capacity, [], False, False

    def _alive(self):
        if self.dead:
            raise Gone

    def capacity(self):
        self._alive()
        return self.size

    def watch(self, feeds):
        self._alive()
        self.feeds = list(feeds)

    def status(self):
        self._alive()
        return [FeedStatus(f.name, "live", f.rate, 0.05) for f in self.feeds]

    def close(self):
        self.closed = True


@pytest.fixture
def clock():
    class Clock:
        now = 0.0

        def __call__(self):
            return self.now

    return Clock()


def supervised(feeds, capacities, clock, later=30.0, stations=None):
    made = []

    def start():
        made.append(Fake(capacities[len(made)] if len(made) < len(capacities) else later))
        return made[-1]

    return Supervisor(feeds, start, stations or (lambda: len(capacities)), clock), made


def test_streams_go_where_there_is_room(clock):
    feeds = [feed("a", 10), feed("b", 25), feed("c", 10), feed("d", 8)]
    supervisor, made = supervised(feeds, [40.0, 20.0], clock)
    found = supervisor.step()
    assert [s.name for s in found] == ["a", "b", "c", "d"]
    assert {s.state for s in found} == {"live"}
    for station in made:
        assert sum(f.rate for f in station.feeds) <= station.size


def test_without_room_a_stream_waits_and_says_so(clock):
    supervisor, _ = supervised([feed("a", 10), feed("b", 10)], [12.0], clock)
    found = supervisor.step()
    assert sorted(s.state for s in found) == ["live", "waiting"]
    assert "no station has room" in next(s.text for s in found if s.state == "waiting")


def test_a_stream_larger_than_any_station_gets_one_of_its_own(clock):
    supervisor, _ = supervised([feed("a", 100), feed("b", 10)], [12.0, 12.0], clock)
    assert {s.state for s in supervisor.step()} == {"live"}


def test_machines_that_join_take_the_streams_that_wait(clock):
    there = [1]
    feeds = [feed("a", 10), feed("b", 10), feed("c", 10)]
    supervisor, made = supervised(feeds, [12.0], clock, later=None, stations=lambda: there[0])
    assert sorted(s.state for s in supervisor.step()) == ["live", "waiting", "waiting"]
    there[0] = 3
    supervisor.step()
    for station in made[1:]:
        station.size = 12.0
    assert {s.state for s in supervisor.step()} == {"live"}
    assert [len(station.feeds) for station in made] == [1, 1, 1]


def test_a_cluster_that_grows_on_demand_sees_how_many_stations_are_wanted(clock):
    feeds = [feed(name, 10) for name in "abcdef"]
    supervisor, made = supervised(feeds, [25.0], clock, later=None, stations=lambda: 1)
    supervisor.step()
    supervisor.step()
    assert len(made) == 3  # two streams are placed, two stations have room for the other four
    for station in made[1:]:
        station.size = 25.0
    assert {s.state for s in supervisor.step()} == {"live"}
    supervisor.step()
    assert [len(station.feeds) for station in made] == [2, 2, 2]


def test_streams_that_have_room_ask_for_no_station(clock):
    supervisor, made = supervised([feed("a"), feed("b")], [25.0], clock, stations=lambda: 1)
    assert {s.state for s in supervisor.step()} == {"live"}
    supervisor.step()
    assert len(made) == 1


def test_a_lost_machine_is_not_replaced_twice(clock):
    there = [2]
    feeds = [feed("a"), feed("b")]
    supervisor, made = supervised(feeds, [20.0, 20.0], clock, stations=lambda: there[0])
    supervisor.step()
    made[0].dead, there[0] = True, 1
    supervisor.step()
    there[0] = 2
    supervisor.step()
    clock.now += 60
    supervisor.step()
    assert len(made) == 3


def test_the_streams_of_a_dead_station_move_after_a_pause(clock):
    supervisor, made = supervised([feed("a"), feed("b")], [20.0, 20.0], clock)
    supervisor.step()
    home = next(s for s in made if s.feeds)
    home.dead = True
    assert {s.state for s in supervisor.step()} >= {"waiting"} or len(made[1].feeds) == 1
    clock.now += 1.5
    found = supervisor.step()
    assert {s.state for s in found} == {"live"}
    assert sum(s.restarts for s in found) == len(home.feeds)
    assert len(made) == 3  # a new station was asked for
    supervisor.close()
    assert all(s.closed for s in made if not s.dead)


def test_pauses_grow_when_stations_keep_dying(clock):
    supervisor, made = supervised([feed("a")], [20.0], clock)
    for _ in range(6):
        supervisor.step()
        made[-1].dead = True
        clock.now += 0.4
    assert len(made) <= 3


def test_a_source_restarts_after_pauses_that_double(monkeypatch):
    monkeypatch.setattr(feeding, "FIRST_PAUSE", 0.001)
    health, opened = Health(), []

    class Broken:
        info = None

        def frames(self):
            yield Frame(PIXELS, 0, 0.0, 0.0, "rtsp://host")
            raise SourceError("cable")

        def close(self):
            opened.append("closed")

    source = Restarting("door", Broken, health)
    frames = source.frames()
    found = [next(frames) for _ in range(3)]
    assert [f.source for f in found] == ["door"] * 3
    assert [f.segment for f in found] == [0, 1, 2]
    assert health.restarts == 2
    assert len(opened) == 2
    source.close()
    assert list(frames) == []


@contextmanager
def walkers(settings):
    yield Walkers()


def test_a_station_writes_each_stream_to_its_own_output(tmp_path):
    clips = [write_clip(tmp_path / f"{n}.mp4", 30) for n in "ab"]
    chosen = [
        Feed(name=c.stem, source=str(c), out=str(tmp_path / f"{c.stem}.ndjson")) for c in clips
    ]
    lost = Feed(name="lost", source=str(tmp_path / "no.mp4"), out=str(tmp_path / "no.ndjson"))
    station = Station(Settings(), walkers, lambda text, tell, name: VideoSource(text))
    try:
        assert station.capacity() > 0
        for one in chosen:
            station.watch([one, lost])
            end = time.monotonic() + 20
            while time.monotonic() < end:
                states = {s.name: s for s in station.status()}
                known = states.get(one.name)
                if known and known.state == "ended" and states["lost"].restarts:
                    break
                time.sleep(0.02)
            assert states[one.name].state == "ended"
            assert "no file" in states["lost"].text
    finally:
        station.close()
    for one in chosen:
        lines = [json.loads(line) for line in Path(one.out).read_text().splitlines()]
        assert lines[0]["type"] == "header"
        assert lines[0]["source"].endswith(f"{one.name}.mp4") or lines[0]["source"] == one.name
        assert lines[-1]["type"] == "end"


class Endless:
    """A camera that delivers until it is closed."""

    info = SourceInfo(kind="stream", size=(4, 4), live=True)

    def __init__(self, name):
        self.name, self.closed = name, False

    def frames(self):
        number = 0
        while not self.closed:
            yield Frame(PIXELS, number, number / 100, time.perf_counter(), self.name)
            number += 1
            time.sleep(0.01)

    def close(self):
        self.closed = True


def wait_for(right):
    end = time.monotonic() + 20
    while not right():
        assert time.monotonic() < end
        time.sleep(0.01)


def frames_in(file):
    text = file.read_text() if file.is_file() else ""
    lines = text.rpartition("\n")[0].splitlines()  # the last one may be half written
    return [json.loads(line)["index"] for line in lines if '"frame"' in line]


def test_a_stream_that_comes_later_does_not_disturb_the_others(tmp_path):
    opened = []

    def opener(text, tell, name):
        opened.append(name)
        return Endless(name)

    first, second = (
        Feed(name=n, source="rtsp://host/x", out=str(tmp_path / f"{n}.ndjson")) for n in "ab"
    )
    station = Station(Settings(), walkers, opener)
    try:
        station.watch([first])
        wait_for(lambda: len(frames_in(tmp_path / "a.ndjson")) > 3)
        station.watch([first, second])
        wait_for(lambda: len(frames_in(tmp_path / "b.ndjson")) > 3)
        assert {s.name: s.state for s in station.status()} == {"a": "live", "b": "live"}
    finally:
        station.close()
    assert opened == ["a", "b"]
    found = frames_in(tmp_path / "a.ndjson")
    assert found == sorted(set(found))  # one file, never begun again
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ndjson", "b.ndjson"]


def test_a_camera_that_is_off_is_said_to_reconnect(tmp_path):
    there = threading.Event()
    there.set()

    class Flickering(Endless):
        def frames(self):
            for frame in super().frames():
                if not there.is_set():
                    raise SourceError("cable")
                yield frame

    door = Feed(name="door", source="rtsp://host/x", out=str(tmp_path / "door.ndjson"))
    station = Station(
        Settings(),
        walkers,
        lambda text, tell, name: Reconnecting(name, lambda: Flickering(name), tell),
    )
    try:
        station.watch([door])
        wait_for(lambda: station.status()[0].state == "live")
        there.clear()
        wait_for(lambda: station.status()[0].state == "reconnecting")
        assert "cable" in station.status()[0].text
        there.set()
        wait_for(lambda: station.status()[0].state == "live")
        assert (station.status()[0].restarts, station.status()[0].text) == (1, "")
    finally:
        station.close()


def test_a_stream_that_moves_leaves_what_it_wrote(tmp_path):
    before = tmp_path / "door.ndjson"
    before.write_text("of a station that is gone")
    door = Feed(name="door", source="rtsp://host/x", out=str(before))
    station = Station(Settings(), walkers, lambda text, tell, name: Endless(name))
    try:
        station.watch([door])
        wait_for(lambda: len(frames_in(tmp_path / "door-2.ndjson")) > 3)
    finally:
        station.close()
    assert before.read_text() == "of a station that is gone"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no stream"),
        ("door = 1", "door must be a table"),
        ("[door]\nsource='x'", "door.out"),
        ("[door]\nsource='x'\nout='y'\nrate=-1", "door.rate"),
        ("[door]\nsource='x'\nout='y'\nfps=1", "door.fps"),
        ("[a]\nsource='x'\nout='y'\n[b]\nsource='z'\nout='y'", "two streams write to y"),
        ("[door]\nsource='x'\nout='-'", "no standard output"),
        ("[door", "not TOML"),
    ],
)
def test_a_file_that_names_no_streams_is_one_line(tmp_path, text, message):
    file = tmp_path / "cameras.toml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=message):
        read_feeds(file)


def test_the_status_of_a_stream_is_one_line_and_one_object():
    status = FeedStatus("door", "live", 14.9, 0.0512, 3, 1)
    assert line_of(status) == "door: live, 14.9 frames/s, age p95 51 ms, 3 drops, 1 restarts"
    assert json.loads(json.dumps(status.plain()))["age_p95"] == 0.0512
