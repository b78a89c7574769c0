"""A live source that is lost comes back with new segments; one that never was is an error."""

import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources import reconnect
from engine.sources.reconnect import Reconnecting
from engine.sources.source import SourceInfo
from engine.types import Frame


class Life:
    """Delivers some frames, then ends or fails."""

    name = "cam"
    info = SourceInfo(kind="camera", size=(4, 2), rate=30.0, codec="MJPG", live=True)

    def __init__(self, frames, error=None, began=0.0):
        self._frames, self._error, self._began = frames, error, began

    def frames(self):
        for i in range(self._frames):
            pixels = np.zeros((2, 4, 3), np.uint8)
            yield Frame(pixels, i, i / 10, self._began + i / 10, "x")
        if self._error:
            raise SourceError(self._error)

    def close(self):
        self._closed = True


def lives(monkeypatch, *made):
    monkeypatch.setattr(reconnect, "WAITS", (0.0,))
    queue = list(made)
    changes = []
    source = Reconnecting("cam", lambda: queue.pop(0), changes.append)
    return source, changes


def take(source, count):
    frames = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == count:
            source.close()
    return frames


def test_after_a_loss_index_and_time_go_on_and_the_part_is_new(monkeypatch):
    source, changes = lives(monkeypatch, Life(3, "unplugged"), Life(2, began=5.0))
    frames = take(source, 5)
    assert [f.index for f in frames] == [0, 1, 2, 3, 4]
    assert [f.segment for f in frames] == [0, 0, 0, 1, 1]
    assert [f.time for f in frames] == pytest.approx([0.0, 0.1, 0.2, 5.0, 5.1])
    assert {f.source for f in frames} == {"cam"}
    assert [c.status for c in changes] == ["opening", "live", "reconnecting", "live"]
    assert changes[2].text == "unplugged. Trying again (1)."
    assert "is back after" in changes[3].text
    assert changes[3].info.size == (4, 2)


def test_an_unplugged_camera_is_tried_until_it_is_back(monkeypatch):
    gone = [Life(0, "cannot open camera") for _ in range(4)]
    source, changes = lives(monkeypatch, Life(1, "was it unplugged?"), *gone, Life(1))
    assert [f.segment for f in take(source, 2)] == [0, 1]
    tries = [c.text for c in changes if c.status == "reconnecting"]
    assert len(tries) == 5
    assert tries[0] == "was it unplugged? Trying again (1)."
    assert tries[-1].endswith("Trying again (5).")


def test_what_never_delivered_is_an_error_not_a_loss(monkeypatch):
    source, _ = lives(monkeypatch, Life(0, "nothing listens there"))
    with pytest.raises(SourceError, match="nothing listens there"):
        take(source, 1)
    source, _ = lives(monkeypatch, Life(0))
    with pytest.raises(SourceError, match="before the first picture"):
        take(source, 1)


def test_close_ends_the_waiting(monkeypatch):
    monkeypatch.setattr(reconnect, "WAITS", (60.0,))
    changes = []
    source = Reconnecting("cam", lambda: Life(1), changes.append)

    def tell(change):
        if change.status == "reconnecting":
            source.close()

    source._tell = tell
    assert len(list(source.frames())) == 1
