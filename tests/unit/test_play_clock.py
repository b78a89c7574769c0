"""Several files have one clock: one start, one end, one place to go to."""

import threading
from contextlib import ExitStack, contextmanager

import numpy as np

from engine.sources.paced import Paced
from engine.sources.play_clock import PlayClock
from engine.sources.source import SourceInfo
from engine.types import Frame

FAST = 8.0  # times the speed of the files


class Clip:
    """Ten frames per second."""

    def __init__(self, start, seconds):
        self._first, self._count = round(start * 10), round(seconds * 10)
        self.info = SourceInfo(kind="video", size=(4, 2), duration=seconds, rate=10.0)

    def frames(self):
        for i in range(self._first, self._count):
            yield Frame(np.zeros((2, 4, 3), np.uint8), i, i / 10, 0.0, "clip")

    def close(self):
        pass


class Files:
    """A file of 1 s and one of 2 s, played together."""

    def __init__(self, clock):
        self.clock = clock
        self.shown = {"short": [], "long": []}  # (segment, index) of each frame
        self._came = threading.Condition()
        self._files = {
            name: Paced(name, lambda start, s=seconds: Clip(start, s), clock=clock)
            for name, seconds in (("short", 1.0), ("long", 2.0))
        }

    def until(self, condition):
        with self._came:
            assert self._came.wait_for(condition, timeout=10), self.shown

    def ended(self):
        """Wait for the common end, whose moment no frame says."""
        with self.clock.changed:
            assert self.clock.changed.wait_for(
                lambda: all(file.ended for file in self._files.values()), timeout=10
            )

    def last(self, name):
        return self.shown[name][-1] if self.shown[name] else None

    def _play(self, name):
        for frame in self._files[name].frames():
            with self._came:
                self.shown[name].append((frame.segment, frame.index))
                self._came.notify_all()

    @contextmanager
    def playing(self):
        threads = [threading.Thread(target=self._play, args=(name,)) for name in self._files]
        with ExitStack() as ends:
            for thread, file in zip(threads, self._files.values(), strict=True):
                thread.start()
                ends.callback(thread.join, 5)
                ends.callback(file.close)
            yield self


def files(**options):
    return Files(PlayClock(speed=FAST, **options)).playing()


def test_the_end_is_that_of_the_longest_and_playing_begins_at_the_start_of_all():
    with files(hold=True) as played:
        played.until(lambda: played.last("long") == (0, 19))
        assert played.last("short") == (0, 9), "it waits for the other"
        assert played.clock.duration == 2.0
        played.ended()
        assert played.clock.ended
        played.clock.pause(False)
        played.until(lambda: {played.last(n)[0] for n in played.shown} == {1})
    assert (1, 0) in played.shown["short"]
    assert (1, 0) in played.shown["long"]


def test_a_loop_waits_for_the_longest():
    with files(loop=True) as played:
        played.until(lambda: (1, 0) in played.shown["short"])
        assert (0, 19) in played.shown["long"]


def test_after_the_end_every_file_goes_to_the_time_that_is_asked_for():
    with files(hold=True) as played:
        played.until(lambda: played.last("long") == (0, 19))
        played.ended()
        played.clock.pause(True)
        played.clock.seek(0.5)
        played.until(lambda: [played.last(n) for n in played.shown] == [(1, 5)] * 2)


def test_past_the_end_of_a_short_file_its_last_picture_is_shown():
    with files(hold=True) as played:
        played.until(lambda: bool(played.shown["short"] and played.shown["long"]))
        played.clock.pause(True)
        played.clock.seek(1.5)
        played.until(lambda: [played.last(n)[1] for n in played.shown] == [9, 15])
