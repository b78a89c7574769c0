"""What is started when, and what becomes of failures."""

import pytest

from app.cluster.connection import connected
from app.cluster.scheduler import Scheduler
from app.cluster.work import Batch, Call, Failure, Work
from app.process.outcome import Outcome
from app.signals import Stop
from engine.errors import SettingsError

pytest.importorskip("fsspec", reason="needs the extra `cluster`")


class Later:
    """Calls end in the order of starting, two at a time."""

    def __init__(self, fail=()):
        self.started, self.running, self.most, self.cancelled = [], [], 0, []
        self._fail = fail

    def start(self, call):
        self.started.append(call.title)
        self.running.append(call.title)
        self.most = max(self.most, len(self.running))
        return call.title

    def wait(self, running, seconds):
        return list(running)[:2]

    def answer(self, ended):
        self.running.remove(ended)
        return Failure("lost") if ended in self._fail else ended

    def cancel(self, running):
        self.cancelled += running


def call(title):
    return Call(title, print, ())


def flow(name, count, seen):
    def calls():
        for n in range(count):
            yield call(f"{name}{n}")

    answers = yield Batch(calls(), enough=lambda answer: isinstance(answer, Failure))
    seen[name] = answers
    yield Batch(iter(()))
    (last,) = yield Batch([call(f"{name} end")])
    return Outcome(name, error=None if last == f"{name} end" else "wrong")


def test_answers_come_in_order_and_work_in_flight_is_bounded():
    executor, seen = Later(), {}
    made = []

    def flows():
        for name in "abcdef":
            made.append(name)
            yield flow(name, 5, seen)

    scheduler = Scheduler(executor, lambda: 3)
    outcomes = list(scheduler.run(flows(), Stop()))
    assert sorted(o.source for o in outcomes) == list("abcdef")
    assert all(o.error is None for o in outcomes)
    assert executor.most <= 3
    assert seen["c"] == [f"c{n}" for n in range(5)]
    assert executor.started.index("f0") > executor.started.index("d end")
    assert scheduler.unfinished == 0


def test_calls_that_are_not_needed_any_more_are_not_started():
    executor, seen = Later(fail=["a1"]), {}
    list(Scheduler(executor, lambda: 2).run(iter([flow("a", 100, seen)]), Stop()))
    assert isinstance(seen["a"][1], Failure)
    assert len(seen["a"]) <= 4


def test_a_stop_cancels_what_runs_and_starts_nothing():
    executor, seen, stop = Later(), {}, Stop()

    def watch(call, answer):
        stop.asked = stop.asked or call.title == "a3"

    outcomes = list(Scheduler(executor, lambda: 4, watch).run(iter([flow("a", 100, seen)]), stop))
    assert outcomes == []
    assert executor.cancelled
    assert len(executor.started) < 12


def test_the_parts_of_an_input_have_addresses_that_sort():
    fields = dict.fromkeys(("job", "files", "settings", "facts", "open_estimator"))
    work = Work(store="s3://b/o/.posestream/x.parts", shared="", **fields)
    assert work.part("detections", 12) == "s3://b/o/.posestream/x.parts/detections-000012"


def test_an_address_where_nothing_answers_is_one_line():
    pytest.importorskip("ray", reason="needs the extra `cluster`")
    with (
        pytest.raises(SettingsError, match=r"nothing answers at 127\.0\.0\.1:1 "),
        connected("127.0.0.1:1"),
    ):
        pass
