"""One session, four receivers and a recording: all have the same people in the same frames."""

import importlib
import json
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager

import numpy as np
import pytest

from app.live.protocol import RecordPlan, Sent
from engine.types import untracked
from tests.support.live_fakes import Bench, FakeEstimator
from tests.support.osc import osc_receiver
from tests.support.sent_people import by_index, ndjson, of_lsl, of_osc, same
from tests.support.stream_servers import free_port
from tests.support.waiting import until

FRAMES = 25


class Walking(FakeEstimator):
    """Two people who are somewhere else in every frame; one joint of the second is not found."""

    def _poses(self, frame):
        found = super()._poses(frame)
        xy = found.xy + np.float32([3 * np.sin(frame.index / 5), 2 * np.cos(frame.index / 7)])
        score = found.joint_score.copy()
        xy[1, 4], score[1, 4] = np.nan, 0
        state = found.state.copy()
        state[1, 4] = 0
        return untracked(xy, score, score.mean(1), state)


class Walkers(Bench):
    @contextmanager
    def _open(self, settings):
        yield Walking(settings, people=2)


@contextmanager
def datagrams():
    """A UDP port and the lines that came to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        yield receiver.getsockname()[1], lambda: _until_end(lambda: receiver.recv(65536))


def _until_end(receive):
    lines = []
    while not lines or lines[-1]["type"] != "end":
        lines.append(json.loads(receive()))
    return lines


def test_every_receiver_and_the_recording_have_the_same_people(tmp_path):
    pylsl = pytest.importorskip("pylsl", reason="needs the extra `lsl`")
    connect = pytest.importorskip("websockets.sync.client", reason="needs the extra `live`").connect
    bench, port, name = Walkers(), free_port(), f"sent-{time.monotonic_ns()}"
    session, seen = bench.stamped(rate=20), []
    with ExitStack() as stack:
        udp_port, udp_lines = stack.enter_context(datagrams())
        osc_port, messages, osc_ended = stack.enter_context(osc_receiver())
        targets = (
            f"udp://127.0.0.1:{udp_port}",
            f"ws://127.0.0.1:{port}",
            f"osc://127.0.0.1:{osc_port}",
            f"lsl:{name}?people=3",
        )
        results = stack.enter_context(closing(session.results()))
        for result in results:
            seen.append(result)
            if len(seen) == 1:
                session.send(frozenset(targets))
            sent = {event.target for event in bench.said(Sent) if event.frames}
            if sent == set(targets):
                break
        client = stack.enter_context(connect(f"ws://127.0.0.1:{port}"))
        (stream,) = pylsl.resolve_byprop("name", name, timeout=20)
        inlet = pylsl.StreamInlet(stream)
        inlet.open_stream(timeout=20)
        session.record(RecordPlan(tmp_path, overlay=False))
        for result in results:
            seen.append(result)
            if result.frame.index > seen[0].frame.index + len(seen) and len(seen) > 500:
                break
            samples = [e for e in bench.said(Sent) if e.target == targets[3] and e.listeners]
            if samples and samples[-1].frames > samples[0].frames + FRAMES:
                break
        session.stop()
        assert list(results) == []
        assert osc_ended.wait(10)
        by_socket = by_index(_until_end(lambda: client.recv(timeout=5)))
        by_datagram = by_index(udp_lines())
        samples = []
        while (pulled := inlet.pull_sample(timeout=0.5))[0] is not None:
            samples.append(pulled)
        inlet.close_stream()
        away = importlib.import_module("app.live.lsl").ahead()
    expected = ndjson(seen)
    arrived = np.array([result.frame.arrived for result in seen])
    nearest = [seen[int(np.abs(arrived + away - at).argmin())].frame.index for _, at in samples]
    by_lsl = {i: of_lsl(sample, 3) for i, (sample, _) in zip(nearest, samples, strict=True)}
    for found in (by_socket, by_datagram, of_osc(messages), by_lsl):
        assert len(found) >= FRAMES
        same(found, {index: expected[index] for index in found})
    lines = [json.loads(line) for line in (tmp_path / "cam.ndjson").read_text().splitlines()]
    recorded = by_index(lines)
    assert len(recorded) >= FRAMES
    last = max(expected) - max(recorded)  # a recording counts from its own first frame
    same(
        {i + last: who for i, who in recorded.items()},
        {i + last: expected[i + last] for i in recorded},
    )
    until(lambda: not any(t.name.startswith("sending") for t in threading.enumerate()))
