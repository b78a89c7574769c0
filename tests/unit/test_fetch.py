"""Checkpoints come from the network or from a user's file, checked, and are converted once."""

import hashlib
import io

import pytest
import torch
from typer.testing import CliRunner

from app.weights import app
from engine.errors import WeightsError
from engine.network import storage
from engine.network.convert import to_mmpose
from engine.network.fetch import fetch, import_file, verify
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES
from engine.network.registry import registry
from engine.network.weights import load_checkpoint
from tests.support.faulty_server import faulty_server


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    return HigherHRNet(SIZES["shallow"]).state_dict()


@pytest.fixture(scope="module")
def published(state):
    """The bytes of a .pth as mmpose publishes them."""
    file = io.BytesIO()
    torch.save({"meta": {}, "state_dict": to_mmpose(state)}, file)
    return file.getvalue()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache, empty."""
    folder = tmp_path / "cache"
    monkeypatch.setattr("engine.network.registry.cache_folder", lambda: folder)
    monkeypatch.setattr("engine.network.fetch.cache_folder", lambda: folder)
    monkeypatch.setattr("app.weights.cache_folder", lambda: folder)
    return folder


@pytest.fixture
def publish(published, monkeypatch):
    """Make w32-512 a row about the small file, at an address of ours."""

    def row(url, network="shallow"):
        changes = {
            "url": url,
            "network": network,
            "sha256": hashlib.sha256(published).hexdigest()[:8],
        }
        entry = registry()["w32-512"].model_copy(update=changes)
        monkeypatch.setitem(registry(), "w32-512", entry)
        return entry

    return row


def refused(*args, **options):
    with pytest.raises(WeightsError) as told:
        fetch(*args, pause=0, timeout=5, **options)
    assert "\n" not in str(told.value)
    return str(told.value)


def same(network, state):
    return all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


def test_fetched_weights_are_kept_once_as_safetensors_and_known_as_published(
    published, state, cache, publish
):
    with faulty_server(published) as server:
        entry = publish(server.url)
        stored = fetch("w32-512", pause=0)
        assert fetch("w32-512", pause=0) == stored
        assert server.requests == 1
    assert {file.name for file in cache.iterdir()} == {"w32-512.safetensors", "pinned.json"}
    loaded = load_checkpoint("w32-512")
    assert same(loaded.network, state)
    assert loaded.published == entry
    assert loaded.sha256 == hashlib.sha256(published).hexdigest()
    assert "begins" in verify("w32-512").evidence


def test_a_break_on_the_way_is_overcome(published, state, cache, publish):
    with faulty_server(published, "breaks", "none") as server:
        publish(server.url)
        fetch("w32-512", pause=0)
    assert same(load_checkpoint("w32-512").network, state)


@pytest.mark.parametrize("fault", ["404", "corrupt"])
def test_a_failure_tells_the_url_and_where_a_copy_by_hand_belongs(published, cache, publish, fault):
    with faulty_server(published, fault) as server:
        entry = publish(server.url)
        text = refused("w32-512")
    assert server.url in text
    assert f"belongs at {cache / entry.file}" in text
    assert list(cache.iterdir()) == []


def test_without_a_network_the_message_is_one_line_with_url_and_path(cache, publish):
    with faulty_server(b"") as server:
        entry = publish(server.url)
    text = refused("w32-512")
    assert "Connection refused" in text
    assert server.url in text
    assert str(cache / entry.file) in text


def test_a_file_copied_by_hand_is_converted_without_the_network(published, state, cache, publish):
    entry = publish("http://127.0.0.1:9/nobody-listens")
    cache.mkdir()
    (cache / entry.file).write_bytes(published)
    assert same(load_checkpoint("w32-512").network, state)
    fetch("w32-512", pause=0)
    assert {file.name for file in cache.iterdir()} == {"w32-512.safetensors", "pinned.json"}
    assert same(load_checkpoint("w32-512").network, state)


def test_a_published_file_of_another_network_is_refused_and_not_stored(published, cache, publish):
    with faulty_server(published) as server:
        publish(server.url, network="w32")
        assert "it is a shallow network, not w32" in refused("w32-512")
    assert not (cache / "w32-512.safetensors").exists()


def test_what_cannot_be_fetched_says_what_to_do(cache):
    assert "weights import pose_higher_hrnet_w32_512.pth --name" in refused("original-w32-512")
    assert "nothing to fetch" in refused("compact")
    assert "it has compact, w32-512" in refused("w99")


# Files of the user's


def test_an_imported_file_is_found_by_its_new_name(state, tmp_path, cache):
    torch.save(state, tmp_path / "model.pth")
    stored = import_file(tmp_path / "model.pth", "mine")
    assert stored == cache / "mine.safetensors"
    loaded = load_checkpoint("mine")
    assert loaded.name == "mine"
    assert loaded.published is None
    assert same(loaded.network, state)


def test_an_imported_file_that_is_a_published_one_gets_its_name(
    published, tmp_path, cache, publish
):
    entry = publish("http://127.0.0.1:9/")
    (tmp_path / "downloaded.pth").write_bytes(published)
    assert import_file(tmp_path / "downloaded.pth").stem == "w32-512"
    assert load_checkpoint("w32-512").published == entry


def test_a_name_of_the_table_is_kept_for_its_own_file(state, tmp_path, cache, publish):
    publish("http://127.0.0.1:9/")
    torch.save(state, tmp_path / "model.pth")
    for name, message in (
        ("w32-512", "is not 'w32-512': its sha256 begins"),
        ("w48-512", "'w48-512' is a w48, this is a shallow"),
        ("original-w32-512", "is a w32, this is a shallow"),
        ("compact", "ships with the program"),
        ("a/b", "cannot be a name"),
        ("a.b", "cannot be a name"),
    ):
        with pytest.raises(WeightsError, match=message):
            import_file(tmp_path / "model.pth", name)
    assert not cache.exists()


def test_a_taken_name_is_overwritten_only_on_request(state, tmp_path, cache):
    torch.save(state, tmp_path / "mine.pth")
    import_file(tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match="'mine' already"):
        import_file(tmp_path / "mine.pth")
    import_file(tmp_path / "mine.pth", replace=True)


def test_a_file_that_changed_on_disk_does_not_verify(state, tmp_path):
    file = tmp_path / "mine.safetensors"
    storage.write(file, state, network="shallow", sizes=SIZES["shallow"], input_size=256)
    assert "unchanged" in verify(file).evidence
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="have changed since it was written"):
        verify(file)


# Commands


def run(*words):
    return CliRunner().invoke(app, list(words), env={"COLUMNS": "300"}, catch_exceptions=False)


def test_list_shows_every_name_its_accuracy_and_whether_it_is_here(state, tmp_path, cache):
    torch.save(state, tmp_path / "mine.pth")
    import_file(tmp_path / "mine.pth")
    shown = run("list").stdout
    lines = {line.split("│")[1].strip(): line for line in shown.splitlines() if "│" in line}
    assert {*registry(), "mine"} <= lines.keys()
    assert "67.7" in lines["w32-512"]
    assert "71.6" in lines["w48-512"]
    assert "to fetch" in lines["w48-512"]
    assert "to import" in lines["original-w48-640"]
    assert "bundled" in lines["compact"]
    assert "cached" in lines["mine"]


def test_fetch_import_and_verify_from_the_command_line(published, state, tmp_path, cache, publish):
    torch.save(state, tmp_path / "mine.pth")
    with faulty_server(published) as server:
        publish(server.url)
        assert "w32-512.safetensors" in run("fetch", "w32-512").stdout
    assert "mine.safetensors" in run("import", str(tmp_path / "mine.pth")).stdout
    told = run("verify", "mine").stdout
    assert told.startswith("mine: shallow, ")
    assert "17 keypoints" in told
    assert "unchanged" in told


def test_weights_folders_come_from_the_environment(state, tmp_path, cache):
    folder = tmp_path / "elsewhere"
    storage.write(
        folder / "other.safetensors",
        state,
        network="shallow",
        sizes=SIZES["shallow"],
        input_size=256,
    )
    result = CliRunner().invoke(app, ["verify", "other"], env={"POSE_WEIGHTS": str(folder)})
    assert result.exit_code == 0
    assert result.stdout.startswith("other: shallow")
