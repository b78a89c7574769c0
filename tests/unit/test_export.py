"""`posestream export`: files that other programs read, checked against the network they are of."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

import app.export
from app.export import export
from engine.errors import DeviceError, OutputError, SettingsError, SourceError, WeightsError
from engine.network.convert import to_ours
from engine.network.exported import read_facts
from engine.network.hrnet import SIZES
from engine.network.opening import open_estimator
from engine.network.weights import build, load_checkpoint
from engine.settings import EngineSettings, Settings
from gpu_ops.runtimes import plan
from gpu_ops.runtimes.onnx_file import write_onnx
from gpu_ops.runtimes.onnxruntime_network import OnnxRuntimeNetwork
from gpu_ops.runtimes.openvino_network import OpenVinoNetwork
from tests.support.clips import write_clip
from tests.support.golden_recipe import seeded_state
from tests.support.tiny_checkpoint import tiny_checkpoint

PLAIN = """
import json, sys
import numpy as np
x = np.load("x.npy")
import onnxruntime
session = onnxruntime.InferenceSession("a.onnx", providers=["CPUExecutionProvider"])
onnx = session.run(["low", "high"], {"image": x})
facts = session.get_modelmeta().custom_metadata_map
import openvino
core = openvino.Core()
# Its default is bfloat16 on processors that have it.
compiled = core.compile_model("a.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
found = compiled(x)
ir = [found[compiled.output(name)] for name in ("low", "high")]
inside = core.read_model("a.xml").get_rt_info(["posestream", "keypoints"]).astype(str)
np.savez("maps.npz", *onnx, *ir)
print(json.dumps([facts, inside, "engine" in sys.modules]))
"""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "tiny.safetensors")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return str(write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", 4))


@pytest.fixture(autouse=True)
def _short_clip(monkeypatch, clip):
    """The demo clip is long; what is in the frames does not matter here."""
    monkeypatch.setattr(app.export, "DEMO", clip)


@pytest.fixture(scope="module")
def exported(weights, clip, tmp_path_factory):
    """Both kinds of file of the tiny network, and what was said."""
    folder = tmp_path_factory.mktemp("exported")
    lines = []
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(app.export, "DEMO", clip)
        export(str(weights), "onnx", out=folder / "a.onnx", say=lines.append)
        export(str(weights), "openvino", out=folder / "a.xml", say=lines.append)
    return folder, lines


def test_files_open_in_plain_scripts_without_this_package(exported, weights):
    folder, _ = exported
    x = np.random.default_rng(0).normal(0, 1, (2, 3, 96, 64)).astype(np.float32)
    np.save(folder / "x.npy", x)
    done = subprocess.run(
        [sys.executable, "-c", PLAIN], cwd=folder, capture_output=True, text=True, check=True
    )
    facts, inside, ours_imported = json.loads(done.stdout.splitlines()[-1])
    assert not ours_imported
    with torch.inference_mode():
        wanted = load_checkpoint(weights).network(torch.from_numpy(x))
    maps = np.load(folder / "maps.npz")
    for i in range(4):
        assert np.abs(maps[f"arr_{i}"] - wanted[i % 2].numpy()).max() < 1e-4
    names = json.loads(facts["keypoints"])
    assert len(names) == 17
    assert json.loads(inside) == names
    assert {"limbs", "sizes", "input_size", "tensors_sha256", "mean", "precision"} <= set(facts)


def test_what_was_written_is_compared_with_torch(exported):
    _, lines = exported
    assert len([line for line in lines if line.startswith("max |difference|")]) == 2
    assert "a.bin" in lines[2]


def test_no_part_of_a_file_is_left(exported):
    folder, _ = exported
    assert not list(folder.glob("part-*"))


@pytest.mark.parametrize("file", ["a.onnx", "a.xml"])
def test_an_exported_file_runs_in_the_engine(exported, weights, file, tmp_path, monkeypatch):
    monkeypatch.setattr("engine.network.runtime.models_folder", lambda: tmp_path)
    engine = EngineSettings(weights=str(weights), device="cpu", exported=str(exported[0] / file))
    with open_estimator(Settings(engine=engine)) as estimator:
        assert estimator.device.runtime == ("openvino" if file == "a.xml" else "onnxruntime")
        estimator.warm_up([(96, 64)])


def test_a_model_of_other_weights_is_refused(exported, tmp_path):
    other = tiny_checkpoint(tmp_path / "other.safetensors", seed=1)
    engine = EngineSettings(weights=str(other), device="cpu", exported=str(exported[0] / "a.onnx"))
    with (
        pytest.raises(WeightsError, match=r"exported from other weights \(tiny\) than other"),
        open_estimator(Settings(engine=engine)),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.onnx", None, "there is no exported model"),
        ("text.onnx", b"hello there", "no ONNX file"),
        ("text.xml", b"hello there", "no OpenVINO model"),
        ("model.pt", b"hello there", "must end in .onnx or .xml"),
    ],
)
def test_a_wrong_file_is_one_clear_line(tmp_path, name, content, message):
    file = tmp_path / name
    if content:
        file.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as error:
        read_facts(file)
    assert "\n" not in str(error.value)


def test_an_onnx_file_of_another_program_is_refused(tmp_path):
    write_onnx(load_checkpoint(tiny_checkpoint(tmp_path / "t.safetensors")).network,
               tmp_path / "plain.onnx", {})  # fmt: skip
    with pytest.raises(WeightsError, match="not written by `posestream export`"):
        read_facts(tmp_path / "plain.onnx")


def test_a_file_that_is_not_ours_is_not_replaced(weights, tmp_path):
    (tmp_path / "thesis.onnx").write_bytes(b"years of work")
    with pytest.raises(OutputError, match="choose another --out"):
        export(str(weights), "onnx", out=tmp_path / "thesis.onnx")
    assert (tmp_path / "thesis.onnx").read_bytes() == b"years of work"
    (tmp_path / "thesis.bin").write_bytes(b"years of work")
    with pytest.raises(OutputError, match="choose another --out"):
        export(str(weights), "openvino", out=tmp_path / "thesis.xml")
    assert (tmp_path / "thesis.bin").read_bytes() == b"years of work"


def test_the_suffix_says_the_kind(weights, tmp_path):
    with pytest.raises(SettingsError, match=r"ends in \.xml"):
        export(str(weights), "openvino", out=tmp_path / "a.onnx")


def test_frames_to_calibrate_with_need_int8(weights):
    with pytest.raises(SettingsError, match="--calibrate is for --int8"):
        app.export.command(str(weights), "onnx", calibrate="clip.mp4")


def test_calibrating_on_nothing_is_one_line_and_writes_nothing(weights, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="empty"):
        export(
            str(weights),
            "onnx",
            int8=True,
            calibrate=str(tmp_path / "empty"),
            out=tmp_path / "a.onnx",
        )
    assert not list(tmp_path.glob("*.onnx"))


def test_a_missing_extra_is_named(weights, monkeypatch):
    monkeypatch.setattr(plan, "_absent", lambda modules: [m for m in modules if m == "nncf"])
    with pytest.raises(DeviceError, match=r"int8 needs nncf: pip install 'posestream\[onnx\]'"):
        export(str(weights), "onnx", int8=True)


def test_a_file_that_computes_something_else_is_removed(weights, tmp_path, monkeypatch):
    monkeypatch.setattr(app.export._Export, "_difference", lambda *_: (0.0, 0.1))
    with pytest.raises(WeightsError, match="computed other maps"):
        export(str(weights), "onnx", out=tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["onnx", "openvino"])
def test_int8_files_run_and_are_near(weights, clip, tmp_path, kind):
    lines = []
    file = export(
        str(weights),
        kind,
        int8=True,
        calibrate=clip,
        out=tmp_path / f"a{'.onnx' if kind == 'onnx' else '.xml'}",
        say=lines.append,
    )
    assert read_facts(file)["precision"] == "int8"
    assert float(lines[1].rpartition(" ")[2]) > 0


@pytest.mark.slow
def test_w32_with_seeded_weights_gives_the_golden_outputs_through_onnx(shared, tmp_path):
    network = build(SIZES["w32"], to_ours(seeded_state("w32")))
    numbers = np.load(shared / "golden/dev/net_w32.npz")
    write_onnx(network, tmp_path / "w32.onnx", {})
    noise = np.random.RandomState(int(numbers["input_seed"])).standard_normal(
        tuple(numbers["input_shape"])
    )
    x = torch.from_numpy(noise.astype(np.float32))
    for runtime in (OnnxRuntimeNetwork, OpenVinoNetwork):
        for got, wanted in zip(
            runtime(tmp_path / "w32.onnx")(x), (numbers["out0"], numbers["out1"]), strict=True
        ):
            off = np.abs(got.numpy() - wanted).max() / wanted.std()
            assert off < 1e-3, f"{runtime.__name__}: {off:.1e} deviations off"
