"""Times strictly increase, are the stamps where those increase, and do not drift."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from engine.sources.clock import FileClock


def times(stamps, *, tick=Fraction(1, 1000), rate=30.0):
    stream = SimpleNamespace(time_base=tick)
    clock = FileClock(stream, rate, counts_decoding=False)
    found = [clock.seconds(SimpleNamespace(pts=stamp, duration=0)) for stamp in stamps]
    assert (np.diff(found) > 0).all()
    return [round(t * 1000) for t in found], clock.notes


def test_stamps_that_increase_are_the_times():
    assert times([0, 40, 41, 900, 1_000_000]) == ([0, 40, 41, 900, 1_000_000], [])


@pytest.mark.parametrize("repeats", [1, 2, 4])
def test_after_a_repeated_stamp_the_times_are_the_stamps_again(repeats):
    found, notes = times([0, 33, 66, *[66] * repeats, 100, 133])
    assert found[:3] + found[-2:] == [0, 33, 66, 100, 133]
    assert notes == []


def test_one_wrong_stamp_moves_nothing_else():
    found, notes = times([5000, 5033, 5066, 10, 5133, 5166])
    assert found == [5000, 5033, 5066, 5082, 5133, 5166]
    assert notes == []


def test_a_clock_that_starts_again_is_noted_and_the_times_go_on():
    found, notes = times([9000, 9033, 9066, 0, 33, 66, 100])
    assert found[:3] == [9000, 9033, 9066]
    assert np.diff(found)[3:].tolist() == [33, 33, 34]
    assert 9066 < found[3] < 9110
    assert len(notes) == 1
    assert "jumps from 9.066 s to 0.000 s" in notes[0]


def test_a_jump_that_no_container_can_hold_is_a_clock_that_was_set():
    tick = Fraction(1, 90_000)
    stamps = [0, 3000, 6000, 7_000_000_000, 7_000_003_000]
    found, notes = times(stamps, tick=tick)
    assert found[-1] < 200
    assert len(notes) == 1


def test_frames_without_stamps_follow_one_frame_apart():
    assert times([None] * 4, rate=25)[0] == [0, 40, 80, 120]


def test_parts_that_were_joined_follow_each_other():
    part = [1400 + 33 * i for i in range(10)]
    found, _ = times([*part, *part, *part])
    assert found[-1] < 1400 + 33 * 31
    assert min(np.diff(found)) > 10
