"""Everything that is sent carries the same people as the NDJSON of the same frames."""

import json
import socket
import time
from dataclasses import replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from app.live import outputs
from app.live.outputs import Context, open_output
from app.live.protocol import Sent
from app.live.sending import Sending
from app.overlay.look import Look
from app.overlay.traces import NO_TRACES
from engine.errors import OutputError
from engine.skeleton import COCO
from engine.types import Frame, JointState, Poses, Result
from tests.support.osc import osc_receiver
from tests.support.sent_people import header, ndjson, of_lsl, of_osc, people, same
from tests.support.stream_servers import free_port

LOOK = Look(names={("cam", 1): "Zoë"})


CONTEXT = Context(header, several=False, raw=False)


def results(count=5):
    """Two people, one with joints that were not found."""
    rng = np.random.default_rng(3)
    made = []
    for i in range(count):
        xy = rng.uniform(0, 300, (2, 17, 2)).astype(np.float32)
        score = rng.uniform(0.2, 1, (2, 17)).astype(np.float32)
        state = np.full((2, 17), JointState.DETECTED, np.uint8)
        xy[1, 3:6], score[1, 3:6], state[1, 3:6] = np.nan, 0, JointState.ABSENT
        poses = Poses(xy, score, score.mean(1), np.array([0, 1], np.int32), state, xy)
        pixels = np.zeros((240, 320, 3), np.uint8)
        made.append(Result(Frame(pixels, i, i / 10, time.perf_counter(), "cam"), poses))
    return made


def send(target, made, wait=0.0):
    output = open_output(target, CONTEXT)
    time.sleep(wait)
    for result in made:
        output.write(result, LOOK, NO_TRACES)
    return output


def test_osc_reaches_a_real_receiver_with_the_same_people():
    with osc_receiver() as (port, got, ended):
        made = results()
        send(f"osc://127.0.0.1:{port}", made).close()
        assert ended.wait(5)
    source = next(values for address, values in got if address.endswith("source"))
    assert source == ("cam", 320, 240, *COCO.names)
    for _, (_, index, seconds, _) in (message for message in got if message[0].endswith("frame")):
        assert seconds == made[index].frame.time
    persons = [values for address, values in got if address.endswith("person")]
    assert {(name, number, label) for name, number, label, *_ in persons} == {
        ("cam", 0, ""),
        ("cam", 1, "Zoë"),
    }
    same(of_osc(got), ndjson(made))


def test_lsl_reaches_a_real_inlet_with_the_same_people():
    pylsl = pytest.importorskip("pylsl")
    made, name = results(), f"test {time.monotonic_ns()}"
    output = open_output(f"lsl:{name}?people=3", CONTEXT)
    output.write(made[0], LOOK, NO_TRACES)
    (stream,) = pylsl.resolve_byprop("name", name, timeout=10)
    inlet = pylsl.StreamInlet(stream)
    inlet.open_stream(timeout=10)
    deadline = time.monotonic() + 10
    while not output.listeners and time.monotonic() < deadline:
        time.sleep(0.01)
    for result in made[1:]:
        output.write(result, LOOK, NO_TRACES)
    found = {}
    for result in made[1:]:
        sample, stamp = inlet.pull_sample(timeout=10)
        found[result.frame.index] = of_lsl(sample, 3)
        captured = pylsl.local_clock() - (time.perf_counter() - result.frame.arrived)
        assert stamp == pytest.approx(captured, abs=0.05)
    expected = ndjson(made)
    del expected[0]  # written before anybody listened
    same(found, expected)
    labels = inlet.info(5).get_channel_labels()
    assert labels[:5] == [
        "person0_id",
        "person0_score",
        "person0_nose_x",
        "person0_nose_y",
        "person0_nose_score",
    ]
    assert output.lost == 0
    inlet.close_stream()
    output.close()


def test_lsl_calls_a_source_alone_by_the_plain_name_and_those_that_join_by_theirs():
    pylsl = pytest.importorskip("pylsl")
    name, sources = f"joined {time.monotonic_ns()}", ["cam"]
    context = Context(header, several=True, raw=False, alone=lambda: len(sources) == 1)
    output = open_output(f"lsl:{name}", context)
    (first, second, third) = results(3)
    output.write(first, LOOK, NO_TRACES)
    sources.append("door")
    output.write(replace(second, frame=replace(second.frame, source="door")), LOOK, NO_TRACES)
    sources.remove("cam")
    output.write(replace(third, frame=replace(third.frame, source="hall")), LOOK, NO_TRACES)
    found = pylsl.resolve_bypred(f"starts-with(name, '{name}')", minimum=3, timeout=10)
    assert {s.name() for s in found} == {name, f"{name} door", f"{name} hall"}
    output.close()


def test_udp_and_websocket_carry_the_same_people():
    from websockets.sync.client import connect

    made = results()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        send(f"udp://127.0.0.1:{receiver.getsockname()[1]}", made).close()
        lines = [json.loads(receiver.recv(65536)) for _ in range(len(made) + 2)]
    same({x["index"]: people(x) for x in lines if x["type"] == "frame"}, ndjson(made))
    assert {p.get("label") for x in lines if x["type"] == "frame" for p in x["people"]} == {
        None,
        "Zoë",
    }
    port = free_port()
    output = open_output(f"ws://127.0.0.1:{port}", CONTEXT)
    with connect(f"ws://127.0.0.1:{port}") as client:
        while not output.listeners:
            time.sleep(0.01)
        for result in made:
            output.write(result, LOOK, NO_TRACES)
        lines = [json.loads(client.recv(timeout=5)) for _ in range(len(made) + 1)]
    output.close()
    same({x["index"]: people(x) for x in lines if x["type"] == "frame"}, ndjson(made))


def test_without_a_virtual_camera_one_line_says_so():
    with pytest.raises(OutputError, match="there is no virtual camera") as error:
        send("camera:", results(1))
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 120, "it stands in a narrow sidebar"
    assert "backend" not in text


@pytest.mark.parametrize("target", ["osc://127.0.0.1", "lsl:x?people=0", "gopher://x:1"])
def test_a_target_that_cannot_be_is_one_line(target):
    with pytest.raises(OutputError) as error:
        open_output(target, CONTEXT)
    assert "\n" not in str(error.value)


class Mine:
    """An output of another package."""

    lost, listeners = 0, None

    def __init__(self, target, context):
        self.target, self.frames, self.closed = target, [], False

    def write(self, result, look, traces):
        self.frames.append(result.frame.index)

    def close(self, error=None):
        self.closed = True


MADE = []


def open_mine(target, context):
    MADE.append(Mine(target, context))
    return MADE[-1]


def test_an_entry_point_adds_an_output(monkeypatch):
    point = EntryPoint("mine", f"{__name__}:open_mine", outputs.GROUP)
    monkeypatch.setattr(outputs, "entry_points", lambda group: [point])
    send("mine:there", results(3))
    assert MADE[-1].target == "mine:there"
    assert MADE[-1].frames == [0, 1, 2]


def test_sending_is_switched_and_counted_and_says_what_is_wrong(monkeypatch):
    events = []
    point = EntryPoint("mine", f"{__name__}:open_mine", outputs.GROUP)
    monkeypatch.setattr(outputs, "entry_points", lambda group: [point])
    sending = Sending(header, {}, events.append, lambda: True)
    sending.use(frozenset({"mine:a", "camera:"}))
    for result in results(3):
        sending.write(result, LOOK, NO_TRACES)
        time.sleep(0.02)

    def said(target):
        return [e for e in events if isinstance(e, Sent) and e.target == target]

    deadline = time.monotonic() + 5
    while not (said("camera:") and said("camera:")[-1].error) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "virtual camera" in said("camera:")[-1].error
    mine = MADE[-1]
    sending.use(frozenset())
    while not mine.closed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert mine.frames == [0, 1, 2]
    sending.close()


@pytest.mark.parametrize(
    ("failed", "error", "says"),
    [
        ({}, None, None),
        ({"cam": "cam: the cable is out"}, None, "cam: the cable is out"),
        ({}, "the card is gone", "the card is gone"),
    ],
)
def test_the_last_line_that_is_sent_says_what_went_wrong(failed, error, says):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        sending = Sending(header, failed, lambda event: None, lambda: True)
        sending.use(frozenset({f"udp://127.0.0.1:{receiver.getsockname()[1]}"}))
        for result in results(2):
            sending.write(result, LOOK, NO_TRACES)
        sending.close(error)
        lines = [json.loads(receiver.recv(65536)) for _ in range(4)]
    assert lines[-1]["type"] == "end"
    assert lines[-1].get("error") == says
