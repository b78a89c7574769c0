"""A checkpoint of a network so small that opening, exporting and quantizing it is quick."""

from __future__ import annotations

from pathlib import Path

import torch

from engine.network import storage
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import Sizes

TINY = Sizes(
    width=8,
    stem=8,
    bottleneck=4,
    bottlenecks=1,
    modules=(1, 1, 1),
    blocks=1,
    head_blocks=1,
    tag_slope=(0.2, 0.08),
)


def tiny_checkpoint(path: Path, seed: int = 0) -> Path:
    """Write random parameters with maps that have people-like peaks."""
    torch.manual_seed(seed)
    network = HigherHRNet(TINY).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # a fresh one does nothing worth folding
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    for layer in network.final_layers:
        torch.nn.init.normal_(layer.weight, 0, 2.0 / layer.weight.shape[1] ** 0.5)
    storage.write(path, network.state_dict(), network="tiny", sizes=TINY, input_size=64)
    return path
