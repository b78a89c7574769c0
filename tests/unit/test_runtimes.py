"""OpenVINO and ONNX Runtime put out torch's maps; `auto` takes the fastest; errors are one line."""

import json
import logging

import numpy as np
import pytest
import torch

import engine.network.runtime
from engine.errors import DeviceError, SourceError
from engine.network.opening import open_estimator
from engine.network.runtime import calibration_samples
from engine.settings import PAPER_GROUPING, EngineSettings, Settings
from engine.types import Frame
from gpu_ops import open_device
from gpu_ops.cpu import CpuDevice
from gpu_ops.device import DeviceUnavailable
from gpu_ops.runtimes import fastest, onnx_file, openvino_network, plan, prepare, quantise
from gpu_ops.runtimes.openvino_network import OpenVinoNetwork
from gpu_ops.torch_device import TorchDevice
from tests.support.clips import write_clip
from tests.support.fresh_python import loaded_after, run_code
from tests.support.tiny_checkpoint import tiny_checkpoint

RUNTIMES = ("openvino", "onnxruntime")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return tiny_checkpoint(tmp_path_factory.mktemp("tiny") / "tiny.safetensors")


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch, kept):
    monkeypatch.setattr(engine.network.runtime, "models_folder", lambda: kept)


def settings(weights, **engine):
    chosen = EngineSettings(weights=str(weights), device="cpu", **engine)
    return Settings(engine=chosen, grouping=PAPER_GROUPING)


def frames():
    random = np.random.default_rng(0)
    sizes = ((48, 64), (64, 96), (96, 64))
    coarse = [random.integers(0, 256, (h // 8, w // 8, 3), np.uint8) for h, w in sizes]
    return [
        Frame(c.repeat(8, axis=0).repeat(8, axis=1), i, 0.0, 0.0, "test")
        for i, c in enumerate(coarse)
    ]


def maps_of(weights, **engine):
    """Heat and tags of all frames, and the runtime that computed them."""
    with open_estimator(settings(weights, **engine)) as estimator:
        found = []
        for frame in frames():
            ticket = estimator.submit([frame])
            found.append([ticket.parts[0].maps.heat.numpy(), ticket.parts[0].maps.tag.numpy()])
            estimator.collect(ticket)
        return found, estimator.device.runtime


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("more", [{}, {"flip": True, "scales": (2.0, 1.0)}], ids=["plain", "flip"])
def test_every_runtime_computes_the_maps_of_torch_in_any_size(weights, runtime, more):
    wanted, _ = maps_of(weights, runtime="torch", **more)
    got, used = maps_of(weights, runtime=runtime, **more)
    assert used == runtime
    for ours, theirs in zip(got, wanted, strict=True):
        assert np.abs(ours[0] - theirs[0]).max() < 1e-5
        assert np.abs(ours[1] - theirs[1]).max() < 1e-4


def test_a_model_is_made_once_and_kept(weights, monkeypatch, kept):
    maps_of(weights, runtime="openvino")
    monkeypatch.setattr(onnx_file, "write_onnx", None)
    maps_of(weights, runtime="openvino")
    maps_of(weights, runtime="onnxruntime")
    assert not list(kept.glob("part-*"))


def test_other_weights_have_another_file(weights, tmp_path, kept):
    before = set(kept.glob("*.onnx"))
    other = tiny_checkpoint(tmp_path / "other.safetensors", seed=1)
    wanted, _ = maps_of(other, runtime="torch")
    got, _ = maps_of(other, runtime="onnxruntime")
    assert np.abs(got[0][0] - wanted[0][0]).max() < 1e-5
    assert len(set(kept.glob("*.onnx")) - before) == 1


def test_a_cache_that_cannot_be_written_is_one_line_and_no_failure(
    weights, monkeypatch, tmp_path, caplog
):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "models"
    monkeypatch.setattr(engine.network.runtime, "models_folder", lambda: folder)
    wanted, _ = maps_of(weights, runtime="torch")
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            got, used = maps_of(weights, runtime="openvino")
    lines = [r.getMessage() for r in caplog.records if "cannot keep" in r.getMessage()]
    assert used == "openvino"
    assert np.abs(got[0][0] - wanted[0][0]).max() < 1e-5
    assert len(lines) == 1
    assert str(folder) in lines[0]


@pytest.fixture(scope="module")
def int8_maps(weights, kept):
    samples = [np.random.default_rng(i).normal(0, 1, (1, 3, 64, 96)) for i in range(4)]
    given = [sample.astype(np.float32) for sample in samples]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine.network.runtime, "models_folder", lambda: kept)
        patched.setattr(engine.network.runtime, "_demo_samples", lambda size: given)
        return maps_of(weights, precision="int8")


def test_int8_runs_in_openvino_and_is_near(weights, int8_maps):
    got, used = int8_maps
    wanted, _ = maps_of(weights, runtime="torch")
    assert used == "openvino"
    for ours, theirs in zip(got, wanted, strict=True):
        away = np.abs(ours[0] - theirs[0])
        assert 0 < away.max() < theirs[0].std()
        assert away.mean() < 0.1 * theirs[0].std()


def test_the_last_layers_stay_in_float32(int8_maps, kept):
    model = quantise.read_openvino(next(kept.glob("*int8*.xml")))
    outputs = [result.input_value(0).get_node() for result in model.get_results()]
    last = quantise.last_layers(
        outputs,
        is_convolution=lambda node: node.get_type_name() == "Convolution",
        before=lambda node: [value.get_node() for value in node.input_values()],
    )
    quantised = [node for node in model.get_ops() if node.get_type_name() == "FakeQuantize"]
    assert len(last) == 2
    assert len(quantised) > 10
    for node in last:
        weight = node.input_value(1).get_node()
        assert weight.get_type_name() == "Constant"
        assert weight.get_element_type().get_type_name() == "f32"


def test_int8_by_torch_is_refused(weights):
    with pytest.raises(DeviceError, match=r"use engine\.runtime openvino"):
        maps_of(weights, runtime="torch", precision="int8")


@pytest.mark.parametrize(
    ("runtime", "absent", "extra"),
    [("openvino", "openvino", "openvino"), ("onnxruntime", "onnxruntime", "onnx")],
)
def test_a_missing_extra_is_named_with_its_command(weights, monkeypatch, runtime, absent, extra):
    find = plan.importlib.util.find_spec
    monkeypatch.setattr(
        plan.importlib.util, "find_spec", lambda name: None if name == absent else find(name)
    )
    with pytest.raises(DeviceError, match=rf"pip install 'posestream\[{extra}\]'"):
        maps_of(weights, runtime=runtime)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt", "coreml", "directml"])
def test_a_provider_that_is_not_here_is_one_line(weights, provider):
    import onnxruntime

    if plan.PROVIDERS[provider] in onnxruntime.get_available_providers():
        pytest.skip(f"this ONNX Runtime has {provider}")
    with pytest.raises(DeviceError, match=f"no provider '{provider}', only cpu") as error:
        maps_of(weights, provider=provider)
    assert "\n" not in str(error.value)


def test_a_provider_belongs_to_onnx_runtime(weights):
    with pytest.raises(DeviceError, match=r"engine\.provider 'cuda' belongs to ONNX Runtime"):
        maps_of(weights, runtime="openvino", provider="cuda")


def test_a_runtime_is_for_the_cpu():
    with pytest.raises(DeviceUnavailable, match=r"leave engine\.runtime"):
        open_device("mps", plan=plan.RuntimePlan(name="openvino"))


# auto


class Ran:
    """A network that is only asked how long it takes."""

    def __call__(self, x):
        return x, x


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ({"torch": 1.0, "openvino": 0.5, "onnxruntime": 0.7}, "openvino"),
        ({"torch": 1.0, "openvino": 1.5, "onnxruntime": 0.7}, "onnxruntime"),
        ({"torch": 1.0, "openvino": 0.99, "onnxruntime": 1.2}, "torch"),
    ],
)
def test_auto_takes_the_fastest_and_torch_unless_another_is_worth_it(
    tmp_path, monkeypatch, times, chosen
):
    monkeypatch.setattr(fastest, "measure", lambda networks, x: times)
    makers = dict.fromkeys(times, Ran)
    found, _ = fastest.fastest(makers, (96, 64), tmp_path, "a.json")
    assert found == chosen
    monkeypatch.setattr(fastest, "measure", None)  # the second time it is read
    assert fastest.fastest(makers, (96, 64), tmp_path, "a.json")[0] == chosen
    assert json.loads((tmp_path / "a.json").read_text())["seconds"] == times


def test_a_kept_choice_that_is_no_longer_here_means_torch(tmp_path):
    (tmp_path / "a.json").write_text('{"runtime": "openvino"}')
    assert fastest.fastest({"torch": Ran}, (96, 64), tmp_path, "a.json")[0] == "torch"


def test_networks_are_measured_in_turn():
    order = []
    networks = {name: lambda x, name=name: order.append(name) or (x, x) for name in "ab"}
    times = fastest.measure(networks, torch.zeros(1))
    assert order == ["a", "b"] * (fastest.ROUNDS + 1)
    assert set(times) == {"a", "b"}
    assert all(0 <= seconds < 1 for seconds in times.values())


def test_auto_without_any_runtime_installed_is_torch(weights, monkeypatch):
    monkeypatch.setattr(prepare, "installed", lambda name: name == "torch")
    assert maps_of(weights)[1] == "torch"


def test_auto_computes_the_maps_of_torch_whatever_it_takes(weights):
    wanted, _ = maps_of(weights, runtime="torch")
    got, used = maps_of(weights)
    assert used in plan.NAMES
    assert np.abs(got[0][0] - wanted[0][0]).max() < 1e-5


# calibration


def test_calibration_frames_are_spread_over_the_clip(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "clip.mp4", 50)
    seen = []
    monkeypatch.setattr(
        engine.network.runtime, "_input", lambda frame, size: seen.append(frame.index)
    )
    calibration_samples(str(clip), 64, count=5)
    assert len(seen) == 5
    assert seen[0] == 0
    assert seen[-1] >= 40
    assert min(np.diff(seen)) >= 5


def test_calibration_inputs_are_what_the_network_gets(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 3)
    samples = calibration_samples(str(clip), 64)
    assert [sample.shape for sample in samples] == [(1, 3, 64, 128)] * 3
    assert all(sample.dtype == np.float32 for sample in samples)


def test_no_frames_to_calibrate_with_is_one_line(tmp_path):
    with pytest.raises(SourceError, match="nothing"):
        calibration_samples(str(tmp_path / "nothing.mp4"), 64)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="empty"):
        calibration_samples(str(tmp_path / "empty"), 64)


# a torch device of any kind, with `cpu` in its place


def test_a_torch_device_finds_the_people_of_the_cpu(weights):
    from engine.estimator import PoseEstimator
    from engine.network.weights import load_checkpoint

    poses = []
    for device in (CpuDevice(), TorchDevice("cpu")):
        estimator = PoseEstimator(
            load_checkpoint(weights), device, EngineSettings(), PAPER_GROUPING
        )
        poses.append(estimator.collect(estimator.submit(frames())))
    assert sum(map(len, poses[0])) > 3
    for ours, theirs in zip(*poses, strict=True):
        assert np.array_equal(ours.xy, theirs.xy, equal_nan=True)


def test_a_torch_device_in_half_precision_gives_back_float32(weights):
    from engine.network.weights import load_checkpoint

    device = TorchDevice("cpu", "bf16")
    network = device.prepare(load_checkpoint(weights).network)
    low, high = device.lane().run(network, torch.zeros(1, 3, 64, 64))
    assert low.dtype == high.dtype == torch.float32


@pytest.mark.parametrize("name", ["mps", "xpu"])
def test_a_torch_device_that_is_not_here_is_one_line(name):
    kind = getattr(torch, name)
    if kind.is_available():
        pytest.skip(f"this machine has {name}")
    with pytest.raises(DeviceUnavailable, match="use --device cpu") as error:
        TorchDevice(name)
    assert "\n" not in str(error.value)


def test_running_out_of_memory_is_told_apart_from_other_failures(weights, monkeypatch):
    from gpu_ops.device import DeviceFailure, OutOfMemory

    lane = TorchDevice("cpu").lane()
    for text, kind in (("MPS backend out of memory", OutOfMemory), ("lost", DeviceFailure)):

        def broken(x, text=text):
            raise RuntimeError(text)

        with pytest.raises(kind):
            lane.run(broken, torch.zeros(1, 3, 64, 64))


def test_runtimes_are_imported_only_when_used():
    heavy = ("openvino", "onnx", "onnxruntime", "nncf")
    assert loaded_after("import engine.estimator, app.export", *heavy) == []


def test_no_runtime_reports_its_use_over_the_network():
    code = (
        "import sys, threading, gpu_ops.runtimes, openvino, openvino.tools.ovc, nncf\n"
        "assert sys.modules['openvino_telemetry'] is None\n"
        "assert threading.active_count() == 1, threading.enumerate()"
    )
    run_code(code)


def test_an_int8_model_is_compiled_for_each_size_and_few_are_kept(int8_maps, kept):
    """With free sizes OpenVINO computes other maps in int8."""
    network = OpenVinoNetwork(next(kept.glob("*int8*.xml")))
    sizes = [(64, 32 * n) for n in (1, 2, 3, 4, 5, 1)]
    for h, w in sizes:
        low, high = network(torch.zeros(1, 3, h, w))
        assert low.shape[2:] == (h // 4, w // 4)
        assert high.shape[2:] == (h // 2, w // 2)
    assert len(network._requests) == openvino_network.SHAPES
