"""The rate of a source is measured, whatever its container claims."""

import time
from types import SimpleNamespace

import pytest

from app.live.taps import Tapped
from engine.sources.source import SourceInfo


class Camera:
    """Claims 1000 frames per second; 10 of them came every second, the last one just now."""

    name, over = "cam", False
    info = SourceInfo(kind="stream", size=(4, 2), rate=1000.0)

    def __init__(self, seconds):
        now = time.perf_counter()
        self._times = [now - ago / 10 for ago in range(round(10 * seconds), -1, -1)]

    def frames(self):
        yield from (SimpleNamespace(arrived=at) for at in self._times)


def test_the_rate_is_that_of_the_frames_that_arrived_lately():
    seen = []
    tapped = Tapped(Camera(5.0), seen.append)
    assert tapped.rate == 0.0
    assert list(tapped.frames()) == seen
    assert tapped.captured == 51
    assert tapped.rate == pytest.approx(10.0, rel=0.01)


def test_of_a_source_that_delivers_no_more_there_is_no_rate():
    tapped = Tapped(Camera(0.5), lambda frame: None)
    list(tapped.frames())
    tapped._arrived = type(tapped._arrived)(at - 10 for at in tapped._arrived)
    assert tapped.rate == 0.0
