"""Every frame of every kind of video at the container's own time, in all files about it."""

from fractions import Fraction

import av
import pytest

from app.tracks.table import read_recording
from tests.support.clips import write_clip
from tests.support.walkers_estimator import process

KINDS = {
    "b_frames": {"options": {"bf": "3", "g": "15"}},
    "ntsc": {"rate": Fraction(30000, 1001)},
    "odd_size": {"size": (191, 97)},
    "turned_90": {"clockwise": 90},
    "turned_180": {"clockwise": 180},
    "turned_270": {"clockwise": 270},
    "edit_list": {"options": {"bf": "2"}, "container_options": {"movflags": "faststart"}},
    "fragmented": {"container_options": {"movflags": "frag_keyframe+empty_moov"}},
    "variable": {
        "ticks": [33 * i if i < 20 else 660 + 100 * (i - 20) for i in range(50)],
        "time_base": Fraction(1, 1000),
        "options": {"bf": "0"},
    },
}


def container_times(path):
    """Presentation times of all packets that are shown, by the container alone."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        packets = [p for p in file.demux(stream) if p.pts is not None and not p.is_discard]
        return sorted(float(p.pts * p.time_base) for p in packets)


@pytest.mark.parametrize("kind", KINDS)
def test_times_and_counts_are_the_containers_to_a_millisecond(tmp_path, kind):
    suffix = "mkv" if kind == "variable" else "mp4"
    clip = write_clip(tmp_path / f"clip.{suffix}", 50, **KINDS[kind])
    summary, _ = process([clip], tmp_path / "out", 'output.formats=["ndjson", "parquet"]')
    assert summary.exit_code == 0
    expected = container_times(clip)
    assert len(expected) == 50
    for name in ("clip.ndjson", "clip.parquet"):
        times = read_recording(tmp_path / "out" / name).time
        assert len(times) == len(expected)
        assert max(abs(times - expected)) < 0.001
    assert container_times(tmp_path / "out" / "clip.mp4") == pytest.approx(expected, abs=0.001)
