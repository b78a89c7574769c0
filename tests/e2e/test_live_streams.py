"""Streams that break come back by themselves, and every failure is one clear sentence."""

import json
import socket
import threading
import time
from contextlib import closing, contextmanager

import numpy as np
import pytest

import engine.sources.container
from app.live.protocol import SourceState
from engine.sources.live import open_live
from tests.support.fresh_python import loaded_after
from tests.support.live_fakes import Bench
from tests.support.rtsp_camera import RtspServer, has_gstreamer
from tests.support.stream_servers import MjpegServer, SilentServer, free_port
from tests.support.waiting import until


@contextmanager
def running(server):
    server.start()
    try:
        yield server
    finally:
        server.kill()


def servers():
    without = pytest.mark.skipif(
        not has_gstreamer(), reason="needs gir1.2-gst-rtsp-server-1.0 and the system's python3-gi"
    )
    return [
        pytest.param(MjpegServer, id="http"),
        pytest.param(RtspServer, id="rtsp", marks=without),
    ]


@pytest.mark.parametrize("make_server", servers())
def test_a_stream_that_is_killed_three_times_comes_back_with_gaps_and_new_ids(make_server):
    bench = Bench()
    ids_by_segment: dict[int, set[int]] = {}
    returns = []
    times = []
    with running(make_server()) as server:
        session = bench.session(server.url)
        with closing(session.results()) as results:
            segment, restarted = 0, None
            for result in results:
                frame = result.frame
                times.append((frame.index, frame.time))
                ids_by_segment.setdefault(frame.segment, set()).update(result.poses.ids.tolist())
                if frame.segment > segment:
                    segment = frame.segment
                    returns.append(time.monotonic() - restarted)
                if len(ids_by_segment) == 4:
                    session.stop()
                elif frame.segment == len(returns) and 0 in ids_by_segment and _enough(times):
                    times_of_segment = len(times)
                    server.kill()
                    server.start()
                    restarted = time.monotonic()
                    times = times[-1:]
                    assert times_of_segment
    assert len(returns) == 3
    assert max(returns) < 5.0
    seen = [ids - {-1} for ids in ids_by_segment.values()]
    assert all(seen), "somebody is followed in every segment"
    assert len(set.union(*seen)) == sum(map(len, seen)), "no id is used in two segments"
    statuses = [state.status for state in bench.said(SourceState)]
    assert statuses.count("reconnecting") >= 3
    assert statuses.count("live") == 4


def _enough(times):
    return len(times) > 6


def test_the_gap_stands_in_the_lines(tmp_path):
    from app.live.publish import Publisher
    from app.live.sinks import open_sink

    out = tmp_path / "tracks.ndjson"
    with MjpegServer() as server:
        session = Bench().session(server.url)
        publisher = Publisher(open_sink(str(out)), session.header, several=False, raw=False)
        with closing(session.results()) as results:
            for count, result in enumerate(results):
                publisher.write(result)
                if count == 3:
                    server.kill()
                    server.start()
                if result.frame.segment == 1:
                    session.stop()
        publisher.close()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    kinds = [line["type"] for line in lines]
    assert kinds[0] == "header"
    assert kinds[-1] == "end"
    assert kinds.count("gap") == 1
    at = kinds.index("gap")
    before, after = lines[at]["time"]
    assert before == lines[at - 1]["time"]
    assert after == lines[at + 1]["time"]
    assert after - before > 0.15, "the gap is as long as the source was away"
    indices = [line["index"] for line in lines if line["type"] == "frame"]
    assert indices == sorted(set(indices))


def frames_of(server, count):
    source = open_live(server.url, lambda change: None)
    frames = [frame for _, frame in zip(range(count), source.frames(), strict=False)]
    source.close()
    return source, frames


@pytest.mark.parametrize("first_boundary", [True, False], ids=["whole", "esp32"])
def test_pictures_without_time_stamps_have_the_time_they_arrived(first_boundary):
    with MjpegServer(rate=8, first_boundary=first_boundary) as server:
        source, frames = frames_of(server, 16)
    gaps = np.diff([frame.time for frame in frames])
    assert np.median(gaps[4:]) == pytest.approx(1 / 8, abs=0.03), "not 1/25, FFmpeg's guess"
    assert source.info.rate is None
    assert frames[0].arrived - server.sent[0] < 2.5, "seconds of watching before it is opened"


def test_a_stream_that_changes_its_size_is_followed_and_named():
    bench = Bench()
    with MjpegServer() as server:
        session = bench.session(server.url)
        sizes = []
        with closing(session.results()) as results:
            for result in results:
                if result.frame.size not in sizes:
                    sizes.append(result.frame.size)
                server.size = (640, 360)
                if len(sizes) == 2:
                    session.stop()
    assert sizes == [(320, 240), (640, 360)]
    said = [state.text for state in bench.said(SourceState)]
    assert any("has changed from 320x240 to 640x360" in text for text in said)


def failure(url):
    bench = Bench()
    assert list(bench.session(url).results()) == []
    (text,) = [state.text for state in bench.said(SourceState) if state.status == "failed"]
    assert "\n" not in text
    return text


def test_a_refused_port_is_one_sentence():
    assert "connection refused" in failure(f"http://127.0.0.1:{free_port()}/x")
    assert "connection refused" in failure(f"rtsp://127.0.0.1:{free_port()}/x")


def test_a_wrong_path_is_one_sentence():
    with MjpegServer() as server:
        assert "404" in failure(f"http://127.0.0.1:{server.port}/wrong")


def test_an_unknown_host_and_an_unknown_kind_of_address_are_one_sentence(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", _nobody)
    assert "host camera.invalid is not known" in failure("http://camera.invalid/x")
    assert "kind of address" in failure("nosuch://127.0.0.1/x")


def _nobody(*args, **named):
    raise socket.gaierror("unknown")


def test_a_password_never_stands_in_a_message():
    text = failure(f"rtsp://anna:secret@127.0.0.1:{free_port()}/x")
    assert "secret" not in text


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_a_server_that_says_nothing_is_given_up(monkeypatch, scheme):
    monkeypatch.setattr(engine.sources.container, "OPEN_SECONDS", 0.5)
    monkeypatch.setattr(engine.sources.container, "READ_SECONDS", 0.5)
    with SilentServer() as server:
        assert "sent nothing for 0.5 s" in failure(f"{scheme}://127.0.0.1:{server.port}/x")


def test_stopping_takes_half_a_second_at_most_though_the_source_hangs():
    with SilentServer() as server:
        session = Bench().session(f"rtsp://127.0.0.1:{server.port}/x")
        worker = threading.Thread(target=lambda: list(session.results()))
        worker.start()
        until(lambda: any("capture" in t.name for t in threading.enumerate()))
        began = time.monotonic()
        session.stop()
        worker.join(5)
        took = time.monotonic() - began
        assert not worker.is_alive()
    assert took <= 0.5


def test_headless_imports_no_qt():
    parts = ("command", "session", "sinks", "publish", "recording")
    assert loaded_after(f"import {', '.join(f'app.live.{part}' for part in parts)}", "PyQt6") == []
