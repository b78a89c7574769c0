"""The network for CUDA: batch norm folded, and convolution, sum and ReLU in one kernel.

A convolution of the network is followed by a bias, often a shortcut, and a ReLU. Each would be a
kernel of its own that reads and writes the whole feature map. cuDNN does all of them while it
writes the convolution's result; torch offers that as two functions that autograd does not know.
"""

from __future__ import annotations

import copy
import logging
import operator
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

log = logging.getLogger(__name__)

_ADDITIONS = (operator.add, operator.iadd, torch.add)
_RELUS = (torch.relu, torch.relu_, F.relu, F.relu_)


class ConvReLU(nn.Module):
    """relu(conv(x)), or relu(conv(x) + other)."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight = conv.weight
        bias = torch.zeros_like(conv.weight[:, 0, 0, 0]) if conv.bias is None else conv.bias
        self.bias = nn.Parameter(bias.detach(), requires_grad=False)
        self.sizes = (conv.stride, conv.padding, conv.dilation)
        self.groups = conv.groups
        self.apart = False  # cuDNN has no kernel for this layer, shape and precision

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        """(B, C, h, w) -> (B, D, h', w'); other has the shape of the result."""
        if x.is_cuda and not self.apart:
            try:
                return self._in_one_kernel(x, other)
            except RuntimeError as error:
                if not _is_unsupported(error):
                    raise
                # Found out before a capture, which is preceded by ordinary runs.
                log.warning("cuDNN cannot fuse a %s convolution here", tuple(self.weight.shape))
                self.apart = True
        out = F.conv2d(x, self.weight, self.bias, *self.sizes, self.groups)  # type: ignore[arg-type]
        return F.relu(out if other is None else out + other)

    def _in_one_kernel(self, x: Tensor, other: Tensor | None) -> Tensor:
        ops: Any = torch
        if other is None:
            out = ops.cudnn_convolution_relu(x, self.weight, self.bias, *self.sizes, self.groups)
        else:
            out = ops.cudnn_convolution_add_relu(
                x, self.weight, other, 1.0, self.bias, *self.sizes, self.groups
            )
        return cast(Tensor, out)


def _is_unsupported(error: RuntimeError) -> bool:
    """Whether cuDNN refused, rather than failed: the device goes on working."""
    return "NOT_SUPPORTED" in str(error) or "unable to find an engine" in str(error)


class FullPrecision(nn.Module):
    """A convolution in float32 inside a network of half precision.

    For the maps that come out: half precision would round heat and tags once more, to steps in
    which neighbouring cells become equal, and it would save next to nothing in two small layers.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self._conv = [copy.deepcopy(conv)]  # in a list, where `to` of the network does not find it

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) of any precision -> (B, D, h', w') float32."""
        conv = self._conv[0]
        if conv.weight.device != x.device:
            conv.to(x.device)
        return cast(Tensor, conv(x.float()))


def fuse(network: nn.Module) -> nn.Module:
    """The network with folded batch norms and fused convolutions; same values up to rounding.

    For inference. The argument's weights may be shared with the result or changed. Moved to half
    precision, it still puts out float32.
    """
    traced = fx.symbolic_trace(network.eval())
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, nn.Identity):
            _drop(node)
        elif isinstance(module, nn.BatchNorm2d):
            _fold(traced, modules, node)
        elif isinstance(module, nn.ReLU) or node.target in _RELUS:
            _fuse_before(traced, modules, node)
        elif node.op == "output":
            _in_full_precision(traced, modules, node)
    traced.graph.lint()
    traced.delete_all_unused_submodules()
    traced.recompile()
    return traced


def _drop(node: fx.Node) -> None:
    node.replace_all_uses_with(cast(fx.Node, node.args[0]))
    node.graph.erase_node(node)


def _fold(traced: fx.GraphModule, modules: dict[str, nn.Module], norm: fx.Node) -> None:
    source = norm.args[0]
    conv = _only_used_here(source, modules, (nn.Conv2d, nn.ConvTranspose2d))
    if conv is None:
        return
    assert isinstance(source, fx.Node)
    folded = fuse_conv_bn_eval(
        cast(nn.Conv2d, conv),
        cast(nn.BatchNorm2d, modules[str(norm.target)]),
        transpose=isinstance(conv, nn.ConvTranspose2d),
    )
    _replace(traced, modules, str(source.target), folded)
    _drop(norm)


def _fuse_before(traced: fx.GraphModule, modules: dict[str, nn.Module], relu: fx.Node) -> None:
    """Turn conv -> relu and conv -> add -> relu into one module, where no other node reads it."""
    before = relu.args[0]
    assert isinstance(before, fx.Node)
    if _only_used_here(before, modules, (nn.Conv2d,)) is not None:
        _merge(traced, modules, before, relu, other=None)
        return
    added = before.op == "call_function" and before.target in _ADDITIONS and len(before.users) == 1
    if not added or before.kwargs:
        return
    for conv, other in (before.args[:2], before.args[1::-1]):
        if (
            isinstance(other, fx.Node)
            and isinstance(conv, fx.Node)
            and _only_used_here(conv, modules, (nn.Conv2d,)) is not None
        ):
            _merge(traced, modules, conv, relu, other=other)
            relu.graph.erase_node(before)
            relu.graph.erase_node(conv)
            return


def _in_full_precision(
    traced: fx.GraphModule, modules: dict[str, nn.Module], output: fx.Node
) -> None:
    """Compute what comes out in float32, from the last convolutions on.

    Inside the network their results are read in its own precision.
    """
    after, results = {output}, []
    waiting = [output]
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node.op == "call_module":
                results.append(node)
            elif node not in after:
                after.add(node)
                waiting.append(node)
    for result in dict.fromkeys(results):
        conv = modules[str(result.target)]
        if isinstance(conv, nn.Conv2d):
            _replace(traced, modules, str(result.target), FullPrecision(conv))
            inside = [user for user in result.users if user not in after]
            if inside:
                with traced.graph.inserting_after(result):
                    rounded = traced.graph.call_method("type_as", (result, result.args[0]))
                for user in inside:
                    user.replace_input_with(result, rounded)


def _merge(
    traced: fx.GraphModule,
    modules: dict[str, nn.Module],
    conv: fx.Node,
    relu: fx.Node,
    other: fx.Node | None,
) -> None:
    name = str(conv.target)
    _replace(traced, modules, name, ConvReLU(cast(nn.Conv2d, modules[name])))
    graph = traced.graph
    with graph.inserting_before(relu):  # both inputs are known there
        inputs = (conv.args[0],) if other is None else (conv.args[0], other)
        merged = graph.call_module(name, inputs)
    relu.replace_all_uses_with(merged)
    graph.erase_node(relu)
    if other is None:
        graph.erase_node(conv)


def _only_used_here(
    node: Any, modules: dict[str, nn.Module], kinds: tuple[type[nn.Module], ...]
) -> nn.Module | None:
    """The module that a node calls, if it is of these kinds and its result is read once."""
    if not isinstance(node, fx.Node) or node.op != "call_module" or len(node.users) != 1:
        return None
    module = modules[str(node.target)]
    return module if isinstance(module, kinds) else None


def _replace(
    traced: fx.GraphModule, modules: dict[str, nn.Module], name: str, module: nn.Module
) -> None:
    parent, _, child = name.rpartition(".")
    setattr(traced.get_submodule(parent), child, module)
    modules[name] = module
