"""Every frame once, upright, at the container's own time; what is missing is said at the end."""

import contextlib
import threading
from fractions import Fraction

import av
import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources import open_source
from engine.sources.video import VideoSource
from tests.support.clips import is_upright, number_of, write_clip, write_sound


def read(path):
    """All frames, and the SourceError that ended them."""
    source = VideoSource(str(path))
    frames, error = [], None
    try:
        for frame in source.frames():
            frames += [frame]
    except SourceError as caught:
        error = caught
    finally:
        source.close()
    return frames, error


def numbers(frames):
    return [number_of(frame.pixels) for frame in frames]


def times(frames):
    return [frame.time for frame in frames]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts", "mov"])
def test_every_frame_arrives_once_and_in_the_order_of_showing(tmp_path, suffix):
    clip = write_clip(tmp_path / f"clip.{suffix}", 60, options={"bf": "3", "g": "12"})
    frames, error = read(clip)
    assert error is None
    assert numbers(frames) == list(range(60))
    assert [frame.index for frame in frames] == list(range(60))


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi", "ts"])
def test_times_are_the_containers_even_with_b_frames(tmp_path, suffix):
    clip = write_clip(tmp_path / f"clip.{suffix}", 40, rate=25, options={"bf": "3", "g": "12"})
    frames, _ = read(clip)
    got = np.array(times(frames)) - frames[0].time
    assert got == pytest.approx(np.arange(40) / 25, abs=0.0006)  # Matroska counts milliseconds


def test_a_variable_frame_rate_is_honoured(tmp_path):
    ticks = [33 * i if i < 20 else 660 + 100 * (i - 20) for i in range(30)]
    clip = write_clip(tmp_path / "v.mp4", 30, ticks=ticks, time_base=Fraction(1, 1000))
    frames, error = read(clip)
    assert error is None
    assert times(frames) == pytest.approx([t / 1000 for t in ticks], abs=1e-9)


def test_a_rate_of_29_97_stays_exact_over_many_frames(tmp_path):
    clip = write_clip(tmp_path / "ntsc.mp4", 300, rate=Fraction(30000, 1001))
    source = open_source(str(clip))
    last = list(source.frames())[-1]
    source.close()
    assert source.info.rate == 30000 / 1001
    assert last.time == pytest.approx(299 * 1001 / 30000, abs=1e-9)


def test_the_start_offset_of_the_container_is_kept(tmp_path):
    clip = write_clip(tmp_path / "late.mkv", 10, ticks=range(60, 70), rate=30)
    frames, _ = read(clip)
    assert frames[0].time == pytest.approx(2.0, abs=1e-6)


def test_frames_hidden_by_an_edit_list_are_not_shown_and_not_missed(tmp_path):
    clip = write_clip(
        tmp_path / "edit.mp4",
        30,
        ticks=range(-7, 23),
        options={"bf": "0", "g": "10"},
        container_options={"avoid_negative_ts": "disabled"},
    )
    frames, error = read(clip)
    assert error is None
    assert numbers(frames) == list(range(7, 30))
    assert frames[0].time == 0
    assert VideoSource(str(clip)).info.frames == 23


def test_frames_without_time_stamps_follow_one_frame_apart(tmp_path):
    clip = write_clip(tmp_path / "raw.h264", 20, options={"bf": "2"})
    frames, error = read(clip)
    assert error is None
    assert numbers(frames) == list(range(20))
    assert np.diff(times(frames)) == pytest.approx(np.full(19, 1 / 30))


def test_time_goes_on_where_time_stamps_jump_back(tmp_path):
    parts = [write_clip(tmp_path / f"{i}.ts", 15, rate=30) for i in range(2)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames, _ = read(joined)
    assert len(frames) == 30
    assert (np.diff(times(frames)) > 0).all()


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
def test_rotation_is_applied_once_and_recorded(tmp_path, clockwise):
    clip = write_clip(tmp_path / "r.mp4", 5, clockwise=clockwise)
    source = VideoSource(str(clip))
    frames = list(source.frames())
    source.close()
    assert source.info.rotation == clockwise
    assert source.info.size == frames[0].size == (192, 96)
    assert all(is_upright(frame.pixels) for frame in frames)
    assert numbers(frames) == list(range(5))


@pytest.mark.parametrize("clockwise", [0, 90, 180, 270])
def test_a_mirrored_recording_is_mirrored_back(tmp_path, clockwise):
    clip = write_clip(tmp_path / "m.mp4", 3, clockwise=clockwise, mirrored=True)
    source = VideoSource(str(clip))
    frames = list(source.frames())
    source.close()
    assert source.info.mirrored
    assert numbers(frames) == list(range(3))
    assert all(is_upright(frame.pixels) for frame in frames)


def test_odd_sizes_are_not_rounded(tmp_path):
    clip = write_clip(tmp_path / "odd.mp4", 5, size=(191, 97))
    frames, _ = read(clip)
    assert frames[0].pixels.shape == (97, 191, 3)


def test_colours_come_out_as_red_green_blue_in_that_order(tmp_path):
    frames, _ = read(write_clip(tmp_path / "c.mp4", 1))
    red, green, blue = frames[0].pixels[-6, 6]
    assert red > 200
    assert green < 70
    assert blue < 70


def test_the_info_states_what_is_known_before_the_first_frame(tmp_path):
    clip = write_clip(tmp_path / "i.mp4", 45, rate=30, sound=True)
    source = VideoSource(str(clip))
    info = source.info
    source.close()
    assert (info.kind, info.codec, info.has_audio, info.live) == ("video", "h264", True, False)
    assert (info.frames, info.rate) == (45, 30.0)
    assert info.duration == pytest.approx(1.5)
    assert info.pixel_aspect == 1


def test_frames_are_read_only(tmp_path):
    frames, _ = read(write_clip(tmp_path / "c.mp4", 1))
    with pytest.raises(ValueError, match="read-only"):
        frames[0].pixels[0, 0] = 0


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"there is no file .*nowhere\.mp4"):
        open_source(str(tmp_path / "nowhere.mp4"))


def test_an_empty_file_is_called_empty(tmp_path):
    (tmp_path / "e.mp4").touch()
    with pytest.raises(SourceError, match=r"e\.mp4 is empty"):
        open_source(str(tmp_path / "e.mp4"))


@pytest.mark.parametrize("name", ["letter.mp4", "letter.txt", "letter"])
def test_text_is_not_taken_for_a_video(tmp_path, name):
    (tmp_path / name).write_text("Dear Sir or Madam,\n" * 200)
    with pytest.raises(SourceError, match="not a video"):
        open_source(str(tmp_path / name))


def test_a_file_with_sound_only_says_so(tmp_path):
    with pytest.raises(SourceError, match="sound but no video"):
        open_source(str(write_sound(tmp_path / "s.m4a")))


def test_an_mp4_without_its_index_says_what_is_missing(tmp_path):
    clip = write_clip(tmp_path / "c.mp4", 60)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    with pytest.raises(SourceError, match="breaks off before its index"):
        open_source(str(clip))


def decodable(path):
    """The numbers of all frames that a patient decoder of one thread gets out of a damaged file."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "SLICE", 1
        found = []
        for packet in file.demux(stream):
            with contextlib.suppress(av.FFmpegError):
                found += [number_of(f.to_ndarray(format="rgb24")) for f in packet.decode()]
    return found


@pytest.mark.parametrize("broken", [72, 74, 75, 77])
def test_an_mp4_broken_off_in_the_middle_delivers_all_that_can_be_decoded(tmp_path, broken):
    clip = write_clip(
        tmp_path / "c.mp4",
        120,
        options={"g": "12", "bf": "3"},
        container_options={"movflags": "faststart"},
    )
    with av.open(str(clip)) as file:
        entry = file.streams.video[0].index_entries[broken]
        inside = entry.pos + entry.size // 2
    clip.write_bytes(clip.read_bytes()[:inside])
    frames, error = read(clip)
    assert numbers(frames) == decodable(clip)
    assert len(frames) >= broken - 1
    assert "breaks off at 2." in str(error)
    assert f"{len(frames)} of 120 frames" in str(error)


def test_a_matroska_file_broken_off_says_how_much_is_missing(tmp_path):
    clip = write_clip(tmp_path / "c.mkv", 120, options={"g": "12", "bf": "0"})
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    frames, error = read(clip)
    assert 10 < len(frames) < 110
    assert numbers(frames) == list(range(len(frames)))
    assert "of 4.000 s are missing" in str(error)


def test_damage_in_the_middle_is_counted_and_the_rest_still_comes(tmp_path):
    clip = write_clip(tmp_path / "c.mp4", 120, options={"g": "12", "bf": "0"})
    data = bytearray(clip.read_bytes())
    with av.open(str(clip)) as file:
        for entry in file.streams.video[0].index_entries[50:53]:
            data[entry.pos : entry.pos + entry.size] = bytes(entry.size)
    clip.write_bytes(data)
    frames, error = read(clip)
    assert numbers(frames)[:50] == list(range(50))
    assert numbers(frames)[-60:] == list(range(60, 120))  # from the next key frame on
    assert "is damaged" in str(error)
    assert "near 1." in str(error)


def test_closing_while_reading_stops_without_harm(tmp_path):
    source = VideoSource(str(write_clip(tmp_path / "c.mp4", 60)))
    frames = source.frames()
    next(frames)
    source.close()
    source.close()
    frames.close()


def test_a_source_may_be_read_by_another_thread_than_the_one_that_opened_it(tmp_path):
    source = VideoSource(str(write_clip(tmp_path / "c.mp4", 30)))
    got = []
    thread = threading.Thread(target=lambda: got.extend(source.frames()))
    thread.start()
    thread.join()
    source.close()
    assert numbers(got) == list(range(30))


def test_a_camera_is_referred_to_the_live_command():
    with pytest.raises(SourceError, match="live"):
        open_source("0")


def test_an_address_where_nobody_answers_is_reported_without_its_password():
    with pytest.raises(SourceError) as caught:
        open_source("rtsp://anna:secret@127.0.0.1:1/door")
    assert "127.0.0.1" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        ("sports2d_demo.mp4", 230),
        ("mmaction2_demo_skeleton.mp4", 72),
        ("tfjs_pose_squats.mp4", 65),
    ],
)
def test_real_clips_give_exactly_their_frames_at_their_times(shared, name, frames):
    clip = shared / "video" / name
    got, error = [], None
    source = VideoSource(str(clip))
    got = [frame.time for frame in source.frames()]
    source.close()
    with av.open(str(clip)) as file:
        stream = file.streams.video[0]
        stamps = sorted(p.pts for p in file.demux(stream) if p.pts is not None)
        expected = [float(stamp * stream.time_base) for stamp in stamps]
    assert error is None
    assert len(got) == frames
    assert got == pytest.approx(expected, abs=1e-9)
