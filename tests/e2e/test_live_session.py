"""A live session stays young, stops at once, and leaves nothing behind."""

import gc
import json
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.live.plan import Plan
from app.live.protocol import Ready, Recorded, RecordPlan, SourceState
from app.live.session import LiveSession
from engine.settings import Settings, SmoothingSettings, TrackingSettings
from engine.sources.source import SourceInfo
from engine.types import UNTRACKED
from tests.support.live_fakes import Bench
from tests.support.waiting import until

HANDLES = Path("/proc/self/fd")


def test_with_a_slow_engine_the_age_stays_below_two_periods_and_does_not_grow():
    bench = Bench(delay=0.1)
    session = bench.stamped()
    ages = []
    with closing(session.results()) as results:
        for result in results:
            ages.append(time.perf_counter() - result.frame.arrived)
            if len(ages) == 30:
                session.stop()
    assert result.dropped > 100, "most frames were replaced by newer ones"
    # The waiting frame is always the newest, so an age is one engine period and at most one frame;
    # the median leaves out what a busy machine adds.
    assert np.median(ages[-10:]) < 2 * 0.1 + 0.01
    assert np.median(ages[-10:]) < np.median(ages[:10]) + 0.05


def test_two_sources_share_one_network_call():
    bench = Bench(delay=0.02)
    session = bench.stamped("a", "b")
    seen = []
    with closing(session.results()) as results:
        for result in results:
            seen.append(result.frame.source)
            if len(seen) == 40:
                session.stop()
    assert set(seen) == {"a", "b"}
    assert max(bench.estimators[0].batches) == 2


class Hanging:
    """A camera whose driver does not answer."""

    name = "hangs"
    info = SourceInfo(kind="camera", size=(0, 0), live=True)

    def __init__(self):
        self.released = threading.Event()

    def frames(self):
        self.released.wait(20)
        yield from ()

    def close(self):
        pass  # the driver cannot be reached


def test_stop_takes_half_a_second_at_most_with_a_source_that_hangs():
    hanging, bench = Hanging(), Bench()
    session = LiveSession(
        Plan(("hangs",), Settings()),
        bench.events.append,
        open_estimator=bench._open,
        open_source=lambda text, tell, **options: hanging,
    )
    worker = threading.Thread(target=lambda: list(session.results()))
    worker.start()
    until(lambda: any(t.name == "capture hangs" for t in threading.enumerate()))
    began = time.monotonic()
    session.stop()
    worker.join(5)
    took = time.monotonic() - began
    hanging.released.set()
    assert not worker.is_alive()
    assert took <= 0.5


def test_stop_before_the_start_is_a_stop():
    session = Bench().stamped()
    session.stop()
    assert list(session.results()) == []


@pytest.mark.skipif(not HANDLES.is_dir(), reason="counts handles through /proc")
def test_starting_and_stopping_leaks_neither_threads_nor_handles():
    def once():
        session = Bench().stamped()
        with closing(session.results()) as results:
            next(results)

    once()
    gc.collect()
    threads, handles = threading.active_count(), len(list(HANDLES.iterdir()))
    for _ in range(30):
        once()
    gc.collect()
    assert threading.active_count() == threads
    assert len(list(HANDLES.iterdir())) == handles


def test_thresholds_smoothing_and_tracking_change_while_it_runs():
    bench = Bench()
    session = bench.stamped()
    off = Settings(
        tracking=TrackingSettings(enabled=False), smoothing=SmoothingSettings(enabled=False)
    )
    grouping = off.grouping.model_copy(update={"peak_threshold": 0.7})
    with closing(session.results()) as results:
        while next(results).poses.ids[0] == UNTRACKED:
            pass
        session.change(off.model_copy(update={"grouping": grouping}))
        while next(results).poses.ids[0] != UNTRACKED:
            pass
    assert bench.estimators[0].grouping.peak_threshold == 0.7


def test_the_engine_and_the_sources_are_told():
    bench = Bench()
    session = bench.session("lavfi:testsrc2=size=64x48:rate=50:duration=0.2")
    assert [result.frame.size for result in session.results()].count((64, 48)) > 0
    (ready,) = bench.said(Ready)
    assert ready.weights == "fake"
    states = [(state.status, state.text[:7]) for state in bench.said(SourceState)]
    assert states == [
        ("opening", "Loading"),
        ("opening", "Opening"),
        ("live", ""),
        ("ended", "lavfi:t"),
    ]


def test_a_source_that_fails_beside_another_ends_alone():
    bench = Bench()
    session = bench.session("nowhere.mp4", "lavfi:testsrc2=size=64x48:rate=50:duration=0.3")
    sources = {result.frame.source for result in session.results()}
    assert sources == {"lavfi:testsrc2=size=64x48:rate=50:duration=0.3"}
    (failed,) = [state for state in bench.said(SourceState) if state.status == "failed"]
    assert "there is no file nowhere.mp4" in failed.text


@pytest.mark.parametrize("bad", ["camera:nope", "nowhere.mp4", "http://127.0.0.1:9/x"])
def test_at_the_start_one_bad_source_of_three_fails_alone(bad):
    bench = Bench()
    good = [f"lavfi:testsrc2=size={size}:rate=50:duration=0.3" for size in ("64x48", "96x64")]
    session = bench.session(good[0], bad, good[1])
    seen, players = set(), []
    for result in session.results():
        seen.add(result.frame.source)
        players.append(session.player)
    assert seen == set(good)
    assert [state.source for state in bench.said(SourceState) if state.status == "failed"] == [bad]
    assert any(players), "what still comes is files"


def test_a_source_that_fails_alone_ends_the_session_and_is_told():
    bench = Bench()
    assert list(bench.session("nowhere.mp4").results()) == []
    last = bench.said(SourceState)[-1]
    assert (last.status, last.text) == ("failed", "there is no file nowhere.mp4")


def test_where_no_source_can_be_opened_no_network_is_loaded():
    bench = Bench()
    assert list(bench.session("camera:nope", "camera:none").results()) == []
    assert [state.status for state in bench.said(SourceState)] == ["failed", "failed"]
    assert not bench.estimators


def test_a_source_added_while_the_network_is_loaded_is_watched():
    bench = Bench()
    clip = "lavfi:testsrc2=size=64x48:rate=50:duration=0.3"

    @contextmanager
    def slowly(settings):
        session.add(clip, "late")
        until(lambda: len(session.sources) == 2)
        with bench._open(settings) as estimator:
            yield estimator

    plan = Plan((clip,), Settings(), names=("early",))
    session = LiveSession(plan, bench.events.append, open_estimator=slowly)
    assert {result.frame.source for result in session.results()} == {"early", "late"}


def test_only_files_can_be_paused():
    bench = Bench()
    file = bench.session("lavfi:testsrc2=size=64x48:rate=50")
    with closing(file.results()) as results:
        next(results)
        file.player.pause(True)
        assert file.player.paused
    camera = bench.stamped()
    with closing(camera.results()) as results:
        next(results)
        assert camera.player is None


def test_fast_files_lose_no_frame():
    bench = Bench(delay=0.005)
    session = bench.session("lavfi:testsrc2=size=64x48:rate=500:duration=0.1", fast=True)
    assert [result.frame.index for result in session.results()] == list(range(50))


def test_a_recording_holds_pictures_and_tracks(tmp_path):
    import av

    bench = Bench()
    session = bench.stamped(rate=30)
    folder = tmp_path / "kept"
    count = 0
    with closing(session.results()) as results:
        next(results)
        session.record(RecordPlan(folder, raw=True, overlay=True, tracks=True))
        for _ in results:
            count += 1
            if count == 12:
                break
    done = bench.said(Recorded)[-1]
    assert not done.running, "files are whole when the session has ended"
    frames = {file.path.name: file.frames for file in done.files}
    assert set(frames) == {"cam.ndjson", "cam overlay.mp4", "cam.mp4"}
    lines = [json.loads(line) for line in (folder / "cam.ndjson").read_text().splitlines()]
    assert lines[-1]["frames"] == frames["cam.ndjson"] > 5
    for name in ("cam.mp4", "cam overlay.mp4"):
        with av.open(str(folder / name)) as video:
            assert sum(1 for _ in video.decode(video=0)) == frames[name] > 5


def test_a_recording_that_cannot_be_written_is_a_sentence_and_the_picture_goes_on(tmp_path):
    bench = Bench()
    session = bench.stamped()
    (tmp_path / "file").touch()
    with closing(session.results()) as results:
        next(results)
        session.record(RecordPlan(tmp_path / "file" / "below", tracks=True))
        until(lambda: next(results) and "cam.ndjson is not recorded any more" in str(bench.events))
