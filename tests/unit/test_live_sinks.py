"""Lines reach files, sockets and WebSocket clients; bad clients do no harm."""

import json
import socket
import threading
import time
from collections import deque
from contextlib import closing, contextmanager

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs the extra `live`")

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import app.live.websocket
from app.live.publish import Publisher
from app.live.sinks import open_sink
from app.tracks.ndjson_writer import header_of
from engine.errors import OutputError
from engine.skeleton import COCO
from engine.sources.source import SourceInfo
from engine.types import Frame, Result, no_people
from tests.support.waiting import until

HEADER = '{"type":"header","version":1}'


@contextmanager
def serving():
    with closing(open_sink("ws://127.0.0.1:0")) as sink:
        yield sink, f"ws://127.0.0.1:{sink.port}"


def test_a_websocket_client_gets_the_header_and_then_every_line():
    with serving() as (sink, url):
        sink.add(HEADER)
        with connect(url) as client:
            assert client.recv(timeout=5) == HEADER
            for i in range(5):
                sink.add(f'{{"i":{i}}}')
            assert [json.loads(client.recv(timeout=5))["i"] for _ in range(5)] == list(range(5))


def test_a_client_that_does_not_read_is_let_go_and_the_others_go_on():
    line = "x" * 100_000
    with serving() as (sink, url), connect(url) as good, connect(url, max_queue=1) as slow:
        until(lambda: sink.clients == 2)
        for _ in range(200):
            sink.add(line)
            assert good.recv(timeout=5) == line
        until(lambda: sink.clients == 1)
        with pytest.raises(ConnectionClosed):
            deque(iter(lambda: slow.recv(timeout=5), None))


def test_too_many_clients_are_refused(monkeypatch):
    monkeypatch.setattr(app.live.websocket, "MOST_CLIENTS", 1)
    with serving() as (sink, url), connect(url):
        until(lambda: sink.clients == 1)
        with connect(url) as second, pytest.raises(ConnectionClosed, match="listening already"):
            second.recv(timeout=5)


@pytest.mark.parametrize(
    "nonsense",
    [b"", b"\x00\xff" * 500, b"GET / HTTP/1.1\r\n\r\n", b"GET " + b"a" * 20_000],
    ids=["nothing", "noise", "no-upgrade", "endless"],
)
def test_malformed_clients_do_no_harm(nonsense):
    with serving() as (sink, url):
        bad = socket.create_connection(("127.0.0.1", sink.port))
        bad.sendall(nonsense)
        with connect(url) as good:
            until(lambda: sink.clients == 1)
            good.send("whatever")
            sink.add("line")
            assert good.recv(timeout=5) == "line"
        bad.close()


def test_a_client_that_floods_is_cut_off_and_the_others_go_on():
    with serving() as (sink, url), connect(url) as good, connect(url) as bad:
        until(lambda: sink.clients == 2)
        bad.send("y" * 10_000)
        until(lambda: sink.clients == 1)
        sink.add("line")
        assert good.recv(timeout=5) == "line"


def test_pages_of_other_sites_may_not_listen():
    with serving() as (sink, url):
        with pytest.raises(InvalidStatus):
            connect(url, origin="https://evil.example")
        with connect(url, origin="http://localhost:8000"):
            until(lambda: sink.clients == 1)


def test_closing_is_quick_and_leaves_no_thread():
    with serving() as (sink, url), connect(url):
        until(lambda: sink.clients == 1)
        sink.close()
        sink.close()
        sink.add("after the end")
    assert "websocket" not in {thread.name for thread in threading.enumerate()}


def test_a_port_in_use_is_a_sentence():
    with serving() as (_, url), pytest.raises(OutputError, match="in use"):
        open_sink(url)


def test_udp_lines_are_datagrams_and_nobody_needs_to_listen():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(5)
        with closing(open_sink(f"udp://127.0.0.1:{ear.getsockname()[1]}")) as sink:
            sink.add(HEADER)
            sink.add('{"i":1}')
            assert ear.recv(65536) == HEADER.encode() + b"\n"
            assert ear.recv(65536) == b'{"i":1}\n'
    with closing(open_sink("udp://127.0.0.1:9")) as deaf:
        for _ in range(10):
            deaf.add("hello")


def test_a_line_too_long_for_a_datagram_is_left_out(caplog):
    with closing(open_sink("udp://127.0.0.1:9")) as sink:
        sink.add("x" * 70_000)
    assert "does not fit" in caplog.text


@pytest.mark.parametrize(
    ("target", "says"),
    [("ftp://x", "use -, a file"), ("udp://host", "no port"), ("ws://h:99999", "no port")],
)
def test_a_target_that_is_not_understood_says_what_is(target, says):
    with pytest.raises(OutputError, match=says):
        open_sink(target)


class Kept:
    def __init__(self):
        self.lines = []

    def add(self, line):
        self.lines.append(json.loads(line))

    def close(self):
        pass


def result(source, index, segment=0):
    frame = Frame(np.zeros((2, 4, 3), np.uint8), index, index / 10, time.perf_counter(), source)
    return Result(frame.__class__(frame.pixels, index, index / 10, frame.arrived, source, segment),
                  no_people(17), dropped=index)  # fmt: skip


def publish(kept, *results, several=False):
    info = SourceInfo(kind="camera", size=(4, 2), live=True)
    publisher = Publisher(
        kept,
        lambda result: header_of(result.frame.source, info, COCO.names, COCO.limbs),
        several=several,
        raw=False,
    )
    for each in results:
        publisher.write(each)
    publisher.close()


def test_one_source_is_written_as_process_writes_it_with_its_age():
    kept = Kept()
    publish(kept, result("a", 0), result("a", 3), result("a", 7, segment=1))
    kinds = [line["type"] for line in kept.lines]
    assert kinds == ["header", "frame", "frame", "gap", "frame", "end"]
    assert kept.lines[0]["size"] == [4, 2]
    assert "source" not in kept.lines[1]
    assert 0 <= kept.lines[1]["age"] < 5
    assert kept.lines[3]["time"] == [0.3, 0.7]
    assert kept.lines[-1] == {
        "type": "end", "frames": 3, "people": 0, "dropped": 7, "complete": True
    }  # fmt: skip


def test_lines_of_several_sources_name_their_source():
    kept = Kept()
    publish(kept, result("a", 0), result("b", 0), result("a", 1), several=True)
    assert [line.get("source") for line in kept.lines] == ["a", "a", "b", "b", "a", "a", "b"]
