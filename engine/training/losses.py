"""How wrong the maps are: masked heatmap error, and the push and pull of the tags.

Tags: Newell et al. 2017. Every joint of a person should carry the same number (pull), people in one
picture different ones (push). Two traps, both measured: with a pull as strong as the push from the
first step all tags collapse to one constant, where the push has no gradient; and the push term
must be watched, since the heatmaps fit well without any tags.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class TagLoss(NamedTuple):
    """Both terms, averaged over pictures; each is a scalar tensor."""

    push: Tensor  # in [0, 1]: 1 = all people carry the same tag, 0 = well apart
    pull: Tensor  # mean squared distance of a joint's tag from its person's mean


def heatmap_loss(heat: Tensor, target: Tensor, mask: Tensor, *, gain: float) -> Tensor:
    """Weighted squared error as a share of what an empty answer would cost.

    Args:
        heat: (B, K, h, w) predicted heatmaps.
        target: (B, K, h, w) wanted heatmaps.
        mask: (B, h, w), 0 where nothing is known about the cell.
        gain: extra weight of a cell whose target is 1; 0 is the plain squared error.

    Returns:
        A scalar: 0 for a perfect answer, 1 for maps of zeros, whatever the size of the crop and
        however few people it shows, so that its weight beside the tag loss means the same always.
    """
    weight = mask[:, None] * (1 + gain * target)
    wrong = (weight * (heat - target).square()).sum()
    empty = (weight * target.square()).sum()
    return wrong / empty.clamp(min=1.0)


def tag_loss(tags: Tensor, cells: Tensor) -> TagLoss:
    """Push people's tags apart and pull each person's joints together.

    Args:
        tags: (B, K, h, w) predicted tag maps.
        cells: (B, P, K) int64, flattened cell of each joint, -1 = none; people may be all -1.
    """
    known = cells >= 0
    per_joint = tags.flatten(2).transpose(1, 2)  # (B, h*w, K)
    values = per_joint.gather(1, cells.clamp(min=0)) * known  # (B, P, K)
    joints = known.sum(2)
    mean = values.sum(2) / joints.clamp(min=1)  # (B, P)
    away = (values - mean[:, :, None]).square() * known
    exists = joints > 0
    pull = (away.sum(2) / joints.clamp(min=1)).sum() / exists.sum().clamp(min=1)
    return TagLoss(_push(mean, exists), pull)


def _push(mean: Tensor, exists: Tensor) -> Tensor:
    pairs = exists[:, :, None] & exists[:, None, :]
    pairs = pairs & ~torch.eye(mean.shape[1], dtype=torch.bool, device=mean.device)
    closeness = torch.exp(-(mean[:, :, None] - mean[:, None, :]).square()) * pairs
    count = pairs.sum((1, 2))
    per_picture = closeness.sum((1, 2)) / count.clamp(min=1)
    return per_picture.sum() / (count > 0).sum().clamp(min=1)
