"""Files as cameras, phones, recorders and tools really leave them."""

import itertools
import os
import threading
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from app.process.inputs import passed_over, plan
from engine.errors import SourceError
from engine.sources import open_source
from engine.sources.choice import main_video
from engine.sources.container import Address
from engine.sources.stream import SNAPSHOT_SECONDS, StreamSource
from engine.sources.video import VideoSource
from tests.support.clips import number_of, numbered, write_clip

MS = Fraction(1, 1000)


def read(path):
    source = open_source(str(path))
    frames = list(source.frames())
    source.close()
    return source, frames


def jpeg(number=0, size=(192, 96)):
    return cv2.imencode(".jpg", numbered(number, size)[..., ::-1])[1].tobytes()


def test_a_repeated_stamp_does_not_move_the_later_times(tmp_path):
    ticks = [0, 33, 66, 66, 100, 133, 166, 200]
    clip = write_clip(tmp_path / "d.mkv", 8, ticks=ticks, time_base=MS, codec="ffv1", options={})
    _, frames = read(clip)
    found = [round(1000 * f.time) for f in frames]
    assert [number_of(f.pixels) for f in frames] == list(range(8))
    assert found[:3] + found[4:] == [0, 33, 66, 100, 133, 166, 200]
    assert 66 < found[3] < 100


def test_the_rate_is_measured_where_the_header_claims_1000(tmp_path):
    ticks = np.cumsum([0, 38, 35, 34, 31, 31, 28, 36, 33, 34] * 2).tolist()
    clip = write_clip(
        tmp_path / "r.mkv", 20, rate=1000, ticks=ticks, time_base=MS, codec="ffv1", options={}
    )
    source, _ = read(clip)
    assert source.info.rate == pytest.approx(30, abs=1)


def test_an_avi_with_dropped_frames_is_complete(tmp_path):
    ticks = [*range(10), *range(14, 30)]
    clip = write_clip(tmp_path / "d.avi", 26, ticks=ticks, rate=25, codec="mpeg4", options={})
    _, frames = read(clip)
    assert [round(25 * f.time) for f in frames] == ticks


def test_an_old_duration_is_not_taken_for_a_missing_end(tmp_path):
    clip = write_clip(tmp_path / "o.mkv", 30)
    data = clip.read_bytes()
    assert b"00:00:01.0" in data
    clip.write_bytes(data.replace(b"00:00:01.0", b"00:09:01.0"))
    assert len(read(clip)[1]) == 30


def two_streams(path, first, second, default=None):
    """Each (size, frames, codec, rate)."""
    with av.open(str(path), "w") as file:
        streams = []
        for size, _, codec, rate in (first, second):
            stream = file.add_stream(codec, rate=rate)
            stream.width, stream.height = size
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            streams.append(stream)
        if default is not None:
            streams[default].disposition = av.stream.Disposition.default
            streams[1 - default].disposition = av.stream.Disposition(0)
        for stream, (size, frames, _, _) in zip(streams, (first, second), strict=True):
            for index in range(frames):
                frame = av.VideoFrame.from_ndarray(numbered(index, size), "rgb24")
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    return path


def test_a_cover_picture_is_passed_over_though_it_comes_first(tmp_path):
    clip = two_streams(
        tmp_path / "c.mkv", ((320, 320), 1, "mjpeg", 1), ((192, 96), 5, "libx264", 25)
    )
    source, frames = read(clip)
    assert source.info.size == (192, 96)
    assert len(frames) == 5


def test_the_larger_of_two_videos_is_taken(tmp_path):
    small, large = ((192, 96), 5, "libx264", 25), ((320, 160), 5, "libx264", 25)
    assert read(two_streams(tmp_path / "l.mkv", small, large))[0].info.size == (320, 160)


def test_the_default_is_taken_before_the_larger_one(tmp_path):
    small, large = ((192, 96), 5, "libx264", 25), ((320, 160), 5, "libx264", 25)
    clip = two_streams(tmp_path / "d.mkv", large, small, default=1)
    assert read(clip)[0].info.size == (192, 96)


def test_a_grid_of_tiles_is_refused_in_one_line():
    def tile():
        context = SimpleNamespace(name="hevc", width=512, height=512)
        return SimpleNamespace(codec_context=context, disposition=av.stream.Disposition(0))

    streams = SimpleNamespace(video=[tile() for _ in range(48)], audio=())
    heic = SimpleNamespace(
        streams=streams, format=SimpleNamespace(name="mov,mp4"), metadata={"major_brand": "heic"}
    )
    with pytest.raises(SourceError, match=r"48 tiles .* save it as JPEG"):
        main_video(heic, "IMG_1.heic")


def with_exif(coded):
    """A JPEG with the EXIF block of a camera: orientation 1."""
    tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x01\0\0\0\0\0\0\0"
    block = b"Exif\0\0" + tiff
    return coded[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + coded[2:]


def test_a_camera_avi_whose_frames_carry_exif_is_read(tmp_path):
    clip = tmp_path / "camera.avi"
    with av.open(str(clip), "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 192, 96, "yuvj420p"
        for index in range(4):
            packet = av.Packet(with_exif(jpeg(index)))
            packet.pts = packet.dts = index
            packet.time_base, packet.stream = Fraction(1, 25), stream
            file.mux(packet)
    source, frames = read(clip)
    assert [number_of(f.pixels) for f in frames] == [0, 1, 2, 3]
    assert source.info.rotation == 0


@pytest.mark.parametrize("name", ["2026-01-26T20:57:04Z.mp4", "take: one.mp4", "http:x.mp4"])
def test_a_colon_in_a_local_name_is_no_protocol(tmp_path, monkeypatch, name):
    write_clip(tmp_path / "c.mp4", 2).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(name)[1]) == 2


def test_a_name_that_is_not_utf8_is_read_and_shown_printable(tmp_path):
    name = os.fsdecode(bytes(tmp_path) + b"/caf\xe9.mp4")
    write_clip(tmp_path / "c.mp4", 2).rename(name)
    source, frames = read(name)
    assert len(frames) == 2
    assert source.name.encode().decode().endswith("caf�.mp4")
    assert source.files == (Path(name),)
    assert plan([name])[0][0].name == "caf�"


def test_a_name_of_5000_characters_is_one_line():
    jobs, problems = plan(["x" * 5000, "y.mp4"])
    assert jobs == []
    assert [str(e).count("\n") for e in problems.values()] == [0, 0]
    with pytest.raises(SourceError, match="cannot be opened"):
        open_source("x" * 5000)


def test_hidden_files_are_skipped_and_counted(tmp_path):
    for index in range(3):
        (tmp_path / f"IMG_{index}.jpg").write_bytes(jpeg(index))
        (tmp_path / f"._IMG_{index}.jpg").write_bytes(b"\0\5\x16\7 not a picture")
    (tmp_path / "._M.MOV").write_bytes(b"\0\5\x16\7")
    write_clip(tmp_path / "M.MOV", 2)
    (tmp_path / "CCTV.asf").write_bytes(b"")
    source, frames = read(tmp_path)
    assert len(frames) == 3
    assert source.notes == ["3 hidden files skipped"]
    jobs, _ = plan([str(tmp_path)])
    assert [Path(job.source).name for job in jobs] == ["CCTV.asf", "M.MOV", tmp_path.name]
    assert passed_over([str(tmp_path)]) == [f"{tmp_path}: 1 hidden file skipped"]


def test_a_damaged_first_picture_does_not_lose_the_folder(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    for name in ("b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(jpeg())
    source = open_source(str(tmp_path))
    frames = source.frames()
    assert [next(frames).index, next(frames).index] == [1, 2]
    with pytest.raises(SourceError, match=r"a\.jpg is not an image"):
        next(frames)


def test_a_folder_of_damaged_pictures_says_so(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"no picture")
    with pytest.raises(SourceError, match="so are the other 1"):
        open_source(str(tmp_path))


@contextmanager
def serving(kind, body):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            if not kind.startswith("multipart"):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/capture"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_an_address_that_serves_one_picture_is_polled_live_and_read_once(monkeypatch):
    monkeypatch.setattr("engine.sources.stream.SNAPSHOT_SECONDS", 0.01)
    with serving("image/jpeg", jpeg(7)) as url:
        source = StreamSource(Address.of(url, live=True))
        frames = [frame for frame, _ in zip(source.frames(), range(3), strict=False)]
        source.close()
        assert [number_of(f.pixels) for f in frames] == [7, 7, 7]
        assert (np.diff([f.time for f in frames]) > 0).all()
        video = VideoSource(url)
        assert [number_of(f.pixels) for f in video.frames()] == [7]
        video.close()
    assert SNAPSHOT_SECONDS > 0


def test_a_stream_without_its_first_boundary_is_read():
    head = b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
    body = b"".join(head % len(jpeg(n)) + jpeg(n) + b"\r\n--frame\r\n" for n in range(4))
    with serving("multipart/x-mixed-replace;boundary=frame", body) as url:
        source = StreamSource(Address.of(url, live=True))
        found = [number_of(f.pixels) for f, _ in zip(source.frames(), range(3), strict=False)]
        source.close()
    assert found == [0, 1, 2]


class Ticking:
    """A clock that is 10 s later whenever it is looked at."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 10.0
        return self.now


def test_a_camera_without_time_stamps_has_the_times_of_arrival(monkeypatch):
    monkeypatch.setattr("engine.sources.clock.time", Ticking())
    part = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
    body = b"".join(part % (len(jpeg(n)), jpeg(n)) for n in range(8)) + b"--frame\r\n"
    with serving("multipart/x-mixed-replace;boundary=frame", body) as url:
        video = VideoSource(url)
        frames = list(itertools.islice(video.frames(), 4))
        video.close()
    first, *others = [number_of(frame.pixels) for frame in frames]
    assert others == [first + 1, first + 2, first + 3]
    assert [frame.time for frame in frames] == [0.0, 10.0, 20.0, 30.0]
    assert video.info.rate is None  # FFmpeg says 25
    assert video.info.time_base is None


def test_a_file_without_time_stamps_on_a_server_has_the_rate_of_a_file(monkeypatch):
    monkeypatch.setattr("engine.sources.clock.time", Ticking())
    with serving("video/x-motion-jpeg", b"".join(jpeg(n) for n in range(4))) as url:
        video = VideoSource(url)
        times = [frame.time for frame in video.frames()]
        video.close()
    assert times == pytest.approx([0.0, 0.04, 0.08, 0.12])
