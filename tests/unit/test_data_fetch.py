"""`data fetch`: from a server on this machine to the layout that `eval --data` reads."""

import hashlib
import io
import zipfile
from dataclasses import replace

import pytest
from typer.testing import CliRunner

import app.data
from app.data import DATA_SETS, Archive, DataSet, fetch
from app.evaluation.command import VAL2017
from engine.errors import DataError, DownloadError, PoseError
from engine.fetching.archive import extract
from tests.support.faulty_server import faulty_server

PICTURES = {f"val2017/{i:03d}.jpg": bytes([i]) * (4000 + i) for i in range(8)}


def zipped(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


CONTENT = zipped({"val2017/": b"", **PICTURES, "README": b"not wanted"})
ARCHIVE = Archive(
    path="zips/val2017.zip",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    wanted="val2017/",
    files=len(PICTURES),
)


def data_set(*archives):
    return DataSet("http://nowhere.invalid", archives, "eval --data {folder}")


def fetch_from(server, folder, archive=ARCHIVE, **options):
    fetch(data_set(archive), folder, server.url.removesuffix("/file.bin"), **options)


def unpacked(folder):
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_what_is_wanted_is_unpacked_and_the_archive_removed(tmp_path):
    with faulty_server(CONTENT) as server:
        fetch_from(server, tmp_path)
    assert unpacked(tmp_path) == PICTURES


def test_the_archive_is_kept_on_request(tmp_path):
    with faulty_server(CONTENT) as server:
        fetch_from(server, tmp_path, keep_archives=True)
    assert (tmp_path / "val2017.zip").read_bytes() == CONTENT


def test_what_is_there_is_not_fetched_again(tmp_path):
    with faulty_server(CONTENT) as server:
        fetch_from(server, tmp_path)
        fetch_from(server, tmp_path)
    assert server.requests == 1


def test_a_broken_line_is_taken_up_where_it_broke(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.fetching.download.time.sleep", lambda seconds: None)
    with faulty_server(CONTENT, "breaks", "none") as server:
        fetch_from(server, tmp_path)
    assert unpacked(tmp_path) == PICTURES
    assert server.ranges[0] is None
    assert server.ranges[1] is not None
    assert sum(server.sent) <= len(CONTENT) + 1024


def test_an_archive_that_is_not_the_expected_one_is_refused(tmp_path):
    with faulty_server(CONTENT, "corrupt") as server, pytest.raises(DownloadError, match="sha256"):
        fetch_from(server, tmp_path)
    assert not (tmp_path / "val2017").exists()


def test_an_archive_without_the_files_is_refused_and_kept_for_a_look(tmp_path):
    missing_one = pytest.raises(DataError, match="has 8 files named val2017/, expected 9")
    with faulty_server(CONTENT) as server, missing_one:
        fetch_from(server, tmp_path, replace(ARCHIVE, files=9))
    assert (tmp_path / "val2017.zip").exists()


def test_unpacking_goes_on_after_a_break(tmp_path):
    file = tmp_path / "a.zip"
    file.write_bytes(CONTENT)
    folder = tmp_path / "out"
    (folder / "val2017").mkdir(parents=True)
    first, second = list(PICTURES)[:2]
    (folder / first).write_bytes(PICTURES[first])
    (folder / second).write_bytes(PICTURES[second][:10])  # cut off by something else
    (folder / f"{second}.part").write_bytes(b"half")
    before = (folder / first).stat().st_mtime_ns
    steps = []
    extract(file, folder, ARCHIVE.is_wanted, lambda done, total: steps.append((done, total)))
    assert unpacked(folder) == PICTURES
    assert (folder / first).stat().st_mtime_ns == before
    assert steps == [(i, 8) for i in range(1, 9)]


@pytest.mark.parametrize(
    "name", ["../outside", "val2017/../../outside", "/etc/outside", "..\\outside", "C:\\outside"]
)
def test_a_name_that_leads_out_of_the_folder_is_refused_before_anything_is_unpacked(tmp_path, name):
    file = tmp_path / "evil.zip"
    file.write_bytes(zipped({"good": b"1", name: b"evil"}))
    folder = tmp_path / "deep/out"
    with pytest.raises(DataError, match="leads out of the folder"):
        extract(file, folder, lambda _: True)
    assert not folder.exists()
    assert [f.name for f in tmp_path.iterdir()] == ["evil.zip"]


def test_a_link_in_the_folder_is_not_followed_out_of_it(tmp_path):
    file = tmp_path / "a.zip"
    file.write_bytes(zipped({"val2017/x": b"1"}))
    folder, outside = tmp_path / "out", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "val2017").symlink_to(outside)
    with pytest.raises(DataError, match="leads out"):
        extract(file, folder, lambda _: True)
    assert list(outside.iterdir()) == []


def test_a_damaged_archive_is_one_clear_line(tmp_path):
    file = tmp_path / "a.zip"
    file.write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(DataError, match="is damaged"):
        extract(file, tmp_path / "out", lambda _: True)
    spoilt = bytearray(CONTENT)
    spoilt[CONTENT.index(PICTURES["val2017/003.jpg"]) + 100] ^= 0xFF
    file.write_bytes(bytes(spoilt))
    with pytest.raises(DataError, match="is damaged"):
        extract(file, tmp_path / "out", ARCHIVE.is_wanted)
    assert not (tmp_path / "out/val2017/003.jpg").exists()


def test_no_network_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.fetching.download.time.sleep", lambda seconds: None)
    with faulty_server(b"") as server:
        gone = server.url.removesuffix("/file.bin")
    with pytest.raises(DownloadError, match="cannot fetch http://127") as caught:
        fetch(data_set(ARCHIVE), tmp_path, gone)
    assert "\n" not in str(caught.value)


def test_the_command_fetches_from_a_mirror_and_says_what_to_do_next(tmp_path, monkeypatch):
    monkeypatch.setitem(DATA_SETS, "coco-val2017", data_set(ARCHIVE))
    with faulty_server(CONTENT) as server:
        mirror = server.url.removesuffix("/file.bin")
        words = ["fetch", "coco-val2017", "--out", str(tmp_path / "d"), "--mirror", mirror]
        outcome = CliRunner().invoke(app.data.app, words)
    assert outcome.exit_code == 0, outcome.exception
    assert f"eval --data {tmp_path / 'd'}" in outcome.output.replace("\n", "")
    assert unpacked(tmp_path / "d") == PICTURES


def test_an_unknown_data_set_is_named_with_the_known_ones():
    outcome = CliRunner().invoke(app.data.app, ["fetch", "imagenet"])
    assert isinstance(outcome.exception, PoseError)
    assert "'imagenet'; known: coco-val2017" in str(outcome.exception)


def test_the_real_data_set_ends_where_eval_looks():
    wanted = {archive.wanted.rstrip("/") for archive in DATA_SETS["coco-val2017"].archives}
    assert wanted == set(VAL2017)
