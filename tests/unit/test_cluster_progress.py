"""The line that a run on a cluster shows."""

import io

import pytest

pytest.importorskip("fsspec", reason="needs the extra `cluster`")

from rich.console import Console

from app.cluster import progress, tasks
from app.cluster.work import Associated, Call, Detected, Failure, Survey
from app.process.outcome import Outcome
from app.process.progress import Bars
from engine.sources.segments import Segment


def counter(monkeypatch, inputs):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    return progress.Counter(Bars(Console(file=io.StringIO())), inputs), clock


def call(function):
    return Call("", function, ())


def test_it_counts_inputs_segments_speed_time_left_and_failures(monkeypatch):
    line, clock = counter(monkeypatch, 2)
    segments = (Segment(0, 600), Segment(600, None))
    line(call(tasks.survey), Survey(segments=segments, frames=1200))
    clock[0] = 60.0
    line(call(tasks.detect_segment), Detected(frames=600))
    assert line.line == "0 of 2 inputs, 1 of 2 segments, 10 frames/s, 0:03:00 left"
    line(call(tasks.detect_segment), Detected(frames=600))
    line(call(tasks.associate), Associated(Outcome("a.mp4"), drawn=False))
    line(call(tasks.survey), Failure("not a video"))
    assert line.line.startswith("1 of 2 inputs, 2 of 2 segments, 20 frames/s")
    assert line.line.endswith(", 1 failure")


def test_inputs_in_one_piece_count_too(monkeypatch):
    line, clock = counter(monkeypatch, 4)
    line(call(tasks.survey), Survey())
    clock[0] = 10.0
    whole = Outcome("a.avi")
    whole.counts.frames = 100
    line(call(tasks.whole), whole)
    assert line.line == "1 of 4 inputs, 0 of 0 segments, 10 frames/s, 0:00:30 left"


def test_one_input_is_not_counted(monkeypatch):
    line, _ = counter(monkeypatch, 1)
    line(call(tasks.survey), Survey(segments=(Segment(0, None),), frames=60))
    assert line.line == "0 of 1 segments, 0 frames/s"
