"""Make a trained network fit the program's default thresholds, without changing what it finds."""

from __future__ import annotations

from dataclasses import replace

import torch

from engine.network.higher_hrnet import HigherHRNet


@torch.no_grad()
def scale_tags(network: HigherHRNet, factor: float) -> HigherHRNet:
    """Multiply all tags by a number, in place; the heatmaps stay as they are.

    How far apart the tags of two people end up depends on the weights of push and pull. A network
    that groups best at a tag distance of 0.5 groups as well at 1, the default, after a factor of 2.
    """
    width, k = network.sizes.width, network.sizes.keypoints
    for parameter in network.final_layers[0].parameters():
        parameter[k:] *= factor
    for name, weight in network.named_parameters():
        if name == "deconv_layers.0.0.0.weight":  # it reads the tags and must not notice
            weight[width + k :] /= factor
    right, down = network.sizes.tag_slope
    network.sizes = replace(network.sizes, tag_slope=(right * factor, down * factor))
    return network
