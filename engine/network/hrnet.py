"""The HRNet backbone: parallel branches from stride 4 to stride 32 that keep exchanging features.

Sun et al., "Deep High-Resolution Representation Learning for Human Pose Estimation", CVPR 2019.
Attribute names are those of the original release, so its checkpoints load without renaming.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from engine.network import movenet
from engine.network.movenet import MoveNet, SameConv

Backbone = Literal["hrnet", "movenet"]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How wide and how deep a HigherHRNet is.

    Branch b runs at stride 4 * 2**b with `width * 2**b` channels.
    """

    width: int  # channels of the highest-resolution branch
    stem: int = 64  # channels after the two stride-2 convolutions
    bottleneck: int = 64  # inner channels of the first stage; it puts out four times as many
    bottlenecks: int = 4
    modules: tuple[int, int, int] = (1, 4, 3)  # exchange modules in stages 2, 3, 4
    blocks: int = 4  # residual blocks per branch of a module
    head_blocks: int = 4  # residual blocks after the deconvolution
    keypoints: int = 17
    # Tags start as this ramp over the picture, per stride-4 cell to the right and down, so that
    # people who stand apart differ before anything is learned; (0, 0) is the published network.
    tag_slope: tuple[float, float] = (0.0, 0.0)
    # Instead of HRNet's stages 1 to 3: "movenet", whose features its stage 4 exchanges.
    backbone: Backbone = "hrnet"
    coarser: tuple[int, ...] = ()  # channels at strides 8, 16, 32; (): each twice the finer one's
    head: int = 0  # channels at stride 2; 0: as many as at stride 4

    def widths(self, branches: int) -> list[int]:
        """Channels of the first `branches` branches."""
        if self.coarser:
            return [self.width, *self.coarser][:branches]
        return [self.width * 2**branch for branch in range(branches)]


SIZES = {
    "w32": Sizes(width=32),
    "w48": Sizes(width=48),
    # One exchange and heads on the features of a network that knows people already.
    "compact": Sizes(
        backbone="movenet",
        width=48,
        coarser=(64, 128, 192),
        modules=(0, 0, 1),
        blocks=1,
        head=32,
        head_blocks=1,
        tag_slope=(0.2, 0.08),
    ),
    # As wide as w32 and as shallow as can be: wide layers use a processor better than many.
    "shallow": Sizes(
        width=32,
        stem=32,
        bottleneck=16,
        bottlenecks=2,
        modules=(1, 1, 1),
        blocks=1,
        head_blocks=1,
        tag_slope=(0.2, 0.08),
    ),
}


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A padded 3x3 convolution; every one here is followed by batch norm, so it has no bias."""
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def down(inputs: int, outputs: int, *, relu: bool = True) -> nn.Sequential:
    """Halve the resolution."""
    layers = [conv3x3(inputs, outputs, stride=2), nn.BatchNorm2d(outputs)]
    return nn.Sequential(*layers, nn.ReLU(inplace=True)) if relu else nn.Sequential(*layers)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around an identity shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(channels, channels)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = conv3x3(channels, channels)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> the same shape."""
        out = self.relu(self.bn1(self.conv1(x)))
        return torch.relu_(self.bn2(self.conv2(out)) + x)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions; the result has four times the inner channels."""

    def __init__(self, inputs: int, inner: int) -> None:
        super().__init__()
        outputs = 4 * inner
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = conv3x3(inner, inner)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module | None = None
        if inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, 4 * inner, h, w)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        shortcut = x if self.downsample is None else self.downsample(x)
        return torch.relu_(out + shortcut)


class ExchangeModule(nn.Module):
    """Residual blocks on every branch, then each branch receives the sum of all of them."""

    def __init__(self, widths: Sequence[int], blocks: int, *, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(*(BasicBlock(width) for _ in range(blocks))) for width in widths
        )
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(_exchange(widths, source, target) for source in range(len(widths)))
            for target in range(outputs)
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, xs: list[Tensor]) -> list[Tensor]:
        """One tensor per branch in; the first `outputs` branches out."""
        xs = [branch(x) for branch, x in zip(self.branches, xs, strict=True)]
        return [self.relu(_sum_of(row, xs)) for row in self.fuse_layers]


def _sum_of(row: nn.Module, xs: list[Tensor]) -> Tensor:
    # The order of additions is the original's: float sums depend on it.
    assert isinstance(row, nn.ModuleList)
    total: Tensor = row[0](xs[0])
    for layer, x in zip(list(row)[1:], xs[1:], strict=True):
        total = total + layer(x)
    return total


def _exchange(widths: Sequence[int], source: int, target: int) -> nn.Module:
    inputs, outputs = widths[source], widths[target]
    if source == target:
        return nn.Identity()
    if source > target:
        return nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.Upsample(scale_factor=2 ** (source - target), mode="nearest"),
        )
    steps = [down(inputs, inputs) for _ in range(target - source - 1)]
    return nn.Sequential(*steps, down(inputs, outputs, relu=False))


class HRNet(nn.Module):
    """Image -> features of the highest-resolution branch, at stride 4."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.extractor: MoveNet | None = None
        if sizes.backbone == "movenet":
            self.extractor = MoveNet()
            self.necks = nn.ModuleList(
                _neck(inputs, width)
                for inputs, width in zip(movenet.CHANNELS, sizes.widths(4), strict=True)
            )
        else:
            self._add_stages(sizes)
        self.stage4 = _stage(sizes.widths(4), sizes, modules=sizes.modules[2], last=True)

    def _add_stages(self, sizes: Sizes) -> None:
        c = sizes.widths(4)
        stage1 = 4 * sizes.bottleneck
        self.conv1 = conv3x3(3, sizes.stem, stride=2)
        self.bn1 = nn.BatchNorm2d(sizes.stem)
        self.conv2 = conv3x3(sizes.stem, sizes.stem, stride=2)
        self.bn2 = nn.BatchNorm2d(sizes.stem)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = nn.Sequential(
            *(
                Bottleneck(stage1 if index else sizes.stem, sizes.bottleneck)
                for index in range(sizes.bottlenecks)
            )
        )
        same = nn.Sequential(conv3x3(stage1, c[0]), nn.BatchNorm2d(c[0]), nn.ReLU(inplace=True))
        self.transition1 = nn.ModuleList([same, nn.Sequential(down(stage1, c[1]))])
        self.transition2 = _new_branch(c[:3])
        self.transition3 = _new_branch(c[:4])
        self.stage2 = _stage(c[:2], sizes, modules=sizes.modules[0])
        self.stage3 = _stage(c[:3], sizes, modules=sizes.modules[1])

    def features(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, width, H/4, W/4)."""
        branches: list[Tensor] = self.stage4(
            self._stages(x) if self.extractor is None else self._known(self.extractor(x))
        )
        return branches[0]

    def _stages(self, x: Tensor) -> list[Tensor]:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.layer1(x)
        xs: list[Tensor] = self.stage2([layer(x) for layer in self.transition1])
        xs = self.stage3([*xs, self.transition2[-1](xs[-1])])
        return [*xs, self.transition3[-1](xs[-1])]

    def _known(self, seen: movenet.Features) -> list[Tensor]:
        levels = seen.levels()
        return [neck(level) for neck, level in zip(self.necks, levels, strict=True)]


def _neck(inputs: int, outputs: int) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _stage(widths: list[int], sizes: Sizes, *, modules: int, last: bool = False) -> nn.Sequential:
    # Only the stride-4 branch is read after the last module, so that one fuses to it alone.
    return nn.Sequential(
        *(
            ExchangeModule(
                widths,
                sizes.blocks,
                outputs=1 if last and index == modules - 1 else len(widths),
            )
            for index in range(modules)
        )
    )


def _new_branch(widths: list[int]) -> nn.ModuleList:
    kept = [nn.Identity() for _ in widths[:-1]]
    return nn.ModuleList([*kept, nn.Sequential(down(widths[-2], widths[-1]))])


def fold_batch_norm(module: nn.Module) -> nn.Module:
    """Merge every batch norm into the convolution registered just before it, in place.

    Kernels that are padded at every call are stored padded. For inference in eval mode only. The
    folded network computes the same values up to rounding.
    """
    children = list(module.named_children())
    for (_, conv), (name, norm) in pairwise(children):
        if isinstance(norm, nn.BatchNorm2d) and isinstance(conv, nn.Conv2d | nn.ConvTranspose2d):
            _fold(conv, norm)
            setattr(module, name, nn.Identity())
    for name, child in children:
        if isinstance(child, SameConv):
            setattr(module, name, child.plain())
        else:
            fold_batch_norm(child)
    return module


@torch.no_grad()
def _fold(conv: nn.Conv2d | nn.ConvTranspose2d, norm: nn.BatchNorm2d) -> None:
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    outputs_last = (1, -1, 1, 1) if isinstance(conv, nn.ConvTranspose2d) else (-1, 1, 1, 1)
    conv.weight.mul_(scale.view(outputs_last))
    conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale, requires_grad=False)
