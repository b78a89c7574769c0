"""A file played by the clock: on time, standing, stepping and jumping."""

import threading
import time

import numpy as np
import pytest

from engine.sources.paced import Paced
from engine.sources.source import SourceInfo
from engine.types import Frame


class Clip:
    """Ten frames a second, two seconds long."""

    name = "clip"
    info = SourceInfo(kind="video", size=(4, 2), rate=10.0, duration=2.0)

    def __init__(self, start=0.0):
        self._first = round(start * 10)

    def frames(self):
        for i in range(self._first, 20):
            yield Frame(np.zeros((2, 4, 3), np.uint8), i, i / 10, 0.0, "clip")

    def close(self):
        pass


class Playing:
    """Plays on a thread and collects what comes."""

    def __init__(self, **options):
        self.paced = Paced("clip", Clip, **options)
        self.frames = []
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self.paced.close()
        self._thread.join(2)
        assert not self._thread.is_alive()

    def until(self, condition):
        with self._came:
            assert self._came.wait_for(condition, timeout=10), self.indices

    @property
    def indices(self):
        return [frame.index for frame in self.frames]

    def _run(self):
        for frame in self.paced.frames():
            with self._came:
                self.frames.append(frame)
                self._came.notify_all()


def test_frames_never_come_before_their_time():
    with Playing() as playing:
        playing.until(lambda: len(playing.frames) == 5)
    first = playing.frames[0]
    for frame in playing.frames:
        assert frame.arrived - first.arrived >= frame.time - first.time - 1e-3


def test_a_closed_file_wakes_up_at_once():
    with Playing() as playing:
        playing.until(lambda: len(playing.frames) == 1)
        playing.paced.pause(True)
        began = time.monotonic()
        playing.paced.close()
        playing._thread.join(1)
        assert time.monotonic() - began < 0.5


def test_paused_it_shows_one_frame_per_step():
    with Playing() as playing:
        playing.until(lambda: len(playing.frames) == 2)
        playing.paced.pause(True)
        shown = len(playing.frames)
        playing.paced.step(1)
        playing.until(lambda: len(playing.frames) > shown)
        last = playing.indices[-1]
        playing.paced.step(1)
        playing.until(lambda: playing.indices[-1] == last + 1)
        playing.paced.step(-1)
        playing.until(lambda: playing.indices[-1] == last)
        assert playing.paced.paused


def test_a_seek_while_paused_shows_that_time_and_begins_a_new_part():
    with Playing() as playing:
        playing.until(lambda: len(playing.frames) == 1)
        playing.paced.pause(True)
        playing.paced.seek(1.5)
        playing.until(lambda: playing.indices[-1] == 15)
        playing.paced.seek(0.3)
        playing.until(lambda: playing.indices[-1] == 3)
        segments = [frame.segment for frame in playing.frames]
        assert segments[-1] == 2


def test_a_loop_begins_again_as_a_new_part():
    with Playing(loop=True) as playing:
        playing.paced.pause(True)
        for _ in range(25):
            before = len(playing.frames)
            playing.paced.step(1)
            playing.until(lambda before=before: len(playing.frames) > before)
        assert 0 in playing.indices[10:]
        assert playing.frames[-1].segment == 1


def test_the_end_of_the_file_is_the_end():
    paced = Paced("clip", lambda start: Clip(1.8))
    assert [frame.index for frame in paced.frames()] == [18, 19]


def test_frames_carry_the_name_that_the_user_gave():
    paced = Paced("my name", lambda start: Clip(1.9))
    assert [frame.source for frame in paced.frames()] == ["my name"]


def test_facts_are_told_once_the_file_is_open():
    paced = Paced("clip", lambda start: Clip(1.9))
    told = []
    paced.opened = told.append
    list(paced.frames())
    assert told[0].duration == pytest.approx(2.0)
