"""HigherHRNet: HRNet, a first prediction at stride 4, a deconvolution, a finer one at stride 2.

Cheng et al., "HigherHRNet: Scale-Aware Representation Learning for Bottom-Up Human Pose
Estimation", CVPR 2020. Tags group the joints of one person: Newell et al., "Associative
Embedding", NIPS 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.network.hrnet import BasicBlock, HRNet, Sizes
from engine.network.movenet import IN_FLOAT


class HigherHRNet(HRNet):
    """Normalised RGB image -> heatmaps and tag maps, raw linear values without a sigmoid."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__(sizes)
        self.sizes = sizes
        c, k = sizes.width, sizes.keypoints
        finer = sizes.head or c
        self.final_layers = nn.ModuleList([nn.Conv2d(c, 2 * k, 1), nn.Conv2d(finer, k, 1)])
        self.deconv_layers = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Sequential(
                        nn.ConvTranspose2d(c + 2 * k, finer, 4, 2, 1, bias=False),
                        nn.BatchNorm2d(finer),
                        nn.ReLU(inplace=True),
                    ),
                    # The original wraps each block once more; the extra level keeps its names.
                    *(nn.Sequential(BasicBlock(finer)) for _ in range(sizes.head_blocks)),
                )
            ]
        )

    @property
    def in_float(self) -> tuple[str, ...]:
        """Patterns of the layers that int8 leaves in float32, by their names when exported."""
        return IN_FLOAT if self.sizes.backbone == "movenet" else ()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict the maps of a batch.

        Args:
            x: (B, 3, H, W) float32, RGB normalised with the ImageNet mean and deviation; H and W
                multiples of 32.

        Returns:
            low (B, 2K, H/4, W/4), K heatmaps then K tag maps; high (B, K, H/2, W/2), heatmaps.
        """
        features = self.features(x)
        low = self.final_layers[0](features)
        finer = self.deconv_layers[0](torch.cat((features, low), dim=1))
        return self._with_ramp(low), self.final_layers[1](finer)

    def _with_ramp(self, low: Tensor) -> Tensor:
        """Add the ramp that tags start from, see `Sizes.tag_slope`.

        A network that cannot see where in the picture it is learns only how far a joint is from
        its person's middle, which is easier than telling people apart by looks. Spatial
        embeddings: Neven et al., CVPR 2019.
        """
        right, down = self.sizes.tag_slope
        if not right and not down:
            return low
        k, (h, w) = self.sizes.keypoints, low.shape[2:]
        x = torch.arange(w, device=low.device, dtype=low.dtype) - (w - 1) / 2
        y = torch.arange(h, device=low.device, dtype=low.dtype) - (h - 1) / 2
        return torch.cat((low[:, :k], low[:, k:] + right * x + down * y[:, None]), dim=1)
