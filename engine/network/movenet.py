"""The feature extractor of MoveNet MultiPose: MobileNetV2 of width 1.5 and a feature pyramid.

Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", CVPR 2018; Lin et al.,
"Feature Pyramid Networks for Object Detection", CVPR 2017. Google published the trained weights as
MoveNet MultiPose Lightning on TensorFlow Hub under Apache-2.0, with its batch norm folded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STEM, SHALLOW = 48, 24  # channels at stride 2: after the first convolution, after the first block
# Channels and stride of blocks 1 to 16.
BLOCKS = (
    *((40, 2), (40, 1), (48, 2), (48, 1), (48, 1)),
    *((96, 2), (96, 1), (96, 1), (96, 1), (144, 1), (144, 1), (144, 1)),
    *((240, 2), (240, 1), (240, 1), (480, 1)),
)
TAPS = (2, 5, 9)  # the blocks the pyramid reads, at strides 4, 8 and 16
DEEPEST = (2, 5, 12, 16)  # the last blocks at strides 4, 8, 16 and 32
EXPANSION, LAST = 6, 1280
HIDDEN = 96  # channels of a head before its last convolution
# Channels of all features at strides 4, 8, 16 and 32.
CHANNELS = (24 + 2 * HIDDEN + 40, 24 + 48, 32 + 144, 64 + 480)
# Pictures arrive normalised with the ImageNet statistics; MoveNet takes bytes * 2 / 255 - 1.
_SCALE = (58.395 / 127.5, 57.12 / 127.5, 57.375 / 127.5)
_OFFSET = (123.675 / 127.5 - 1, 116.28 / 127.5 - 1, 103.53 / 127.5 - 1)

# Layers that int8 leaves in float32, by their names in an exported graph: those whose channels
# differ most in size, by a factor of 50 within the pyramid's separable convolutions.
IN_FLOAT = (
    r"^/extractor/(stem|blocks\.0/|pyramid|laterals|top|last|heatmap|regression).*",
    r"^/necks.*",
)


class Features(NamedTuple):
    """What the extractor sees in a batch of pictures, h = H / 4 and w = W / 4."""

    stride4: Tensor  # (B, 24, h, w)
    heatmap: Tensor  # (B, 96, h, w), nearly heatmaps
    regression: Tensor  # (B, 96, h, w), knows where a person's centre is
    stride8: Tensor  # (B, 24, h / 2, w / 2)
    stride16: Tensor  # (B, 32, h / 4, w / 4)
    stride32: Tensor  # (B, 64, h / 8, w / 8)
    # The pyramid is narrow; these are what it is made of: 40, 48, 144 and 480 channels.
    blocks: tuple[Tensor, Tensor, Tensor, Tensor]

    def levels(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """All there is at strides 4, 8, 16 and 32, as wide as `CHANNELS` says."""
        fine = (self.stride4, self.heatmap, self.regression, self.blocks[0])
        coarse = zip((self.stride8, self.stride16, self.stride32), self.blocks[1:], strict=True)
        stride8, stride16, stride32 = (torch.cat(pair, dim=1) for pair in coarse)
        return torch.cat(fine, dim=1), stride8, stride16, stride32


class InvertedResidual(nn.Module):
    """Expand by a 1x1 convolution, filter each channel alone, project back without a ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int = EXPANSION) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand: nn.Module | None = None
        if expansion > 1:
            self.expand = nn.Sequential(nn.Conv2d(inputs, inner, 1), nn.ReLU6(inplace=True))
        self.depthwise = convolved(inner, inner, stride, groups=inner)
        self.project = nn.Conv2d(inner, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h / stride, w / stride)."""
        inner = x if self.expand is None else self.expand(x)
        out: Tensor = self.project(self.depthwise(inner))
        return out + x if self.adds else out


class SameConv(nn.Conv2d):
    """A 3x3 convolution of stride 2 padded as TensorFlow pads an even picture.

    Only bottom and right: the windows begin at row 0, not -1. A kernel with a row and a column of
    zeros put before the others does so without a padded copy of the input, which costs more than
    the convolution.
    """

    def __init__(self, inputs: int, outputs: int, groups: int = 1) -> None:
        super().__init__(inputs, outputs, 3, 2, 1, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) -> (B, outputs, h / 2, w / 2); h and w even."""
        if self.training and self.weight.requires_grad:  # gradients of the larger kernel are slow
            return F.conv2d(F.pad(x, (0, 1, 0, 1)), self.weight, self.bias, 2, 0, 1, self.groups)
        return F.conv2d(x, F.pad(self.weight, (1, 0, 1, 0)), self.bias, 2, 1, 1, self.groups)

    @torch.no_grad()
    def plain(self) -> nn.Conv2d:
        """The same convolution with its zeros stored: for inference, and for what cannot pad."""
        conv = nn.Conv2d(
            self.in_channels, self.out_channels, 4, 2, 1, groups=self.groups, device="meta"
        )
        conv.weight = nn.Parameter(F.pad(self.weight, (1, 0, 1, 0)), requires_grad=False)
        conv.bias = self.bias
        return conv


def convolved(inputs: int, outputs: int, stride: int, groups: int = 1) -> nn.Sequential:
    """A 3x3 convolution, padded as TensorFlow's SAME, and ReLU6."""
    conv: nn.Conv2d
    if stride == 1:
        conv = nn.Conv2d(inputs, outputs, 3, 1, 1, groups=groups)
    else:
        conv = SameConv(inputs, outputs, groups)
    return nn.Sequential(conv, nn.ReLU6(inplace=True))


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """A 3x3 convolution of each channel alone, then 1x1 across them, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, 1, 1, groups=inputs, bias=False),
        nn.Conv2d(inputs, outputs, 1),
        nn.ReLU(inplace=True),
    )


class MoveNet(nn.Module):
    """Normalised RGB image -> features at strides 4 to 32."""

    scale: Tensor
    offset: Tensor

    def __init__(self) -> None:
        super().__init__()
        # Persistent: a network is built without memory and given stored tensors.
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))
        self.register_buffer("offset", torch.tensor(_OFFSET).view(1, 3, 1, 1))
        self.stem = convolved(3, STEM, 2)
        widths = (SHALLOW, *(width for width, _ in BLOCKS))
        self.blocks = nn.ModuleList([InvertedResidual(STEM, SHALLOW, 1, expansion=1)])
        for inputs, (outputs, stride) in zip(widths, BLOCKS, strict=False):
            self.blocks.append(InvertedResidual(inputs, outputs, stride))
        self.last = nn.Sequential(nn.Conv2d(widths[-1], LAST, 1), nn.ReLU6(inplace=True))
        self.top = nn.Conv2d(LAST, 64, 1)
        taps = (widths[tap] for tap in reversed(TAPS))
        self.laterals = nn.ModuleList(
            nn.Conv2d(tap, width, 1) for tap, width in zip(taps, (64, 32, 24), strict=True)
        )
        self.pyramid = nn.ModuleList([separable(64, 32), separable(32, 24), separable(24, 24)])
        self.heatmap = separable(24, HIDDEN)
        self.regression = separable(24, HIDDEN)

    def thaw(self, first: int | None) -> None:
        """Let the blocks from number `first` on and all that reads them learn; freeze the rest.

        None freezes everything.
        """
        self.requires_grad_(requires_grad=first is not None)
        for part in (self.stem, *self.blocks[:first]):
            part.requires_grad_(requires_grad=False)

    def forward(self, x: Tensor) -> Features:
        """(B, 3, H, W) float, normalised with the ImageNet statistics; H, W multiples of 32."""
        x = self.stem(x * self.scale + self.offset)
        seen = []
        for block in self.blocks:
            x = block(x)
            seen.append(x)
        x = top = self.top(self.last(x))
        levels = []
        for lateral, merge, tap in zip(self.laterals, self.pyramid, reversed(TAPS), strict=True):
            up = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = merge(up + lateral(seen[tap]))
            levels.append(x)
        stride16, stride8, stride4 = levels
        heatmap, regression = self.heatmap(stride4), self.regression(stride4)
        a, b, c, d = (seen[block] for block in DEEPEST)
        return Features(stride4, heatmap, regression, stride8, stride16, top, (a, b, c, d))


# Parts of the names in the published graph -> ours.
_PUBLISHED = (
    (r"^Conv1_relu\.", "stem.0."),
    (r"^expanded_conv_depthwise\.", "blocks.0.depthwise.0."),
    (r"^expanded_conv_project_BN\.", "blocks.0.project."),
    (r"^block_(\d+)_depthwise\.", r"blocks.\1.depthwise.0."),
    (r"^block_(\d+)_expand_relu\.", r"blocks.\1.expand.0."),
    (r"^block_(\d+)_project_BN\.", r"blocks.\1.project."),
    (r"^out_relu\.", "last.0."),
    (r"^conv2d\.", "top."),
    (r"^conv2d_1\.", "laterals.0."),
    (r"^conv2d_2\.", "laterals.1."),
    (r"^conv2d_3\.", "laterals.2."),
    (r"^separable_conv2d/separable_conv2d/depthwise\.", "pyramid.0.0."),
    (r"^separable_conv2d_1\.", "pyramid.1.0."),
    (r"^separable_conv2d_2\.", "pyramid.2.0."),
    (r"^re_lu\.", "pyramid.0.1."),
    (r"^re_lu_1\.", "pyramid.1.1."),
    (r"^re_lu_2\.", "pyramid.2.1."),
    (r"^kpt_heatmap_0\.separable_conv2d_6\.", "heatmap.0."),
    (r"^kpt_heatmap_0\.re_lu_6\.", "heatmap.1."),
    (r"^kpt_regress_0\.separable_conv2d_7\.", "regression.0."),
    (r"^kpt_regress_0\.re_lu_7\.", "regression.1."),
)


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The published weights under the names of `MoveNet`, float32, without MoveNet's own answers.

    Its last layers (`kpt_heatmap_0.conv2d_7`, `kpt_regress_0.conv2d_8`, `center_0`) are left out.
    """
    ours = {}
    for name, tensor in state.items():
        for pattern, replacement in _PUBLISHED:
            renamed, found = re.subn(pattern, replacement, name)
            if found:
                ours[renamed] = tensor.float()
                break
    return {
        **ours,
        "scale": torch.tensor(_SCALE).view(1, 3, 1, 1),
        "offset": torch.tensor(_OFFSET).view(1, 3, 1, 1),
    }
