"""Weights to begin with: random ones, or those of a checkpoint, also one of other keypoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from engine.errors import WeightsError
from engine.network.higher_hrnet import HigherHRNet


@torch.no_grad()
def initialise(network: HigherHRNet, *, seed: int = 0) -> HigherHRNet:
    """Fill a network with random weights, in place.

    Heatmaps begin at zero, which is nearly right nearly everywhere. Tags begin as their ramp over
    the picture, or without one widely spread: the pull would shrink them to one constant before
    the push could act.
    """
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    k = network.sizes.keypoints
    for layer in network.final_layers:
        assert isinstance(layer, nn.Conv2d)
        nn.init.normal_(layer.weight[:k], std=0.001)
    tags = network.final_layers[0].weight
    assert isinstance(tags, Tensor)
    nn.init.normal_(tags[k:], std=0.001 if any(network.sizes.tag_slope) else 0.15)
    return network


def adopt_extractor(network: HigherHRNet, known: HigherHRNet) -> None:
    """Take over a trained feature extractor, in place; necks, exchange and heads stay as they are.

    Raises:
        WeightsError: one of the networks has none.
    """
    if network.extractor is None or known.extractor is None:
        raise WeightsError("it has no pretrained feature extractor; use the bundled compact")
    network.extractor.load_state_dict(known.extractor.state_dict())


@torch.no_grad()
def adopt(
    network: HigherHRNet,
    keypoints: Sequence[str],
    state: Mapping[str, Tensor],
    known: Sequence[str],
) -> tuple[str, ...]:
    """Take over the weights of a network of the same widths, keypoint by keypoint.

    Args:
        network: its weights are replaced in place where the other has them.
        keypoints: its K keypoint names.
        state: the other's `state_dict`.
        known: the other's keypoint names.

    Returns:
        the keypoints the other does not know: their channels keep the weights they had.
    """
    pairs = [(i, known.index(name)) for i, name in enumerate(keypoints) if name in known]
    width = network.sizes.width
    for name, ours in network.state_dict().items():
        theirs = state[name].to(ours.dtype)
        if name.startswith("final_layers.0."):
            _copy_rows(ours, theirs, _both(pairs, len(keypoints), len(known)))
        elif name.startswith("final_layers.1."):
            _copy_rows(ours, theirs, pairs)
        elif name == "deconv_layers.0.0.0.weight":  # inputs first: features, heatmaps, tags
            ours[:width] = theirs[:width]
            _copy_rows(ours[width:], theirs[width:], _both(pairs, len(keypoints), len(known)))
        else:
            ours.copy_(theirs)
    return tuple(name for name in keypoints if name not in known)


def _both(pairs: list[tuple[int, int]], ours: int, theirs: int) -> list[tuple[int, int]]:
    return pairs + [(i + ours, j + theirs) for i, j in pairs]


def _copy_rows(ours: Tensor, theirs: Tensor, pairs: list[tuple[int, int]]) -> None:
    for i, j in pairs:
        ours[i] = theirs[j]
