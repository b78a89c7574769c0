"""Inputs and outputs in object stores."""

import errno

import av
import numpy as np
import pytest

from app.process.inputs import plan
from engine.errors import OutputError, SourceError
from engine.sources import open_source, stores
from engine.sources.stored import BLOCK, StoredFile
from engine.sources.stores import listing, read_stored, remove, stored_size, write_stored
from tests.support.clips import number_of, write_clip

fsspec = pytest.importorskip("fsspec", reason="needs the extra `cluster`")


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


@pytest.fixture(autouse=True)
def quickly(monkeypatch):
    monkeypatch.setattr(stores, "_FIRST_PAUSE", 0.0)


def put(memory, address, data):
    memory.pipe_file(address, data)
    return address


def test_a_stored_video_gives_the_frames_of_the_file(memory, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 40, sound=True)
    address = put(memory, "memory://videos/clip.mp4", clip.read_bytes())
    stored, local = open_source(address), open_source(str(clip))
    assert stored.info == local.info
    for a, b in zip(stored.frames(), local.frames(), strict=True):
        assert (a.index, a.time) == (b.index, b.time)
        assert np.array_equal(a.pixels, b.pixels)
        assert number_of(a.pixels) == a.index


def test_reading_through_and_again_fetches_each_byte_about_once(memory, tmp_path, monkeypatch):
    data = np.random.default_rng(1).bytes(5 * BLOCK + 1000)
    address = put(memory, "memory://videos/data.bin", data)
    fetched = []
    cat = memory.cat_file

    def counted(path, start=None, end=None, **more):
        fetched.append(end - start)
        return cat(path, start=start, end=end, **more)

    monkeypatch.setattr(memory, "cat_file", counted)
    file, sound = StoredFile(address, "data"), StoredFile(address, "data")
    read = b""
    while part := file.read(70_000):
        read += part
        sound.read(len(part))
    assert read == data
    assert sum(fetched) == len(data)
    assert len(fetched) < 5  # requests grow while reading on
    file.seek(-1000, 2)
    assert file.read() == data[-1000:]
    assert sum(fetched) == len(data)


def test_a_store_that_fails_now_and_then_is_asked_again(memory, monkeypatch):
    address = put(memory, "memory://videos/flaky.bin", b"x" * 3 * BLOCK)
    cat, calls = memory.cat_file, []

    def flaky(path, **more):
        calls.append(path)
        if len(calls) % 3:
            raise OSError(500, "Internal Server Error")
        return cat(path, **more)

    monkeypatch.setattr(memory, "cat_file", flaky)
    assert StoredFile(address, "flaky").read() == b"x" * 3 * BLOCK
    assert len(calls) > 3


def test_a_store_that_always_fails_is_one_error(memory, monkeypatch):
    address = put(memory, "memory://videos/broken.bin", b"x")

    def broken(path, **more):
        raise OSError(500, "Internal Server Error")

    monkeypatch.setattr(memory, "cat_file", broken)
    with pytest.raises(SourceError, match=r"cannot read broken: .*Internal Server Error"):
        StoredFile(address, "broken").read()


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "there is no such file"), (b"", "is empty"), (b"Dear Sir", "is not a video")],
)
def test_what_cannot_be_read_is_one_line(memory, content, message):
    address = "memory://videos/letter.mp4"
    if content is not None:
        put(memory, address, content)
    with pytest.raises(SourceError, match=message):
        open_source(address)


def test_a_stored_folder_and_a_pattern_stand_for_their_videos(memory, tmp_path):
    for name in ("b.mp4", "a.mkv", "notes.txt", "a_overlay.mp4"):
        put(memory, f"memory://videos/{name}", b"x")
    jobs, problems = plan(["memory://videos/", "memory://videos/b*.mp4", "memory://none/"])
    assert [job.source for job in jobs] == ["memory://videos/a.mkv", "memory://videos/b.mp4"]
    assert [job.name for job in jobs] == ["a", "b"]
    assert list(problems) == ["memory://none/"]


@pytest.mark.parametrize("scheme", ["memory", "file"])
def test_what_is_written_can_be_read_listed_and_removed(scheme, tmp_path, memory):
    folder = f"{scheme}://{tmp_path}/out"
    assert read_stored(f"{folder}/a.txt") is None
    assert listing(folder) == []
    write_stored(f"{folder}/a.txt", b"one")
    write_stored(f"{folder}/a.txt", b"three")
    assert read_stored(f"{folder}/a.txt") == b"three"
    assert stored_size(f"{folder}/a.txt") == 5
    assert [address.rpartition("/")[2] for address in listing(folder)] == ["a.txt"]
    remove(folder)
    remove(folder)
    assert stored_size(f"{folder}/a.txt") is None


def test_a_store_that_may_not_be_written_is_one_line(memory, monkeypatch):
    def refuse(path, data, **more):
        raise PermissionError("Access Denied")

    monkeypatch.setattr(memory, "pipe_file", refuse)
    with pytest.raises(OutputError, match=r"cannot write memory://out/a\.txt: permission denied"):
        write_stored("memory://out/a.txt", b"x")


def test_a_file_that_is_written_twice_at_once_is_whole(tmp_path, monkeypatch):
    from fsspec.implementations.local import LocalFileSystem

    address = f"file://{tmp_path}/part"
    put_whole, inside = LocalFileSystem.pipe_file, []

    def put(system, path, value, **more):
        put_whole(system, path, value, **more)
        if not inside:
            inside.append(path)
            write_stored(address, b"content")  # the same task, run a second time

    monkeypatch.setattr(LocalFileSystem, "pipe_file", put)
    write_stored(address, b"content")
    assert read_stored(address) == b"content"
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_a_full_disk_is_one_line_at_once_and_leaves_no_part(tmp_path, monkeypatch):
    from fsspec.implementations.local import LocalFileSystem

    put_whole, attempts = LocalFileSystem.pipe_file, []

    def put(system, path, value, **more):
        put_whole(system, path, value[:2])
        attempts.append(path)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(LocalFileSystem, "pipe_file", put)
    with pytest.raises(OutputError, match=r"/part: the disk is full; free some space"):
        write_stored(f"file://{tmp_path}/part", b"content")
    assert len(attempts) == 1
    assert list(tmp_path.iterdir()) == []


def test_pyav_reports_what_the_store_said(memory, tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "clip.mp4", 30, container_options={"movflags": "faststart"})
    address = put(memory, "memory://videos/lost.mp4", clip.read_bytes())

    def gone(path, **more):
        raise PermissionError("token expired")

    monkeypatch.setattr(memory, "cat_file", gone)
    with pytest.raises(SourceError, match="token expired"), av.open(StoredFile(address, "lost")):
        pass
