"""Muon: directions of even length, every weight in exactly one optimiser."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES
from engine.training.optimiser import Muon, optimisers, orthogonalised


@pytest.mark.parametrize("shape", [(16, 144), (64, 36), (8, 8)])
def test_singular_values_come_close_to_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(1)
    stretched = torch.randn(shape) * torch.logspace(0, -0.7, shape[0])[:, None]
    before = torch.linalg.svdvals(stretched)
    after = torch.linalg.svdvals(orthogonalised(stretched))
    assert before.max() / before.min() > 2 * after.max() / after.min()
    assert after.min() > 0.3
    assert after.max() < 1.3


def test_a_matrix_of_zeros_gives_no_direction() -> None:
    assert torch.equal(orthogonalised(torch.zeros(4, 9)), torch.zeros(4, 9))


def test_directions_do_not_depend_on_the_memory_layout() -> None:
    torch.manual_seed(2)
    gradient = torch.randn(8, 4, 3, 3)
    moved = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = nn.Parameter(torch.zeros(8, 4, 3, 3).to(memory_format=layout))
        weight.grad = gradient.to(memory_format=layout)
        Muon([weight], lr=0.1, weight_decay=0.0).step()
        moved.append(weight.detach().contiguous())
    torch.testing.assert_close(moved[0], moved[1])
    assert moved[0].abs().max() > 0


def test_a_rare_direction_is_learned_faster_than_by_plain_descent() -> None:
    torch.manual_seed(3)
    inputs = torch.randn(256, 4) * torch.tensor([1.0, 1.0, 1.0, 0.03])  # the last is rarely seen
    wanted = torch.randn(4, 4)

    def left_over(optimiser: torch.optim.Optimizer, weight: nn.Parameter) -> float:
        for _ in range(200):
            optimiser.zero_grad()
            (inputs @ (weight - wanted).T).square().mean().backward()
            optimiser.step()
        return float((weight.detach() - wanted)[:, 3].norm() / wanted[:, 3].norm())

    ours, plain = nn.Parameter(torch.zeros(4, 4)), nn.Parameter(torch.zeros(4, 4))
    assert left_over(Muon([ours], lr=0.05, weight_decay=0.0), ours) < 0.5
    assert left_over(torch.optim.SGD([plain], lr=0.5), plain) > 0.9


def test_every_weight_belongs_to_exactly_one_optimiser() -> None:
    network = HigherHRNet(SIZES["compact"])
    held = [
        id(p)
        for optimiser in optimisers(network, lr=1e-3, weight_decay=0.0)
        for group in optimiser.param_groups
        for p in group["params"]
    ]
    assert sorted(held) == sorted(id(p) for p in network.parameters())
