"""What is written can be read back, at any moment, and says what it is."""

import csv
import dataclasses
import errno
import json
import os
import resource
import subprocess
import sys
import textwrap
import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.overlay.audio import Sound
from app.overlay.background import ROOM, Background
from app.overlay.pictures import OverlayPictures
from app.overlay.video import OverlayVideo
from app.tracks.csv import CsvWriter
from app.tracks.lines import Lines
from app.tracks.ndjson_writer import NdjsonWriter, header_of
from app.tracks.writer import Ending
from engine.errors import OutputError
from engine.skeleton import COCO
from engine.sources.source import SourceInfo
from engine.types import Frame, JointState, Poses, Result, no_people
from tests.support.clips import number_of, numbered, write_clip

ROOT = Path(__file__).parents[2]
INFO = SourceInfo("video", (192, 96), rate=30.0, time_base=Fraction(1, 30))


def result(index, poses=None, size=(192, 96), time=None):
    frame = Frame(numbered(index, size), index, index / 30 if time is None else time, 0.0, "clip")
    return Result(frame, no_people(17) if poses is None else poses)


def person(number=7):
    """One person: joint 3 absent, joint 5 refined, the rest detected; raw 1 pixel to the left."""
    xy = (np.arange(34).reshape(1, 17, 2) * 3.14159 + 10.00499).astype(np.float32)
    state = np.full((1, 17), JointState.DETECTED, np.uint8)
    score = np.full((1, 17), 0.87654321, np.float32)
    state[0, 3], score[0, 3], xy[0, 3] = JointState.ABSENT, 0, np.nan
    state[0, 5] = JointState.REFINED
    total, ids = np.array([0.71234], np.float32), np.array([number], np.int32)
    return Poses(xy, score, total, ids, state, xy - np.float32([1, 0]))


def header():
    return header_of("clip.mp4", INFO, COCO.names, COCO.limbs, weights={"name": "w"})


def ndjson(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pictures(path):
    with av.open(str(path)) as file:
        return [
            (frame.time, number_of(frame.to_ndarray(format="rgb24")))
            for frame in file.decode(video=0)
        ]


def ignore(frame, poses):
    return frame.pixels.copy()


# NDJSON


def test_ndjson_has_a_header_a_line_per_frame_and_an_end(tmp_path):
    writer = NdjsonWriter(tmp_path / "t.ndjson", header(), raw=False)
    for index in range(3):
        writer.write(result(index, person()))
    writer.close(Ending(frames=3, people=3))
    first, *frames, last = ndjson(tmp_path / "t.ndjson")
    assert (first["type"], first["version"], first["source"]) == ("header", 1, "clip.mp4")
    assert first["keypoints"] == list(COCO.names)
    assert first["weights"] == {"name": "w"}
    assert [line["index"] for line in frames] == [0, 1, 2]
    assert last == {"type": "end", "frames": 3, "people": 3, "dropped": 0, "complete": True}


def test_ndjson_numbers_are_rounded_and_absent_joints_are_null(tmp_path):
    writer = NdjsonWriter(tmp_path / "t.ndjson", header(), raw=False)
    writer.write(result(0, person()))
    [one] = ndjson(tmp_path / "t.ndjson")[1]["people"]
    assert (one["id"], one["score"]) == (7, 0.7123)
    assert one["keypoints"][0] == [10.0, 13.15, 0.8765]
    assert one["keypoints"][3] is None
    assert len(one["keypoints"]) == 17
    assert one["state"] == "ddd-drddddddddddd"
    assert "raw" not in one
    assert "NaN" not in (tmp_path / "t.ndjson").read_text()


def test_ndjson_keeps_the_raw_coordinates_beside_the_smoothed(tmp_path):
    writer = NdjsonWriter(tmp_path / "t.ndjson", header(), raw=True)
    writer.write(result(0, person()))
    [one] = ndjson(tmp_path / "t.ndjson")[1]["people"]
    assert one["raw"][0] == [9.0, 13.15]
    assert one["raw"][3] is None


def test_ndjson_says_null_for_a_person_without_id_and_why_it_ended(tmp_path):
    writer = NdjsonWriter(tmp_path / "t.ndjson", header(), raw=False)
    writer.write(result(0, person(-1)))
    writer.close(Ending(1, 1, 0, "breaks off"))
    _, frame, last = ndjson(tmp_path / "t.ndjson")
    assert frame["people"][0]["id"] is None
    assert (last["complete"], last["error"]) == (False, "breaks off")


def test_a_frame_of_another_size_says_so(tmp_path):
    writer = NdjsonWriter(tmp_path / "t.ndjson", header(), raw=False)
    writer.write(result(0))
    writer.write(result(1, size=(200, 100)))
    _, same, other = ndjson(tmp_path / "t.ndjson")
    assert "size" not in same
    assert other["size"] == [200, 100]


def test_every_line_is_on_disk_as_soon_as_it_is_written(tmp_path):
    ndjson_writer = NdjsonWriter(tmp_path / "t.ndjson", header(), raw=False)
    csv_writer = CsvWriter(tmp_path / "t.csv", COCO.names)
    for index in range(5):
        ndjson_writer.write(result(index, person()))
        csv_writer.write(result(index, person()))
        assert len(ndjson(tmp_path / "t.ndjson")) == index + 2
        assert len((tmp_path / "t.csv").read_text().splitlines()) == index + 2


def test_times_keep_microseconds(tmp_path):
    writer = NdjsonWriter(tmp_path / "t.ndjson", header(), raw=False)
    writer.write(result(0, time=100 * 1001 / 30000))
    assert ndjson(tmp_path / "t.ndjson")[1]["time"] == 3.336667


# CSV


def test_csv_has_a_row_per_person_with_empty_cells_for_absent_joints(tmp_path):
    writer = CsvWriter(tmp_path / "t.csv", COCO.names)
    writer.write(result(0))
    writer.write(result(4, person()))
    writer.close(Ending())
    with (tmp_path / "t.csv").open(newline="") as file:
        [row] = csv.DictReader(file)
    assert (row["frame"], row["time"], row["id"], row["score"]) == ("4", "0.133333", "7", "0.7123")
    assert (row["nose_x"], row["nose_y"], row["nose_score"]) == ("10.00", "13.15", "0.8765")
    assert row["nose_state"] == "detected"
    assert row["left_shoulder_state"] == "refined"
    assert [row[f"left_ear_{part}"] for part in ("x", "y", "score", "state")] == ["", "", "", ""]
    assert len(row) == 4 + 4 * 17


# What both share


def test_a_full_disk_is_said_and_leaves_whole_lines(tmp_path):
    lines = Lines(tmp_path / "t.txt")
    lines.add("whole")
    real = lines._file

    class Full:
        """Takes three bytes of a line, then nothing."""

        left = 3

        def write(self, data):
            if not self.left:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            taken, self.left = self.left, 0
            return real.write(data[:taken])

        def __getattr__(self, name):
            return getattr(real, name)

    lines._file = Full()
    with pytest.raises(OutputError, match=r"t\.txt: the disk is full"):
        lines.add("broken line")
    lines.close()
    assert (tmp_path / "t.txt").read_text() == "whole\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_the_device_that_is_always_full_is_reported():
    with pytest.raises(OutputError, match="the disk is full"):
        Lines(Path("/dev/full")).add("anything")


def test_a_missing_folder_is_reported(tmp_path):
    with pytest.raises(OutputError, match="its folder does not exist"):
        Lines(tmp_path / "no" / "t.csv")
    with pytest.raises(OutputError, match="its folder does not exist"):
        OverlayVideo(tmp_path / "no" / "t.mp4", INFO, ignore)


# The overlay video


def write_video(path, results, info=INFO, ending=None, **options):
    writer = OverlayVideo(path, info, ignore, **options)
    for one in results:
        writer.write(one)
    writer.close(ending or Ending(len(results)))
    return writer


def test_the_video_has_every_frame_at_its_time(tmp_path):
    write_video(tmp_path / "o.mp4", [result(index) for index in range(70)])
    got = pictures(tmp_path / "o.mp4")
    assert [number for _, number in got] == list(range(70))
    assert [time for time, _ in got] == pytest.approx(np.arange(70) / 30, abs=1e-9)


def test_a_variable_frame_rate_and_a_late_start_are_kept(tmp_path):
    ticks = [1500 + 33 * i if i < 20 else 2160 + 100 * (i - 20) for i in range(40)]
    info = dataclasses.replace(INFO, time_base=Fraction(1, 1000))
    write_video(tmp_path / "o.mp4", [result(i, time=t / 1000) for i, t in enumerate(ticks)], info)
    got = [time for time, _ in pictures(tmp_path / "o.mp4")]
    assert got == pytest.approx([t / 1000 for t in ticks], abs=1e-6)


def test_29_97_frames_per_second_do_not_drift(tmp_path):
    info = dataclasses.replace(INFO, rate=30000 / 1001, time_base=Fraction(1, 30000))
    results = [result(index, time=index * 1001 / 30000) for index in range(200)]
    write_video(tmp_path / "o.mp4", results, info)
    assert pictures(tmp_path / "o.mp4")[-1][0] == pytest.approx(199 * 1001 / 30000, abs=1e-9)
    with av.open(str(tmp_path / "o.mp4")) as file:
        assert file.streams.video[0].average_rate == Fraction(30000, 1001)


def test_odd_sizes_grow_by_one_repeated_row_and_column(tmp_path):
    info = dataclasses.replace(INFO, size=(191, 97))
    write_video(tmp_path / "o.mp4", [result(i, size=(191, 97)) for i in range(3)], info)
    with av.open(str(tmp_path / "o.mp4")) as file:
        picture = next(file.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    assert picture.shape == (98, 192, 3)
    assert abs(picture[-1, 40:] - picture[-2, 40:]).max() < 8


def test_a_frame_of_another_size_does_not_end_the_video(tmp_path):
    write_video(tmp_path / "o.mp4", [result(0), result(1, size=(384, 192)), result(2)])
    assert len(pictures(tmp_path / "o.mp4")) == 3


def test_colours_survive(tmp_path):
    write_video(tmp_path / "o.mp4", [result(0)], quality=10)
    with av.open(str(tmp_path / "o.mp4")) as file:
        red, green, blue = next(file.decode(video=0)).to_ndarray(format="rgb24")[-6, 6]
    assert abs(int(red) - 255) < 12
    assert abs(int(green) - 30) < 12
    assert abs(int(blue) - 30) < 12


def test_the_sound_is_copied_bit_by_bit(tmp_path):
    clip = write_clip(tmp_path / "c.mp4", 60, sound=True)
    write_video(tmp_path / "o.mp4", [result(i) for i in range(60)], sound=Sound(str(clip)))
    assert sound(tmp_path / "o.mp4") == sound(clip)
    assert len(sound(clip)) > 90


def sound(path):
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        return [
            (round(float(p.pts * p.time_base), 6), bytes(p)) for p in file.demux(stream) if p.size
        ]


def test_sound_that_does_not_fit_is_left_out_and_said(tmp_path):
    clip = write_clip(tmp_path / "c.mp4", 5)
    writer = write_video(tmp_path / "o.mp4", [result(0)], sound=Sound(str(clip)))
    assert "without sound" in writer.note
    assert len(pictures(tmp_path / "o.mp4")) == 1


def test_the_sound_ends_with_the_pictures_when_the_run_is_cut_short(tmp_path):
    clip = write_clip(tmp_path / "c.mp4", 90, sound=True)
    results = [result(i) for i in range(30)]
    write_video(
        tmp_path / "o.mp4", results, ending=Ending(30, error="interrupted"), sound=Sound(str(clip))
    )
    assert sound(tmp_path / "o.mp4")[-1][0] < 1.0
    assert len(pictures(tmp_path / "o.mp4")) == 30


def test_the_finished_file_is_an_ordinary_mp4(tmp_path):
    write_video(tmp_path / "o.mp4", [result(i) for i in range(100)])
    boxes, data, at = [], (tmp_path / "o.mp4").read_bytes(), 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        boxes.append(data[at + 4 : at + 8].decode())
        at += size if size > 1 else int.from_bytes(data[at + 8 : at + 16], "big")
    assert "moof" not in boxes
    assert boxes.count("moov") == 1


def test_a_killed_program_leaves_a_readable_video(tmp_path):
    script = textwrap.dedent(f"""
        import os, sys
        sys.path.insert(0, {str(ROOT)!r})
        from tests.unit.test_writers import INFO, OverlayVideo, ignore, result
        from pathlib import Path
        writer = OverlayVideo(Path({str(tmp_path / "o.mp4")!r}), INFO, ignore)
        for index in range(200):
            writer.write(result(index))
        os.kill(os.getpid(), 9)
    """)
    subprocess.run([sys.executable, "-c", script], check=False)
    got = [number for _, number in pictures(tmp_path / "o.mp4")]
    assert got == list(range(len(got)))
    assert len(got) >= 120


def test_a_video_without_a_frame_leaves_no_file(tmp_path):
    write_video(tmp_path / "o.mp4", [])
    assert not (tmp_path / "o.mp4").exists()


def test_closing_twice_is_harmless(tmp_path):
    writer = OverlayVideo(tmp_path / "o.mp4", INFO, ignore)
    writer.write(result(0))
    writer.close(Ending(1))
    writer.close(Ending(1))
    assert len(pictures(tmp_path / "o.mp4")) == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_a_full_disk_stops_the_video_with_a_clear_error(tmp_path):
    (tmp_path / "o.mp4").symlink_to("/dev/full")
    writer = OverlayVideo(tmp_path / "o.mp4", INFO, ignore)
    with pytest.raises(OutputError, match=r"o\.mp4: the disk is full"):
        write_until_full(writer)
    with pytest.raises(OutputError, match="the disk is full"):
        writer.close(Ending(error="the disk is full"))


def test_the_video_on_a_full_disk_is_readable_up_to_there(tmp_path):
    writer = OverlayVideo(tmp_path / "o.mp4", INFO, ignore)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the disk ends here
    try:
        with pytest.raises(OutputError, match=r"o\.mp4: "):
            write_until_full(writer)
        with pytest.raises(OutputError):
            writer.close(Ending(error="the disk is full"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    got = [number for _, number in pictures(tmp_path / "o.mp4")]
    assert len(got) >= 60
    assert got == list(range(len(got)))


def write_until_full(writer):
    for index in range(1000):
        writer.write(result(index))


# On a thread of its own


class Slow:
    """Writes when it is allowed to, and fails at a number."""

    note = "a note"

    def __init__(self, fail_at=None):
        self.seen, self.ending, self.fail_at = [], None, fail_at
        self.go = threading.Event()

    def write(self, result):
        self.go.wait()
        if result.frame.index == self.fail_at:
            raise OutputError("the disk is full")
        self.seen.append(result.frame.index)

    def close(self, ending):
        self.ending = ending


def test_a_background_writer_keeps_the_order_and_ends_with_everything_written():
    slow = Slow()
    writer = Background(slow)
    for index in range(ROOM):
        writer.write(result(index))
    assert slow.seen == []
    slow.go.set()
    for index in range(ROOM, 20):
        writer.write(result(index))
    writer.close(Ending(20))
    writer.close(Ending(20))
    assert slow.seen == list(range(20))
    assert slow.ending == Ending(20)
    assert writer.note == "a note"


def test_a_background_writer_makes_the_engine_wait_when_it_is_slow():
    slow = Slow()
    writer = Background(slow)
    written = []

    def engine():
        for index in range(20):
            writer.write(result(index))
            written.append(index)

    thread = threading.Thread(target=engine)
    thread.start()
    thread.join(timeout=0.3)
    assert len(written) <= ROOM + 1
    slow.go.set()
    thread.join()
    writer.close(Ending(20))
    assert slow.seen == list(range(20))


def test_a_failure_in_the_background_reaches_the_engine_and_blocks_nobody():
    slow = Slow(fail_at=2)
    slow.go.set()
    writer = Background(slow)
    with pytest.raises(OutputError, match="the disk is full"):
        write_until_full(writer)
    for _ in range(2 * ROOM):
        with pytest.raises(OutputError):
            writer.write(result(0))
    with pytest.raises(OutputError):
        writer.close(Ending(error="x"))
    writer.close(Ending(error="x"))
    assert slow.seen == [0, 1]


# Overlay pictures


def test_pictures_are_written_one_by_one(tmp_path):
    files = [tmp_path / "out" / f"{name}.jpg" for name in "abc"]
    writer = OverlayPictures(files, ignore)
    for index in range(3):
        writer.write(result(index, size=(191, 97)))
    writer.close(Ending(3))
    for index, file in enumerate(files):
        with av.open(str(file)) as picture:
            pixels = next(picture.decode(video=0)).to_ndarray(format="rgb24")
        assert pixels.shape == (97, 191, 3)
        assert number_of(pixels) == index
