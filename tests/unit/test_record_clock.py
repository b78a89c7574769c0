"""A recording's time begins at 0 and only grows, whatever its source does."""

import numpy as np
import pytest

from app.live.record_clock import RecordClock
from engine.types import Frame

PIXELS = np.zeros((2, 2, 3), np.uint8)


def at(clock, time, index, segment=0):
    moved = clock.frame(Frame(PIXELS, index, time, 0.0, "a", segment))
    return moved and (round(moved.time, 6), moved.index)


def test_it_begins_at_zero_however_old_the_source_is():
    clock = RecordClock(seeks=False)
    assert at(clock, 3600.0, 90_000) == (0.0, 0)
    assert at(clock, 3600.04, 90_001) == (0.04, 1)
    assert at(clock, 3600.04, 90_001) == (0.04, 1), "the engine asks about the same frame"


def test_a_frame_from_before_the_first_is_not_of_the_recording():
    clock = RecordClock(seeks=False)
    at(clock, 5.0, 100)
    assert at(clock, 4.96, 99) is None
    assert at(clock, 5.04, 101) == (0.04, 1)


def test_a_loop_and_a_seek_follow_one_step_later():
    clock = RecordClock(seeks=True)
    for i in range(3):
        at(clock, i / 10, i)
    assert at(clock, 0.0, 0, 1) == (0.3, 3)
    assert at(clock, 0.1, 1, 1) == (0.4, 4)
    assert at(clock, 50.0, 500, 2) == (0.5, 5)
    assert at(clock, 0.1, 1, 1) == (0.4, 4), "a result of the segment before is still on its way"


def test_a_lost_camera_keeps_its_gap():
    clock = RecordClock(seeks=False)
    at(clock, 1.0, 0)
    at(clock, 1.1, 1)
    time, index = at(clock, 7.1, 2, 1)
    assert time == pytest.approx(6.1)
    assert index == 2
