"""Results reach the window newest first, events in order, and the end comes last."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.gui.bridge import Bridge
from app.gui.shown import Shown
from app.live.plan import Plan
from app.live.protocol import Ready, Recorded, SourceState, Told
from app.live.viewport import Viewport
from app.overlay.look import Look
from engine.errors import SourceError
from engine.settings import Settings
from engine.skeleton import skeleton_from_names
from tests.support.synthetic import Figures

PLAN = Plan(("a",), Settings())


def test_results_arrive_as_news_and_the_end_is_the_last_signal(qtbot):
    bridge = Bridge(lambda plan, tell: Figures(plan, tell, rate=200))
    order = []
    bridge.news.connect(lambda: order.append("news") if bridge.newest() else None)
    bridge.ended.connect(lambda text: order.append(f"ended{text}"))
    bridge.start(PLAN)
    qtbot.waitUntil(lambda: order.count("news") > 2)
    bridge.stop()
    qtbot.waitUntil(lambda: "ended" in order)
    qtbot.wait(20)
    assert order[-1] == "ended"
    assert not bridge.running


def test_a_slow_window_gets_only_the_newest_result_and_one_signal(qtbot):
    bridge = Bridge(lambda plan, tell: Figures(plan, tell, rate=1000, size=(64, 36)))
    signals = []
    bridge.news.connect(lambda: signals.append(1))
    bridge.start(PLAN)
    reached = threading.Event()
    while not reached.wait(0.05):  # the event loop does not run: nothing is fetched
        shown = bridge._newest.get("a")
        if shown and shown.result.frame.index > 5:
            reached.set()
    index = shown.result.frame.index
    qtbot.waitUntil(lambda: bool(signals))
    assert len(signals) == 1
    assert bridge.newest()["a"].result.frame.index >= index
    with qtbot.waitSignal(bridge.ended):
        bridge.stop()


def test_a_pose_error_becomes_the_text_of_the_end(qtbot):
    class Fails(Figures):
        def results(self):
            raise SourceError("camera 7 is unplugged")
            yield

    bridge = Bridge(Fails)
    with qtbot.waitSignal(bridge.ended) as end:
        bridge.start(PLAN)
    assert end.args == ["camera 7 is unplugged"]


def test_a_bug_is_shown_as_one_and_logged(qtbot, caplog):
    class Broken(Figures):
        def results(self):
            raise ZeroDivisionError("oh")
            yield

    bridge = Bridge(Broken)
    with qtbot.waitSignal(bridge.ended) as end:
        bridge.start(PLAN)
    assert "fault of the program" in end.args[0]
    assert "ZeroDivisionError" in caplog.text
    caplog.clear()


def test_a_picture_that_cannot_be_made_ends_the_run_with_a_sentence(qtbot, caplog):
    class Torn(Figures):
        def _result(self, *args):
            result = super()._result(*args)
            return replace(result, frame=replace(result.frame, pixels=np.zeros(3, np.uint8)))

    bridge = Bridge(lambda plan, tell: Torn(plan, tell))
    with qtbot.waitSignal(bridge.ended) as end:
        bridge.start(PLAN)
    assert "fault of the program" in end.args[0]
    caplog.clear()


def test_people_of_a_model_that_the_look_does_not_know_yet_are_left_out_of_one_picture(qtbot):
    figures = Figures(PLAN, lambda event: None)
    result = figures._result("a", 0, 0.0)
    few = skeleton_from_names(("head", "tail"), ((0, 1),))
    shown = Shown.of(result.frame, Viewport((300, 200)), Look(few), result)
    empty = Shown.of(result.frame, Viewport((300, 200)), Look(few))
    assert (shown.pixels == empty.pixels).all()
    assert (shown.again(shown.viewport, Look()).pixels != empty.pixels).any()


def test_events_keep_their_order(qtbot):
    class Talks(Figures):
        def results(self):
            for i in range(5):
                self.tell(Told(str(i)))
            yield from ()

    bridge = Bridge(Talks)
    events = []
    bridge.told.connect(lambda: events.extend(bridge.events()))
    with qtbot.waitSignal(bridge.ended):
        bridge.start(PLAN)
    events += bridge.events()
    assert [event.text for event in events] == list("01234")


def test_a_second_start_before_the_end_is_refused(qtbot):
    bridge = Bridge(lambda plan, tell: Figures(plan, tell))
    bridge.start(PLAN)
    with pytest.raises(RuntimeError, match="running"):
        bridge.start(PLAN)
    with qtbot.waitSignal(bridge.ended):
        bridge.stop()


def test_the_engine_says_what_it_is(qtbot):
    bridge = Bridge(lambda plan, tell: Figures(plan, tell))
    with qtbot.waitSignal(bridge.told):
        bridge.start(PLAN)
    assert isinstance(bridge.events()[0], Ready)
    with qtbot.waitSignal(bridge.ended):
        bridge.stop()


class Stuck(Figures):
    """In the middle of something that cannot be interrupted, until `free`."""

    def __init__(self, plan, tell):
        super().__init__(plan, tell)
        self.inside, self.free, self.gone = (threading.Event() for _ in range(3))

    def results(self):
        self.inside.set()
        self.free.wait(10)
        self.tell(Recorded(Path(), running=False))
        self.tell(SourceState("a", "ended", "a has ended."))
        self.gone.set()
        yield from ()


def stuck_bridge():
    """A bridge whose session is stuck, and the sessions it has made and will have made."""
    sessions = []

    def start(plan, tell):
        sessions.append(Stuck(plan, tell))
        return sessions[-1]

    bridge = Bridge(start)
    bridge.start(PLAN)
    assert sessions[0].inside.wait(5)
    return bridge, sessions


def test_a_stop_is_answered_at_once_though_the_engine_is_in_the_middle_of_a_call(qtbot):
    bridge, sessions = stuck_bridge()
    ends = []
    bridge.ended.connect(ends.append)
    bridge.stop()
    assert ends == [""]
    assert not bridge.running
    assert not sessions[0].gone.is_set()
    sessions[0].free.set()
    assert bridge.wait(5)
    qtbot.wait(20)
    assert ends == [""], "a session ends once"


def test_the_next_session_begins_when_the_one_before_has_let_everything_go(qtbot):
    bridge, sessions = stuck_bridge()
    bridge.stop()
    bridge.start(PLAN)
    assert not sessions[1].inside.wait(0.05)
    sessions[0].free.set()
    assert sessions[1].inside.wait(5)
    assert sessions[0].gone.is_set()
    sessions[1].free.set()
    assert bridge.wait(5)


def test_a_session_stopped_before_its_turn_never_begins(qtbot):
    bridge, sessions = stuck_bridge()
    bridge.stop()
    bridge.start(PLAN)
    bridge.stop()
    sessions[0].free.set()
    assert bridge.wait(5)
    assert not sessions[1].inside.is_set()


def test_of_a_session_let_go_only_what_became_of_its_files_is_heard(qtbot):
    bridge, sessions = stuck_bridge()
    bridge.stop()
    sessions[0].free.set()
    assert bridge.wait(5)
    assert [type(event) for event in bridge.events()] == [Recorded]
