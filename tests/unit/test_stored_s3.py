"""S3 by its ordinary client, from a server on the loopback device."""

import os
import socket

import pytest

pytest.importorskip("s3fs", reason="needs the extra `cluster`")
pytest.importorskip("moto.server", reason="needs moto, which serves S3 for tests")

from engine.errors import OutputError, SourceError
from engine.sources import open_source, stores
from engine.sources.stores import listing, read_stored, send, write_stored
from tests.support.clips import number_of, write_clip
from tests.support.walkers_estimator import Walkers, process

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")


@pytest.fixture(scope="module")
def bucket():
    import fsspec
    from moto import server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    running.start()
    before = {name: os.environ.get(name) for name in CREDENTIALS}
    os.environ.update(
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}",
    )
    fsspec.filesystem("s3", use_listings_cache=False).mkdir("lab")
    yield "s3://lab"
    running.stop()
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def test_a_video_is_read_and_results_are_written(bucket, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 60, sound=True)
    send(str(clip), f"{bucket}/in/clip.mp4")
    numbers = [number_of(f.pixels) for f in open_source(f"{bucket}/in/clip.mp4").frames()]
    assert numbers == list(range(60))
    summary, _ = process([f"{bucket}/in/clip.mp4"], f"{bucket}/out")
    assert f"{bucket}/out/clip.mp4" in summary.reports[0].outputs
    process([clip], tmp_path / "one")
    names = {address.rpartition("/")[2] for address in listing(f"{bucket}/out")}
    assert names == {"clip.ndjson", "clip.csv", "clip.mp4"}
    for name in ("clip.csv", "clip.mp4"):
        assert read_stored(f"{bucket}/out/{name}") == (tmp_path / "one" / name).read_bytes()
    summary, walkers = process([f"{bucket}/in/clip.mp4"], f"{bucket}/out")
    assert summary.reports[0].skipped
    assert walkers.frames == 0


def test_an_output_that_takes_no_files_is_known_before_the_work(bucket, tmp_path, monkeypatch):
    monkeypatch.setattr(stores, "_FIRST_PAUSE", 0.0)
    clip = write_clip(tmp_path / "clip.mp4", 30)
    walkers = Walkers()
    with pytest.raises(OutputError, match="there is no bucket nowhere"):
        process([clip], "s3://nowhere/out", walkers=walkers)
    assert walkers.frames == 0


def test_missing_things_are_one_line_each(bucket, monkeypatch):
    monkeypatch.setattr(stores, "_FIRST_PAUSE", 0.0)
    with pytest.raises(SourceError, match="there is no such file"):
        open_source(f"{bucket}/in/no.mp4")
    with pytest.raises(SourceError, match=r"there is no (bucket nowhere|such file)"):
        open_source("s3://nowhere/clip.mp4")
    with pytest.raises(OutputError, match="there is no bucket nowhere"):
        write_stored("s3://nowhere/a.txt", b"x")
