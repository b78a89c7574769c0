"""Calibration changes the scale of the tags and nothing else."""

from dataclasses import replace

import pytest
import torch
from test_training_start import sizes

from engine.network.higher_hrnet import HigherHRNet
from engine.training.calibrate import scale_tags
from engine.training.start import initialise


@pytest.mark.parametrize("slope", [(0.0, 0.0), (0.2, 0.1)])
def test_scaled_tags_leave_the_heatmaps_alone(slope):
    network = initialise(HigherHRNet(replace(sizes(3), tag_slope=slope)), seed=1).eval()
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        low, high = network(x)
        scaled_low, scaled_high = scale_tags(network, 2.5)(x)
    assert torch.allclose(scaled_high, high, atol=1e-5)
    assert torch.allclose(scaled_low[:, :3], low[:, :3], atol=1e-5)
    assert torch.allclose(scaled_low[:, 3:], 2.5 * low[:, 3:], atol=1e-4)
    assert network.sizes.tag_slope == (2.5 * slope[0], 2.5 * slope[1])
