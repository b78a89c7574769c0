"""The road keeps order, loses nothing, hands errors on and stops at once."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from engine.errors import SourceError
from engine.inbox import Inbox
from engine.pipeline import run
from engine.sources.source import SourceInfo
from engine.types import Frame, no_people


class Clip:
    """A source of `count` frames that can fail, hang or never end."""

    def __init__(self, count, *, name="clip", fail_at=None, hang_at=None):
        self.name, self.count, self.fail_at, self.hang_at = name, count, fail_at, hang_at
        self.info = SourceInfo("video", (2, 2))
        self.released = threading.Event()
        self.closed = 0

    def frames(self):
        for i in range(self.count):
            if i == self.fail_at:
                raise SourceError(f"frame {i} is broken")
            if i == self.hang_at:
                self.released.wait(5)
            yield Frame(np.zeros((2, 2, 3), np.uint8), i, i / 10, time.perf_counter(), self.name)

    def close(self):
        self.closed += 1


class Counting:
    """An estimator that finds nobody and remembers what it was given."""

    def __init__(self, batch=4, depth=2):
        self.times = {"network": 0.0}
        self.batch, self.depth = batch, depth
        self.batches = []
        self.in_flight = 0
        self.most_in_flight = 0

    def submit(self, frames):
        self.batches.append([f.index for f in frames])
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        return frames

    def collect(self, ticket):
        self.in_flight -= 1
        return [no_people(17) for _ in ticket]


def test_every_frame_gets_a_result_in_order():
    clip, engine = Clip(23), Counting()
    results = list(run([clip], Inbox(["clip"], keep="all"), engine, full_batches=True))
    assert [r.frame.index for r in results] == list(range(23))
    assert engine.batches == [[0, 1, 2, 3], [4, 5, 6, 7], *engine.batches[2:]]
    assert [len(b) for b in engine.batches] == [4, 4, 4, 4, 4, 3]
    assert engine.most_in_flight == 2
    assert clip.closed >= 1


def test_a_capture_error_arrives_after_the_frames_before_it():
    results = run([Clip(9, fail_at=6)], Inbox(["clip"], keep="all"), Counting())
    seen = []
    with pytest.raises(SourceError, match="frame 6"):
        seen.extend(result.frame.index for result in results)
    assert seen == list(range(6))


def test_stages_of_each_source_run_in_order_on_its_own_frames():
    def stages(source):
        def first(frame, poses, camera):
            assert frame.source == source
            return replace(poses, ids=np.zeros(0, np.int32))

        calls = []

        def second(frame, poses, camera):
            calls.append(frame.index)
            assert calls == sorted(calls)
            return poses

        return [first, second]

    clips = [Clip(5, name="a"), Clip(7, name="b")]
    results = list(run(clips, Inbox(["a", "b"], keep="all"), Counting(), stages))
    for name, count in (("a", 5), ("b", 7)):
        assert [r.frame.index for r in results if r.frame.source == name] == list(range(count))


def test_closing_the_iterator_early_ends_the_capture_threads():
    clip = Clip(10_000)
    results = run([clip], Inbox(["clip"], keep="all"), Counting())
    next(results)
    results.close()
    assert clip.closed >= 1
    assert not [t for t in threading.enumerate() if t.name.startswith("capture")]


def test_closing_the_inbox_stops_a_run_whose_source_hangs():
    clip, inbox = Clip(5, hang_at=2), Inbox(["clip"], keep="newest")
    stopped = []

    def engine():
        list(run([clip], inbox, Counting()))
        stopped.append(time.perf_counter())

    thread = threading.Thread(target=engine)
    thread.start()
    began = time.perf_counter()
    inbox.close()
    thread.join(2)
    assert stopped
    assert stopped[0] - began < 0.5
    clip.released.set()


def test_dropped_frames_are_counted_in_the_results():
    class Slow(Counting):
        def collect(self, ticket):
            time.sleep(0.02)
            return super().collect(ticket)

    results = list(run([Clip(200)], Inbox(["clip"], keep="newest"), Slow(batch=1, depth=1)))
    last = results[-1]
    assert last.frame.index == 199
    assert len(results) + last.dropped == 200
    assert last.dropped > 0
