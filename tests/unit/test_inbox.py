"""The inbox loses nothing when it must not, keeps the newest when it may, and always stops."""

import threading

import numpy as np
import pytest

from engine.inbox import Inbox
from engine.types import Frame

PIXELS = np.zeros((2, 2, 3), np.uint8)


def frame(index, source="a"):
    return Frame(PIXELS.copy(), index, index / 10, 0.0, source)


def indices(frames):
    return [f.index for f in frames]


def in_thread(work):
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_all_frames_come_out_in_order():
    inbox = Inbox(["a"], keep="all", capacity=2)

    def produce():
        for i in range(20):
            assert inbox.put(frame(i))
        inbox.finish()

    thread = in_thread(produce)
    seen = []
    while got := inbox.take(3, wait=True):
        seen += indices(got)
    thread.join()
    assert seen == list(range(20))
    assert inbox.dropped["a"] == 0


def test_a_full_inbox_holds_the_producer_back():
    inbox = Inbox(["a"], keep="all", capacity=2)
    done = threading.Event()

    def produce():
        for i in range(3):
            inbox.put(frame(i))
        done.set()

    thread = in_thread(produce)
    assert not done.wait(0.1)
    assert indices(inbox.take(1, wait=True)) == [0]
    assert done.wait(2)
    thread.join()


def test_the_newest_frame_replaces_the_older_one_of_its_source_only():
    inbox = Inbox(["a", "b"], keep="newest")
    for i in range(5):
        inbox.put(frame(i, "a"))
    inbox.put(frame(7, "b"))
    got = inbox.take(8, wait=True)
    assert [(f.source, f.index) for f in got] == [("a", 4), ("b", 7)]
    assert inbox.dropped == {"a": 4, "b": 0}


def test_not_waiting_returns_what_is_there():
    inbox = Inbox(["a"])
    assert inbox.take(4, wait=False) == []
    inbox.put(frame(0))
    assert indices(inbox.take(4, wait=False)) == [0]


def test_full_batches_wait_until_they_are_full_or_nothing_more_comes():
    inbox = Inbox(["a"], keep="all", capacity=16)
    first = threading.Event()

    def produce():
        inbox.put(frame(0))
        first.wait(2)
        for i in range(1, 6):
            inbox.put(frame(i))
        inbox.finish()

    thread = in_thread(produce)
    first.set()
    assert indices(inbox.take(4, wait=True, full=True)) == [0, 1, 2, 3]
    assert indices(inbox.take(4, wait=True, full=True)) == [4, 5]
    assert inbox.take(4, wait=True, full=True) == []
    thread.join()


def test_a_batch_larger_than_the_inbox_takes_what_fits():
    inbox = Inbox(["a"], keep="all", capacity=2)
    inbox.put(frame(0))
    inbox.put(frame(1))
    assert indices(inbox.take(8, wait=True, full=True)) == [0, 1]


def test_an_error_is_raised_behind_the_frames_before_it_and_only_when_waiting():
    inbox = Inbox(["a"])
    inbox.put(frame(0))
    inbox.finish(ValueError("broken"))
    assert indices(inbox.take(4, wait=True)) == [0]
    assert inbox.take(4, wait=False) == []
    with pytest.raises(ValueError, match="broken"):
        inbox.take(4, wait=True)


def test_closing_wakes_a_waiting_producer_and_a_waiting_consumer():
    inbox = Inbox(["a"], keep="all", capacity=1)
    inbox.put(frame(0))
    answers = []
    producer = in_thread(lambda: answers.append(inbox.put(frame(1))))
    inbox.close()
    producer.join(2)
    assert answers == [False]
    empty = Inbox(["a"])
    consumer = in_thread(lambda: answers.append(empty.take(1, wait=True)))
    empty.close()
    consumer.join(2)
    assert answers == [False, []]


def test_the_inbox_ends_when_every_source_has():
    inbox = Inbox(["a", "b"])
    inbox.finish()
    inbox.put(frame(1, "b"))
    inbox.finish()
    assert indices(inbox.take(4, wait=True)) == [1]
    assert inbox.take(4, wait=True) == []


@pytest.mark.parametrize(("bytes_", "batches"), [(5 * 12, [4, 4, 4]), (2 * 12, [2] * 6)])
def test_large_frames_wait_in_smaller_number_and_their_batches_are_as_large(
    monkeypatch, bytes_, batches
):
    monkeypatch.setattr("engine.inbox.MOST_BYTES", bytes_)
    inbox = Inbox(["a"], keep="all", capacity=16)

    def produce():
        for i in range(12):
            inbox.put(frame(i))
        inbox.finish()

    thread = in_thread(produce)
    taken = [inbox.take(4, wait=True, full=True) for _ in batches]
    thread.join()
    assert [len(frames) for frames in taken] == batches
    assert [i for frames in taken for i in indices(frames)] == list(range(12))
