"""Workers that die: only the inputs they were working on are tried again."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from types import SimpleNamespace

import pytest

from app.process import pool as pools
from app.process.outcome import Outcome
from app.process.pool import Task, process_many
from app.signals import Stop
from engine.settings import Settings


class FakePool:
    """A process pool without processes; it breaks at a source called `deadly`."""

    made: list[FakePool]

    def __init__(self, workers, *_):
        self.workers, self.done, self.broken = workers, [], False
        FakePool.made.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def submit(self, work, task):
        if self.broken:
            raise BrokenProcessPool
        future = Future()
        if task.job.source.startswith("deadly"):
            self.broken = True
            future.set_exception(BrokenProcessPool())
        else:
            self.done.append(task.job.source)
            future.set_result(Outcome(task.job.source))
            self.broken = task.job.source == "last words"  # dies after it has delivered
        return future


@pytest.fixture
def fake(monkeypatch):
    FakePool.made = []
    monkeypatch.setattr(pools, "_pool", FakePool)
    return FakePool


def outcomes(*names):
    tasks = [Task(SimpleNamespace(source=name), None, Settings(), False) for name in names]
    return {o.source: o.error for o in process_many(tasks, 2, None, Stop())}


def test_one_death_among_forty_inputs_costs_two_more_pools_and_no_serial_retry(fake):
    found = outcomes("deadly", *(f"clip {n}" for n in range(39)))
    assert [name for name, error in found.items() if error] == ["deadly"]
    assert len(found) == 40
    assert [pool.workers for pool in fake.made] == [2, 2, 1]
    assert len(fake.made[1].done) == 39


def test_every_death_is_found(fake):
    names = [f"{'deadly' if n % 3 == 1 else 'clip'} {n}" for n in range(12)]
    found = outcomes(*names)
    assert {name for name, error in found.items() if error} == set(names[1::3])
    assert len(found) == 12


def test_a_worker_that_dies_between_two_inputs_costs_nothing(fake):
    found = outcomes("last words", "clip 1", "clip 2")
    assert found == dict.fromkeys(("last words", "clip 1", "clip 2"))
