"""Weights to begin with when there is no checkpoint to continue."""

from __future__ import annotations

import torch
from torch import nn

from engine.network.higher_hrnet import HigherHRNet


@torch.no_grad()
def initialise(network: HigherHRNet, *, seed: int = 0) -> HigherHRNet:
    """Fill a network with random weights, in place.

    Heatmaps begin at zero, which is nearly right nearly everywhere; tags begin widely spread, or
    the pull would shrink them to one constant before the push could act.
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
    assert isinstance(tags, torch.Tensor)
    nn.init.normal_(tags[k:], std=0.15)
    return network
