"""A video read in segments gives the frames of one pass."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from engine.sources.segments import LEAD, SegmentSource, cut, index_of
from engine.sources.video import VideoSource
from tests.support.clips import write_clip

KINDS = {
    "closed": ("c.mp4", {"g": "20"}),
    "b-frames": ("c.mp4", {"g": "20", "bf": "3", "preset": "medium"}),
    "open": ("c.mp4", {"g": "20", "bf": "3", "preset": "medium", "x264-params": "open-gop=1"}),
    "intra": ("c.mp4", {"g": "1"}),
    "matroska": ("c.mkv", {"g": "20", "bf": "2", "preset": "medium"}),
}


def frames_of(source):
    with closing(source):
        return [(f.index, f.time, f.pixels.copy()) for f in source.frames()]


@pytest.mark.parametrize("kind", KINDS)
def test_the_segments_together_are_the_video(tmp_path, kind):
    name, options = KINDS[kind]
    clip = str(write_clip(tmp_path / name, 150, options=options, size=(160, 96)))
    index = index_of(clip)
    segments = list(cut(index, 30, 8))
    assert len(segments) > 2
    assert all(s.start % 8 == 0 for s in segments)
    assert [s.end for s in segments[:-1]] == [s.start for s in segments[1:]]
    whole = frames_of(VideoSource(clip))
    parts = []
    for segment in segments:
        source = SegmentSource(clip, segment)
        parts += frames_of(source)
        assert source.unsound == ""
    assert [p[:2] for p in parts] == [w[:2] for w in whole]
    assert all(np.array_equal(p[2], w[2]) for p, w in zip(parts, whole, strict=True))


def test_a_video_with_one_key_frame_or_little_after_the_last_is_one_segment(tmp_path):
    clip = str(write_clip(tmp_path / "c.mp4", 100, options={"g": "90"}))
    assert [(s.start, s.end) for s in cut(index_of(clip), 10, 1)] == [(0, None)]


@pytest.mark.parametrize("ending", ["avi", "ts"])
def test_a_video_in_which_seeks_are_not_exact_is_not_cut(tmp_path, ending):
    assert index_of(str(write_clip(tmp_path / f"c.{ending}", 50, options={"g": "5"}))) is None


def test_a_video_with_a_repeated_time_stamp_is_not_cut(tmp_path):
    for ticks, is_cut in ((range(100), True), ([*range(60), 59, *range(61, 100)], False)):
        clip = write_clip(tmp_path / "c.mkv", 100, ticks=ticks, options={"g": "10", "bf": "0"})
        assert (index_of(str(clip)) is not None) is is_cut


def test_an_index_that_is_wrong_is_noticed(tmp_path):
    clip = str(write_clip(tmp_path / "c.mp4", 150, options={"g": "20"}))
    first, second, *_ = cut(index_of(clip), 30, 1)
    lost = SegmentSource(clip, replace(second, keys=((second.keys[-1][0] + 1, 20),)))
    assert frames_of(lost) == []
    assert "not where its index says" in lost.unsound
    early = SegmentSource(clip, replace(first, end=149 + LEAD))
    assert len(frames_of(early)) == 150
    assert "other frames" in early.unsound


def test_damage_makes_a_segment_unsound(tmp_path):
    clip = write_clip(tmp_path / "c.mp4", 150, options={"g": "20", "bf": "0"})
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 400] = b"\xff" * 400
    clip.write_bytes(data)
    index = index_of(str(clip))
    sources = [SegmentSource(str(clip), s) for s in cut(index, 30, 1)]
    for source in sources:
        frames_of(source)
    assert any("damaged" in s.unsound for s in sources)
