"""A download is complete and checked, or it is not there; a break costs only what was missing."""

import hashlib
import socket

import pytest

from engine.errors import DownloadError
from engine.fetching.download import download
from tests.support.faulty_server import faulty_server

CONTENT = bytes(range(256)) * 4000  # 1 MB: several reads
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def fetch(server, target, **options):
    return download(server.url, target, pause=0, timeout=5, **options)


def only(target):
    """Names in the target's folder: nothing half-done may stay beside a finished file."""
    return [file.name for file in target.parent.iterdir()]


def test_a_file_arrives_whole_in_a_new_folder_with_progress_to_the_end(tmp_path):
    seen = []
    target = tmp_path / "new" / "file.bin"
    with faulty_server(CONTENT) as server:
        fetch(server, target, sha256=SHA256, progress=lambda *counts: seen.append(counts))
    assert target.read_bytes() == CONTENT
    assert only(target) == ["file.bin"]
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)


def test_a_file_that_is_already_here_is_not_asked_for_again(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(CONTENT)
    with faulty_server(CONTENT) as server:
        fetch(server, target, sha256=SHA256[:8])
        assert server.requests == 0


def test_a_wrong_file_under_the_name_is_replaced(tmp_path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"an older one")
    with faulty_server(CONTENT) as server:
        fetch(server, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_a_broken_transfer_goes_on_where_it_ended(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "breaks", "breaks", "none") as server:
        fetch(server, target)
        assert server.ranges == [None, "bytes=512000-", "bytes=768000-"]
        assert sum(server.sent) == len(CONTENT)
    assert target.read_bytes() == CONTENT


def test_the_next_call_goes_on_where_the_last_one_gave_up(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "breaks", "503") as server:
        with pytest.raises(DownloadError, match="503"):
            fetch(server, target, attempts=1)
        assert not target.exists()
        server.faults = ["none"]
        fetch(server, target)
        assert server.ranges[-1] == "bytes=512000-"
    assert target.read_bytes() == CONTENT
    assert only(target) == ["file.bin"]


def test_a_server_that_ignores_ranges_makes_it_start_again(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "breaks", "ignores ranges") as server:
        fetch(server, target, sha256=SHA256)
        assert server.ranges == [None, "bytes=512000-"]
    assert target.read_bytes() == CONTENT


def test_a_new_version_on_the_server_is_not_joined_to_the_old_one(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "breaks", "503") as server:
        with pytest.raises(DownloadError):
            fetch(server, target, attempts=1)
        server.content, server.faults = CONTENT[::-1], ["new version"]
        fetch(server, target)
    assert target.read_bytes() == CONTENT[::-1]


def test_bytes_of_an_unknown_version_are_not_trusted_without_a_hash(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "no tag") as server:
        (tmp_path / "file.bin.part").write_bytes(b"?" * 1000)
        fetch(server, target)
        assert server.ranges == [None]
    assert target.read_bytes() == CONTENT


def test_damaged_bytes_of_an_earlier_attempt_are_found_by_the_hash_and_fetched_again(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "no tag") as server:
        (tmp_path / "file.bin.part").write_bytes(b"?" * 1000)
        fetch(server, target, sha256=SHA256)
        assert server.ranges == ["bytes=1000-", None]
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("extra", [0, 10], ids=["complete", "too-long"])
def test_a_part_that_reaches_the_end_is_finished_or_dropped(tmp_path, extra):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT) as server:
        (tmp_path / "file.bin.part").write_bytes(CONTENT + b"?" * extra)
        fetch(server, target, sha256=SHA256)
        assert server.requests == (2 if extra else 1)
    assert target.read_bytes() == CONTENT


def test_a_corrupt_file_never_takes_the_name_and_leaves_nothing_behind(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "corrupt") as server:
        with pytest.raises(DownloadError, match=f"sha256 begins .* instead of {SHA256[:8]}"):
            fetch(server, target, sha256=SHA256[:8])
        assert server.requests == 1
    assert only(target) == []


def test_a_server_that_stalls_is_left_after_the_timeout_and_the_rest_fetched(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "stalls", "none") as server:
        download(server.url, target, timeout=0.2, pause=0)
        assert server.ranges == [None, "bytes=512000-"]
    assert target.read_bytes() == CONTENT


def test_a_server_that_only_stalls_is_given_up_and_the_bytes_are_kept(tmp_path):
    target = tmp_path / "file.bin"
    content = b"x"  # half of it is nothing: no attempt makes progress
    with (
        faulty_server(content, "stalls") as server,
        pytest.raises(DownloadError, match=r"nothing arrived for 0\.1 s"),
    ):
        download(server.url, target, timeout=0.1, pause=0, attempts=2)
    assert server.requests == 2
    assert not target.exists()


def test_404_is_told_at_once(tmp_path):
    with faulty_server(CONTENT, "404") as server:
        with pytest.raises(DownloadError, match="404 Not Found") as told:
            fetch(server, tmp_path / "file.bin")
        assert server.url in str(told.value)
        assert server.requests == 1


def test_a_busy_server_is_asked_again(tmp_path):
    target = tmp_path / "file.bin"
    with faulty_server(CONTENT, "503", "503", "none") as server:
        fetch(server, target)
    assert target.read_bytes() == CONTENT


def test_a_file_of_another_size_is_refused_before_it_is_fetched(tmp_path):
    with faulty_server(CONTENT) as server:
        with pytest.raises(DownloadError, match="has 1024000 bytes, not 7"):
            fetch(server, tmp_path / "file.bin", size=7)
        assert server.requests == 1
    assert only(tmp_path / "file.bin") == []


def test_without_a_server_the_message_is_one_line_with_the_url(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/file.bin"
        with pytest.raises(DownloadError, match="refused") as told:
            download(url, tmp_path / "file.bin", pause=0, attempts=2)
    assert url in str(told.value)
    assert "\n" not in str(told.value)


def test_a_disk_without_room_is_told_before_anything_is_written(tmp_path, monkeypatch):
    import shutil

    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr("engine.fetching.download.shutil.disk_usage", lambda _folder: usage)
    with (
        faulty_server(CONTENT) as server,
        pytest.raises(DownloadError, match=r"0 MB left, .* needs 1 MB more"),
    ):
        fetch(server, tmp_path / "file.bin")


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    with faulty_server(CONTENT) as server, pytest.raises(DownloadError, match="cannot write"):
        fetch(server, tmp_path / "taken" / "file.bin")


def test_only_web_addresses_are_fetched(tmp_path):
    with pytest.raises(DownloadError, match="only fetch http"):
        download("file:///etc/passwd", tmp_path / "file.bin")
