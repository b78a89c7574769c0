"""Tags that mean the same at every input size.

Tags that start from a ramp over the picture (`Sizes.tag_slope`) say where in it a person's middle
is, in cells. A picture twice as large spreads a person's tags twice as far and people's middles as
well, so distances are measured as at the input size that the checkpoint was finished for. Tags
without a ramp have no such unit and stay as they are, those of published checkpoints among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gpu_ops.device import Network


@dataclass(frozen=True, slots=True, eq=False)
class ScaledTags:
    """A prepared network whose tags are multiplied; low (B, 2K, h, w) holds them last."""

    network: Network
    keypoints: int  # K
    factor: float

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """As the network: (B, 3, H, W) -> low (B, 2K, H/4, W/4), high (B, K, H/2, W/2)."""
        low, high = self.network(x)
        low[:, self.keypoints :] *= self.factor  # the network has no further use for it
        return low, high


def with_tags_scaled(network: Network, keypoints: int, factor: float) -> Network:
    """The network itself where there is nothing to scale."""
    return network if factor == 1 else ScaledTags(network, keypoints, factor)
