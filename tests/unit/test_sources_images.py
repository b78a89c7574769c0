"""Pictures in natural order, upright, in RGB; one bad picture does not stop the others."""

import itertools
import zlib

import cv2
import numpy as np
import pytest

from engine.errors import SourceError
from engine.sources import open_source
from engine.sources.images import ImageSource, image_files
from tests.support.clips import is_upright, number_of, numbered, write_clip


def save(path, index=0, size=(192, 96), params=()):
    cv2.imwrite(str(path), cv2.cvtColor(numbered(index, size), cv2.COLOR_RGB2BGR), list(params))
    return path


def test_a_folder_is_shown_in_natural_order(tmp_path):
    for index in (1, 2, 10, 20):
        save(tmp_path / f"shot{index}.png", index)
    (tmp_path / "notes.txt").write_text("not an image")
    frames = list(open_source(str(tmp_path)).frames())
    assert [number_of(frame.pixels) for frame in frames] == [1, 2, 10, 20]
    assert [frame.index for frame in frames] == [0, 1, 2, 3]


def test_a_pattern_selects_images(tmp_path):
    for index in range(12):
        save(tmp_path / f"{'a' if index % 2 else 'b'}{index}.jpg", index)
    frames = list(open_source(str(tmp_path / "a*.jpg")).frames())
    assert [number_of(frame.pixels) for frame in frames] == [1, 3, 5, 7, 9, 11]


def test_time_is_the_index_over_the_rate(tmp_path):
    files = [save(tmp_path / f"{i}.png", i) for i in range(4)]
    source = ImageSource(files, "four", rate=8)
    assert [frame.time for frame in source.frames()] == [0, 1 / 8, 2 / 8, 3 / 8]
    assert (source.info.frames, source.info.duration) == (4, 0.5)


def test_a_single_image_is_a_source_of_one_frame(tmp_path):
    source = open_source(str(save(tmp_path / "one.png", 7)))
    frames = list(source.frames())
    assert source.info.kind == "images"
    assert len(frames) == 1
    assert number_of(frames[0].pixels) == 7
    assert frames[0].pixels[-6, 6].tolist() == [255, 30, 30]


def test_the_camera_orientation_tag_is_applied(tmp_path):
    path = tmp_path / "turned.jpg"
    stored = np.rot90(numbered(5))  # the player must turn it 90 degrees clockwise: EXIF 6
    _, coded = cv2.imencode(".jpg", cv2.cvtColor(np.ascontiguousarray(stored), cv2.COLOR_RGB2BGR))
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path.write_bytes(coded.tobytes()[:2] + segment + coded.tobytes()[2:])
    [frame] = open_source(str(path)).frames()
    assert frame.size == (192, 96)
    assert is_upright(frame.pixels)
    assert number_of(frame.pixels) == 5


def test_grey_and_16_bit_images_become_8_bit_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "g.png"), np.full((20, 30), 32768, np.uint16))
    [frame] = open_source(str(tmp_path / "g.png")).frames()
    assert frame.pixels.shape == (20, 30, 3)
    assert frame.pixels[5, 5].tolist() == [128, 128, 128]


def test_names_beyond_ascii_are_read(tmp_path):
    save(tmp_path / "x.png").rename(tmp_path / "übung 1 – ä.png")
    assert len(list(open_source(str(tmp_path / "übung 1 – ä.png")).frames())) == 1


def test_one_damaged_image_is_named_after_the_others_were_delivered(tmp_path):
    for index in range(5):
        save(tmp_path / f"{index}.png", index)
    (tmp_path / "3.png").write_bytes(b"no image")
    frames = open_source(str(tmp_path)).frames()
    got = [(frame.index, number_of(frame.pixels)) for frame in itertools.islice(frames, 4)]
    assert got == [(0, 0), (1, 1), (2, 2), (4, 4)]
    with pytest.raises(SourceError, match=r"3\.png is not an image"):
        next(frames)


def test_a_folder_without_images_says_so(tmp_path):
    write_clip(tmp_path / "clip.mp4", 2)
    with pytest.raises(SourceError, match="no images in the folder"):
        open_source(str(tmp_path))


def test_a_pattern_that_matches_nothing_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"\*\.png"):
        open_source(str(tmp_path / "*.png"))


def test_a_pattern_for_one_video_opens_it(tmp_path):
    write_clip(tmp_path / "clip.mp4", 2)
    assert len(list(open_source(str(tmp_path / "cl*.mp4")).frames())) == 2


def test_images_in_subfolders_are_found_by_a_double_star(tmp_path):
    (tmp_path / "day1").mkdir()
    save(tmp_path / "day1" / "a.png")
    save(tmp_path / "b.png")
    assert [p.name for p in image_files(str(tmp_path / "**" / "*.png"))] == ["b.png", "a.png"]


def test_a_picture_that_would_fill_the_memory_is_refused(tmp_path):
    def chunk(kind, data):
        crc = zlib.crc32(kind + data).to_bytes(4, "big")
        return len(data).to_bytes(4, "big") + kind + data + crc

    size = (40_000).to_bytes(4, "big") * 2 + b"\x01\0\0\0\0"
    data = zlib.compress(bytes(100))
    parts = chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    (tmp_path / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + parts)
    with pytest.raises(SourceError, match=r"bomb\.png has more than 268435456 pixels"):
        open_source(str(tmp_path / "bomb.png"))
