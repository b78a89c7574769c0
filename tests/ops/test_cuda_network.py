"""The fused network computes what the plain one does, in fewer kernels."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES, fold_batch_norm
from gpu_ops.cuda_network import ConvReLU, FullPrecision, fuse


def seeded(name):
    torch.manual_seed(5)
    network = HigherHRNet(SIZES[name]).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


def kinds(network):
    return [type(module) for module in network.modules()]


@pytest.mark.parametrize("name", ["compact", "shallow"])
@pytest.mark.parametrize("folded", [False, True])
def test_the_fused_network_computes_the_same_maps(folded, name):
    network = seeded(name)
    x = torch.randn(2, 3, 64, 96)
    with torch.inference_mode():
        wanted = network(x)
        got = fuse(fold_batch_norm(network) if folded else network)(x)
    for a, b in zip(got, wanted, strict=True):
        assert (a - b).abs().max() < 1e-5 * b.abs().max()


def called(network):
    """What the graph of a traced network calls, one entry per call."""
    modules = dict(network.named_modules())
    return [
        type(modules[node.target]) if node.op == "call_module" else node.target
        for node in network.graph.nodes
    ]


@pytest.mark.parametrize(
    ("name", "relus"), [("compact", 20), ("shallow", 40), ("w32", 40), ("w48", 40)]
)
def test_no_batch_norm_is_left_and_few_lone_relus(name, relus):
    calls = called(fuse(seeded(name)))
    assert not {nn.BatchNorm2d, nn.Identity, torch.relu_, torch.relu} & set(calls)
    # What is left: sums that end in an upsampled branch, and the deconvolution.
    lone, fused = calls.count(nn.ReLU), calls.count(ConvReLU)
    assert fused > 5 * lone
    assert lone + fused >= relus


def test_a_result_that_is_read_twice_is_not_fused_away():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.relu = nn.ReLU()

        def forward(self, x):
            y = self.conv(x)
            return self.relu(y) + y

    network = Twice()
    x = torch.randn(1, 3, 4, 4)
    with torch.inference_mode():
        assert torch.equal(fuse(network)(x), network(x))


@pytest.mark.parametrize("first", [True, False])
def test_a_shortcut_may_stand_on_either_side_of_the_sum(first):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 3, 1, 1)
            self.relu = nn.ReLU()

        def forward(self, x):
            return self.relu(self.conv(x) + x if first else x + self.conv(x))

    network = Sum()
    x = torch.randn(1, 3, 4, 4)
    with torch.inference_mode():
        fused = fuse(network)
        assert ConvReLU in kinds(fused)
        assert torch.allclose(fused(x), network(x), atol=1e-6)


def test_cudnn_is_called_with_all_of_the_convolution(monkeypatch):
    """Its two functions need a GPU; here their documented meaning stands in for them."""

    def conv_relu(x, weight, bias, stride, padding, dilation, groups):
        return F.relu(F.conv2d(x, weight, bias, stride, padding, dilation, groups))

    def conv_add_relu(x, weight, z, alpha, bias, stride, padding, dilation, groups):
        return F.relu(F.conv2d(x, weight, bias, stride, padding, dilation, groups) + alpha * z)

    monkeypatch.setattr(torch, "cudnn_convolution_relu", conv_relu)
    monkeypatch.setattr(torch, "cudnn_convolution_add_relu", conv_add_relu)
    layer = ConvReLU(nn.Conv2d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False))
    x = torch.randn(2, 4, 9, 9)
    with torch.inference_mode():
        assert torch.equal(layer._in_one_kernel(x, None), layer(x))
        other = torch.randn_like(layer(x))
        assert torch.equal(layer._in_one_kernel(x, other), layer(x, other))


class OnCuda(torch.Tensor):
    """A tensor on the CPU that says it is on CUDA."""

    is_cuda = True


def refusing(text):
    def refuse(*given):
        raise RuntimeError(text)

    return refuse


@pytest.mark.parametrize(
    "text",
    ["cuDNN error: CUDNN_STATUS_NOT_SUPPORTED", "GET was unable to find an engine to execute"],
)
def test_a_layer_that_cudnn_cannot_fuse_is_computed_step_by_step(monkeypatch, text):
    monkeypatch.setattr(torch, "cudnn_convolution_relu", refusing(text))
    layer = ConvReLU(nn.Conv2d(3, 4, 3))
    x = torch.randn(1, 3, 8, 8)
    with torch.inference_mode():
        wanted = layer(x)
        for _ in range(2):
            assert torch.equal(layer(x.as_subclass(OnCuda)), wanted)
    assert layer.apart


def test_a_failing_device_is_not_taken_for_a_missing_kernel(monkeypatch):
    monkeypatch.setattr(torch, "cudnn_convolution_relu", refusing("CUDA error: unspecified"))
    layer = ConvReLU(nn.Conv2d(3, 4, 3))
    with pytest.raises(RuntimeError, match="unspecified"), torch.inference_mode():
        layer(torch.randn(1, 3, 8, 8).as_subclass(OnCuda))
    assert not layer.apart


def test_the_functions_of_cudnn_take_what_they_are_given():
    """Their signatures in this version of torch."""
    schemas = {
        name: [
            argument.name for argument in getattr(torch.ops.aten, name).default._schema.arguments
        ]
        for name in ("cudnn_convolution_relu", "cudnn_convolution_add_relu")
    }
    rest = ["bias", "stride", "padding", "dilation", "groups"]
    assert schemas["cudnn_convolution_relu"] == ["self", "weight", *rest]
    assert schemas["cudnn_convolution_add_relu"] == ["self", "weight", "z", "alpha", *rest]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_a_network_in_half_precision_puts_out_full_precision(dtype):
    network = seeded("compact")
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        wanted = network(x)
        half = fuse(network).to(dtype)
        got = half(x.to(dtype))
    for a, b in zip(got, wanted, strict=True):
        assert a.dtype == torch.float32
        assert not torch.equal(a, a.to(dtype).float())  # not merely rounded and widened again
        assert (a - b).abs().max() < 0.1 * b.abs().max()
    assert kinds(half).count(FullPrecision) == 2
