"""One source's results reach every writer, and every writer is closed."""

import pytest

from app.tracks.names import distinct, file_name
from app.tracks.sink import Sink
from engine.errors import OutputError
from tests.support.tracks import some_results, write_all


class Kept:
    def __init__(self, fail_at=None, fail_at_end=False, note=""):
        self.frames, self.endings = [], []
        self.note = note
        self._fail_at, self._fail_at_end = fail_at, fail_at_end

    def write(self, result):
        if len(self.frames) == self._fail_at:
            raise OutputError("the disk is full")
        self.frames.append(result.frame.index)

    def close(self, ending):
        self.endings.append(ending)
        if self._fail_at_end:
            raise OutputError("no room for the end")


def test_everything_is_counted_and_written_and_closed_with_one_ending():
    results = some_results(12)
    a, b = Kept(note="without sound"), Kept()
    with Sink(a) as sink:
        sink.open("b", lambda: b)
        for result in results:
            sink.write(result)
    assert a.frames == b.frames == [r.frame.index for r in results]
    [ending] = a.endings
    assert b.endings == [ending]
    assert (ending.frames, ending.people) == (12, sum(len(r.poses) for r in results))
    assert ending.complete
    assert sink.counts.ids == {i for r in results for i in r.poses.ids.tolist() if i >= 0}
    assert sink.notes == ["without sound"]
    sink.close()
    assert len(a.endings) == 1


def test_an_optional_writer_that_fails_is_left_out_and_the_others_go_on():
    required, failing = Kept(), Kept(fail_at=3)
    with Sink(required) as sink:
        sink.open("overlay", lambda: failing, optional=True)
        sink.open("never", lambda: 1 / 0, optional=True)
        for result in some_results(8):
            sink.write(result)
    assert len(required.frames) == 8
    assert required.endings[0].complete
    assert failing.endings[0].error == "the disk is full"
    assert set(sink.failures) == {"overlay", "never"}


def test_after_a_failure_all_are_closed_with_what_happened():
    failing, other = Kept(fail_at=2, fail_at_end=True), Kept()
    with pytest.raises(OutputError, match="disk is full"):
        write_all([failing, other], some_results(8))
    assert [e.error for e in (*failing.endings, *other.endings)] == ["the disk is full"] * 2


def test_a_failure_at_the_end_leaves_no_writer_open():
    failing, other = Kept(fail_at_end=True), Kept()
    with pytest.raises(OutputError, match="no room"), Sink(failing, other):
        pass
    assert other.endings[0].complete


def test_names_are_distinct_whatever_their_case():
    assert distinct(["clip", "Clip", "clip", "clip-2"]) == ["clip", "Clip-3", "clip-4", "clip-2"]
    assert file_name("rtsp://host/live/cam 1.sdp?x=1") == "cam_1"
