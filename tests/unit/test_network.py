"""The network computes what the reference computes, layer by layer; folding changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.network.convert import to_ours
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES, fold_batch_norm
from engine.network.weights import build
from tests.support.golden import golden_file, golden_json
from tests.support.golden_recipe import seeded_state

TOLERANCE = 1e-3  # of each output's standard deviation


@pytest.fixture(scope="module", params=["w32", "w48"])
def golden(request):
    """The network, its numbers, and the seeded parameters under mmpose's names."""
    state = seeded_state(request.param)
    numbers = np.load(golden_file(f"dev/net_{request.param}.npz"))
    sums = golden_json(f"recipe_checksums_{request.param}.json")
    return build(SIZES[request.param], to_ours(state)), dict(numbers), state, sums


def test_seeded_parameters_are_those_the_golden_numbers_were_measured_with(golden):
    _, _, state, sums = golden
    assert len(state) == 1810
    assert state.keys() == sums.keys()
    for key, tensor in state.items():
        values = tensor.double()
        total, absolute = sums[key]
        assert float(values.abs().sum()) == pytest.approx(absolute, rel=1e-6), key
        # The plain sum nearly cancels, so it is judged by what was summed.
        assert float(values.sum()) == pytest.approx(total, abs=1e-6 * max(absolute, 1e-9)), key


@pytest.mark.parametrize("folded", [False, True], ids=["as-trained", "folded"])
def test_every_probed_layer_and_both_outputs_equal_the_reference(golden, folded, record_property):
    network, numbers, _, _ = golden
    if folded:
        network = fold_batch_norm(build(network.sizes, clone(network.state_dict())))
    seen = {}
    for name in probes(numbers):
        network.get_submodule(place(name)).register_forward_hook(recorder(seen, name))
    try:
        low, high = run(network, numbers)
    finally:
        for module in network.modules():
            module._forward_hooks.clear()
    worst = 0.0
    for name in probes(numbers) - ({"conv1", "conv2", "bn1", "bn2"} if folded else set()):
        for index, tensor in enumerate(seen[name]):
            point = f"{name}_{index}"
            assert tuple(tensor.shape) == tuple(numbers[f"{point}_shape"]), point
            got = tensor.flatten()[torch.from_numpy(numbers[f"{point}_idx"])].numpy()
            off = np.abs(got - numbers[f"{point}_val"]).max() / numbers[f"{point}_stats"][1]
            assert off < TOLERANCE, f"{point} is {off:.1e} deviations off"
            worst = max(worst, off)
    for got, expected in ((low, numbers["out0"]), (high, numbers["out1"])):
        off = np.abs(got.numpy() - expected).max() / expected.std()
        assert off < TOLERANCE
        worst = max(worst, off)
    record_property("worst_deviation", worst)
    print(f"largest difference: {worst:.1e} standard deviations")


@pytest.mark.parametrize("golden", ["w32"], indirect=True)
def test_what_is_left_to_the_golden_outputs_is_rounding(golden):
    """In double precision both single-precision results are as near as single precision comes."""
    network, numbers, _, _ = golden
    exact = run(build(network.sizes, as_double(network.state_dict())), numbers)
    for ours, best, golden_map in zip(
        run(network, numbers), exact, (numbers["out0"], numbers["out1"]), strict=True
    ):
        spread = golden_map.std()
        error = np.abs(ours.numpy() - best.numpy()).max() / spread
        theirs = np.abs(golden_map - best.numpy()).max() / spread
        print(f"from double precision: ours {error:.1e}, the golden values {theirs:.1e}")
        assert max(error, theirs) < TOLERANCE / 2


def test_folding_leaves_no_batch_norm_and_keeps_the_outputs():
    torch.manual_seed(0)
    network = HigherHRNet(SIZES["compact"]).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # a fresh one does nothing worth folding
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
    x = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        plain = network(x)
    folded = fold_batch_norm(network)
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    with torch.inference_mode():
        for got, expected in zip(folded(x), plain, strict=True):
            assert float((got - expected).abs().max() / expected.std()) < 1e-4


@pytest.mark.parametrize("name", SIZES)
def test_maps_have_stride_4_and_2(name):
    with torch.device("meta"):
        low, high = HigherHRNet(SIZES[name]).eval()(torch.empty(2, 3, 128, 192))
    assert low.shape == (2, 34, 32, 48)
    assert high.shape == (2, 17, 64, 96)


def test_published_parameter_counts():
    index = golden_json("net_index.json")
    for name in ("w32", "w48"):
        with torch.device("meta"):
            network = HigherHRNet(SIZES[name])
        assert sum(p.numel() for p in network.parameters()) == index[name]["params"]


def run(network, numbers):
    noise = np.random.RandomState(int(numbers["input_seed"])).standard_normal(
        tuple(numbers["input_shape"])
    )
    x = torch.from_numpy(noise.astype(np.float32))
    with torch.inference_mode():
        return network(x.to(network.conv1.weight.dtype))


def clone(state):
    return {key: tensor.clone() for key, tensor in state.items()}


def as_double(state):
    return {key: t.double() if t.is_floating_point() else t for key, t in state.items()}


def probes(numbers):
    """Names of the probed layers; the head's two maps are the outputs."""
    keys = (key.removesuffix("_stats") for key in numbers if key.endswith("_stats"))
    return {key.rpartition("_")[0] for key in keys} - {"head"}


def place(probe):
    """Where our network has what the reference's probe looked at."""
    if probe in ("deconv", "deconv_up"):
        return "deconv_layers.0" + (".0" if probe == "deconv_up" else "")
    stem, _, index = probe.rpartition("_")
    return f"{stem}.{index}" if stem else probe


def recorder(seen, name):
    def record(_module, _inputs, output):
        # A copy: the ReLU that follows works in place.
        maps = output if isinstance(output, list) else [output]
        seen[name] = [m[0].clone() for m in maps]

    return record


def test_tags_start_as_a_ramp_over_the_picture_and_heatmaps_do_not():
    sizes = replace(SIZES["compact"], tag_slope=(0.5, 0.25))
    flat = HigherHRNet(replace(sizes, tag_slope=(0.0, 0.0))).eval()
    ramped = HigherHRNet(sizes).eval()
    ramped.load_state_dict(flat.state_dict())
    x = torch.rand(1, 3, 64, 128)
    with torch.no_grad():
        (low, high), (low_ramp, high_ramp) = flat(x), ramped(x)
    assert torch.equal(high, high_ramp)
    assert torch.equal(low[:, :17], low_ramp[:, :17])
    ramp = (low_ramp - low)[0, 17:]
    assert torch.allclose(ramp[:, :, 1:] - ramp[:, :, :-1], torch.tensor(0.5), atol=1e-4)
    assert torch.allclose(ramp[:, 1:] - ramp[:, :-1], torch.tensor(0.25), atol=1e-4)
    assert ramp.mean().abs() < 1e-4
