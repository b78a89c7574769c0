"""Every kind of checkpoint loads to the same network; every wrong file gets one clear line."""

import json
import struct
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import save_file

import assets
from engine.errors import OutputError, WeightsError
from engine.network import storage
from engine.network.convert import shapes_of, to_mmpose
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES, Sizes
from engine.network.registry import names, registry, standard_folders
from engine.network.weights import load_checkpoint, load_network
from engine.skeleton import COCO
from tests.support.golden_recipe import seeded_checkpoint


@pytest.fixture(scope="module")
def state():
    """A shallow network's parameters, random."""
    torch.manual_seed(0)
    return HigherHRNet(SIZES["shallow"]).state_dict()


def same(network, state):
    return all(torch.equal(tensor, state[key]) for key, tensor in network.state_dict().items())


def refused(path, network=None):
    """The message about a file; it must be one line that names the file."""
    with pytest.raises(WeightsError) as told:
        load_checkpoint(path, network)
    text = str(told.value)
    assert "\n" not in text
    assert str(path) in text
    return text


# Files that load


@pytest.mark.parametrize("layout", ["mmpose", "original"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before-1.6"])
def test_a_seeded_w32_of_either_layout_and_file_format_loads(tmp_path, layout, legacy):
    file = tmp_path / "any.pth"
    seeded_checkpoint("w32", file, layout, legacy=legacy)
    loaded = load_checkpoint(file)
    assert loaded.network_name == "w32"
    assert loaded.sizes == SIZES["w32"]
    assert loaded.input_size == 512
    assert loaded.skeleton is COCO
    assert loaded.published is None
    assert len(loaded.sha256) == 64
    assert not loaded.network.training
    assert {p.dtype for p in loaded.network.parameters()} == {torch.float32}


@pytest.mark.parametrize("prefix", ["", "module.", "1.", "module.1."])
def test_prefixes_and_missing_counters_make_no_difference(state, tmp_path, prefix):
    old = {prefix + k: t for k, t in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(old, tmp_path / "model_best.pth.tar")
    loaded = load_checkpoint(tmp_path / "model_best.pth.tar")
    assert loaded.network_name == "shallow"
    assert same(loaded.network, state)


def test_a_training_checkpoint_loads_its_best_parameters(state, tmp_path):
    worse = {key: torch.zeros_like(tensor) for key, tensor in state.items()}
    optimizer = {"state": {}, "param_groups": [{"lr": 0.001}]}
    content = {"epoch": 9, "state_dict": worse, "best_state_dict": state, "optimizer": optimizer}
    torch.save(content, tmp_path / "a.pth")
    assert same(load_network(tmp_path / "a.pth"), state)


def test_a_file_of_ours_tells_everything_about_itself(tmp_path):
    sizes = Sizes(width=8, stem=8, bottleneck=4, bottlenecks=1, blocks=1, keypoints=3)
    network = HigherHRNet(sizes)
    names_of_mine = ["nose", "left_hand", "right_hand"]
    file = tmp_path / "mine.safetensors"
    text = {
        "format": "posestream-1",
        "network": "tiny",
        "sizes": json.dumps(asdict(sizes)),
        "keypoints": json.dumps(names_of_mine),
        "limbs": "[[0, 1], [0, 2]]",
        "input_size": "192",
    }
    half = {k: t.half() if t.is_floating_point() else t for k, t in network.state_dict().items()}
    save_file(half, file, text)
    loaded = load_checkpoint(file)
    assert (loaded.name, loaded.network_name, loaded.input_size) == ("mine", "tiny", 192)
    assert loaded.sizes == sizes
    assert loaded.skeleton.names == tuple(names_of_mine)
    assert loaded.skeleton.limbs == ((0, 1), (0, 2))
    assert loaded.skeleton.mirror == (0, 2, 1)
    assert loaded.sha256 is None
    assert torch.equal(
        loaded.network.conv1.weight, network.conv1.weight.half().float()
    )  # raised to single precision


def test_a_file_of_the_former_compact_loads(state, tmp_path):
    """Its header names other sizes than the table has now, and none that came later."""
    values = asdict(SIZES["shallow"])
    text = {
        "format": storage.FORMAT,
        "network": "compact",
        "sizes": json.dumps(
            {k: values[k] for k in values.keys() - {"backbone", "coarser", "head"}}
        ),
        "keypoints": json.dumps(COCO.names),
    }
    save_file(dict(state), tmp_path / "old.safetensors", text)
    loaded = load_checkpoint(tmp_path / "old.safetensors")
    assert loaded.sizes == SIZES["shallow"]
    assert loaded.input_size == 256
    assert same(loaded.network, state)


def test_what_is_written_is_read_back(state, tmp_path):
    file = tmp_path / "new" / "mine.safetensors"
    storage.write(file, state, network="shallow", sizes=SIZES["shallow"], input_size=320)
    loaded = load_checkpoint(file, "shallow")
    assert same(loaded.network, state)
    assert loaded.input_size == 320
    assert [f.name for f in file.parent.iterdir()] == ["mine.safetensors"]


def test_a_header_whose_length_begins_like_a_pickle_is_no_pickle(tmp_path):
    """The length is a multiple of 8, so one file in 32 begins with the byte of a pickle."""
    path, first = tmp_path / "mine.safetensors", set()
    for extra in range(0, 264, 8):
        save_file({"x": torch.zeros(2)}, path, {"format": storage.FORMAT, "note": "n" * extra})
        first.add(path.read_bytes()[0])
        tensors, text = storage.read(path)
        assert (list(tensors), len(text["note"])) == (["x"], extra)
    assert 0x80 in first


def test_a_place_that_cannot_be_written_is_told(state, tmp_path):
    (tmp_path / "taken").write_text("a file, not a folder")
    file = tmp_path / "taken" / "mine.safetensors"
    with pytest.raises(OutputError, match=f"cannot write {file}"):
        storage.write(file, state, network="shallow", sizes=SIZES["shallow"], input_size=256)


def test_safetensors_of_others_load_by_their_shapes(state, tmp_path):
    save_file(to_mmpose(state), tmp_path / "converted.safetensors")
    assert load_checkpoint(tmp_path / "converted.safetensors").network_name == "shallow"


def test_a_loaded_network_does_not_depend_on_its_file(state, tmp_path):
    file = tmp_path / "mine.safetensors"
    storage.write(file, state, network="shallow", sizes=SIZES["shallow"], input_size=256)
    network = load_network(file)
    file.write_bytes(b"overwritten by the next training epoch")
    assert same(network, state)


# Files that do not


def test_a_missing_file_is_told(tmp_path):
    assert "there is no file" in refused(tmp_path / "gone.pth")


def test_a_folder_is_told(tmp_path):
    assert "is a folder" in refused(tmp_path)


def test_an_empty_file_is_told(tmp_path):
    (tmp_path / "a.pth").touch()
    assert "the file is empty" in refused(tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xd8\xff\xe0 a picture", "no checkpoint"),
        (b"hello world, this is text", "no checkpoint"),
        (b"\n<!DOCTYPE html><html>Sign in</html>", "web page"),
        (b"\x80\x02 not really a pickle", "damaged"),
        (b"\x80", "damaged"),
    ],
    ids=["picture", "text", "web-page", "almost-pickle", "one-byte"],
)
def test_a_file_of_another_kind_is_told(tmp_path, content, message):
    (tmp_path / "a.pth").write_bytes(content)
    assert message in refused(tmp_path / "a.pth")


def test_a_pickle_without_parameters_is_told(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "a.pth")
    assert "no dictionary of parameters" in refused(tmp_path / "a.pth")


@pytest.mark.parametrize("kind", ["zip", "before-1.6", "safetensors"])
@pytest.mark.parametrize("part", [0.0001, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_told(state, tmp_path, kind, part):
    file = tmp_path / ("a.safetensors" if kind == "safetensors" else "a.pth")
    if kind == "safetensors":
        storage.write(file, state, network="shallow", sizes=SIZES["shallow"], input_size=256)
    else:
        torch.save(state, file, _use_new_zipfile_serialization=kind == "zip")
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * part)])
    text = refused(file)
    assert "truncated" in text or "damaged" in text


class Malicious:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        import os

        return os.system, (self.command,)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "before-1.6"])
def test_a_pickle_that_wants_code_is_refused_and_nothing_runs(tmp_path, legacy):
    content = {"state_dict": {"a": torch.ones(1)}, "extra": Malicious(f"touch {tmp_path}/ran")}
    file = tmp_path / "a.pth"
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    assert "wants to run code (posix.system)" in refused(file)
    assert not (tmp_path / "ran").exists()


def test_a_backbone_without_head_is_told(state, tmp_path):
    backbone = {k: t for k, t in state.items() if not k.startswith(("final_", "deconv_"))}
    torch.save(backbone, tmp_path / "hrnet_w32-36af842e.pth")
    assert "backbone without the pose head" in refused(tmp_path / "hrnet_w32-36af842e.pth")


def test_another_network_altogether_is_counted_and_named(tmp_path):
    torch.save({"fc.weight": torch.ones(1), "fc.bias": torch.ones(1)}, tmp_path / "resnet.pth")
    text = refused(tmp_path / "resnet.pth", "w32")
    assert "does not fit HigherHRNet w32" in text
    assert "1509 missing: conv1.weight" in text  # 1810 without the counters
    assert "2 unexpected: fc.weight, fc.bias" in text


@pytest.mark.parametrize("asked", ["w48", "w33"])
def test_the_wrong_network_asked_for_is_told(state, tmp_path, asked):
    torch.save(state, tmp_path / "a.pth")
    file = tmp_path / "mine.safetensors"
    storage.write(file, state, network="shallow", sizes=SIZES["shallow"], input_size=256)
    for each in (tmp_path / "a.pth", file):
        assert f"it is a shallow network, not {asked}" in refused(each, asked)


def test_an_unknown_network_is_told_with_the_known_ones(tmp_path):
    torch.save({"fc.weight": torch.ones(1)}, tmp_path / "a.pth")
    assert "use one of w32, w48, compact, shallow" in refused(tmp_path / "a.pth", "w33")


def test_keypoints_without_names_are_told(tmp_path):
    sizes = Sizes(**{**asdict(SIZES["shallow"]), "keypoints": 14})  # as CrowdPose has
    torch.save({k: torch.zeros(s) for k, s in shapes_of(sizes).items()}, tmp_path / "crowd.pth")
    assert "predicts 14 keypoints, but 17 names are known" in refused(tmp_path / "crowd.pth")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sizes", "{", "no usable sizes"),
        ("sizes", '{"width": 16}', "no usable sizes"),
        ("sizes", '{"depth": 3, "modules": [1, 1, 1]}', "sizes this version does not know"),
        ("sizes", '{"width": 100000000, "modules": [1, 1, 1]}', "impossible sizes"),
        ("sizes", '{"width": "x", "modules": [1, 1, 1]}', "no usable sizes"),
        ("keypoints", "7", "no usable keypoints"),
        ("keypoints", '["nose"]', "predicts 17 keypoints, but 1 names are known"),
        ("limbs", "[[0, 17]]", "limbs beyond its 17 keypoints"),
    ],
)
def test_metadata_that_makes_no_sense_is_told(state, tmp_path, key, value, message):
    file = tmp_path / "mine.safetensors"
    text = {
        "format": "posestream-1",
        "network": "shallow",
        "sizes": json.dumps(asdict(SIZES["shallow"])),
        "keypoints": json.dumps(COCO.names),
    }
    save_file(dict(state), file, text | {key: value})
    assert message in refused(file)


def test_a_safetensors_header_that_lies_is_told(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", 1 << 40) + b'{"a": 1}')
    assert "damaged" in refused(tmp_path / "a.safetensors")


# Names


def test_the_bundled_network_is_found_by_name_and_finds_its_row():
    loaded = load_checkpoint("compact")
    assert loaded.path == assets.path("weights/compact.safetensors")
    assert loaded.published == registry()["compact"]
    assert loaded.network_name == "compact"


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(WeightsError, match=r"no weights named 'w99'.*compact, w32-512, w32-640"):
        load_checkpoint("w99", folders=[tmp_path])


def test_absent_weights_say_the_command_the_url_and_the_exact_path(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.network.registry.cache_folder", lambda: tmp_path / "cache")
    entry = registry()["w32-512"]
    with pytest.raises(WeightsError) as told:
        load_checkpoint("w32-512", folders=[tmp_path])
    for part in ("weights fetch w32-512", entry.url, str(tmp_path / "cache" / entry.file)):
        assert part in str(told.value)


def test_weights_that_cannot_be_fetched_say_how_to_import_them(tmp_path):
    with pytest.raises(WeightsError, match=r"weights import pose_higher_hrnet_w48_640\.pth --name"):
        load_checkpoint("original-w48-640", folders=[tmp_path])


def test_a_published_name_with_other_bytes_is_refused(tmp_path):
    entry = registry()["w32-512"]
    seeded_checkpoint("w32", tmp_path / entry.file)
    assert "that of w32-512 8ae85183" in refused(tmp_path / entry.file)
    with pytest.raises(WeightsError, match="that of w32-512 8ae85183"):
        load_checkpoint("w32-512", folders=[tmp_path])


def test_a_user_file_named_like_the_bundled_one_does_not_borrow_its_accuracy(state, tmp_path):
    file = tmp_path / "compact.safetensors"
    storage.write(file, state, network="shallow", sizes=SIZES["shallow"], input_size=256)
    assert load_checkpoint(file).published is None


def test_folders_are_searched_in_order_and_the_first_can_be_given(tmp_path):
    first, *rest = standard_folders(f"{tmp_path}/a")
    assert first == tmp_path / "a"
    assert rest == list(standard_folders(""))
    assert rest[-1] == assets.path("weights")


def test_the_environment_names_the_first_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("POSE_WEIGHTS", str(tmp_path))
    assert standard_folders()[0] == tmp_path
    monkeypatch.delenv("POSE_WEIGHTS")
    assert standard_folders() == standard_folders("")


def test_a_network_kept_in_a_folder_has_the_name_of_its_file(state, tmp_path):
    storage.write(
        tmp_path / "mine.safetensors",
        state,
        network="shallow",
        sizes=SIZES["shallow"],
        input_size=256,
    )
    assert "mine" in names([tmp_path])
    assert load_checkpoint("mine", folders=[tmp_path]).name == "mine"


def test_every_row_of_the_table_is_complete():
    for name, entry in registry().items():
        assert entry.network in SIZES, name
        assert entry.licence, name
        if entry.layout == "mmpose":
            assert entry.url == f"https://download.openmmlab.com/mmpose/bottom_up/{entry.file}"
            assert f"-{entry.sha256}_" in entry.file
            assert entry.single_scale.AP < entry.multi_scale.AP
