"""RelativeAdam: Adam, but every filter moves by a share of its own size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from engine.training.relative_adam import RelativeAdam


def steps(weight: nn.Parameter, optimiser: torch.optim.Optimizer, count: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(7)
    for _ in range(count):
        weight.grad = torch.randn(weight.shape, generator=generator)
        optimiser.step()
    return weight.detach()


def test_with_filters_of_size_one_it_is_adam() -> None:
    start = torch.randn(4, 3, 3, 3).sign()
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    moved = steps(ours, RelativeAdam([ours], lr=0.01))
    known = steps(theirs, torch.optim.Adam([theirs], lr=0.01, eps=1e-12))
    torch.testing.assert_close(moved, known)
    assert not torch.equal(moved, start)


def test_a_filter_a_thousand_times_larger_moves_a_thousand_times_as_far() -> None:
    start = torch.randn(1, 8, 1, 1)
    weight = nn.Parameter(torch.cat((start, 1000 * start)))
    before = weight.detach().clone()
    weight.grad = torch.ones_like(weight)
    RelativeAdam([weight], lr=0.01).step()
    small, large = (weight.detach() - before).flatten(1).norm(dim=1)
    assert large / small == pytest.approx(1000, rel=1e-3)
    share = float(small / start.norm())
    assert share == pytest.approx(0.01, rel=1e-3)


def test_a_bias_of_zero_can_leave_it() -> None:
    bias = nn.Parameter(torch.tensor([0.0, 1.0, 2.0, -2.0]))
    bias.grad = torch.ones(4)
    RelativeAdam([bias], lr=0.1).step()
    assert bias.detach().tolist() == pytest.approx([-0.025, 0.9, 1.8, -2.2], abs=1e-4)


def test_a_filter_of_zeros_and_an_empty_gradient_do_no_harm() -> None:
    weight, unused = nn.Parameter(torch.zeros(2, 3, 1, 1)), nn.Parameter(torch.ones(2, 3, 1, 1))
    weight.grad = torch.randn(2, 3, 1, 1)
    RelativeAdam([weight, unused], lr=0.1).step()
    assert bool(weight.isfinite().all())
    assert torch.equal(unused.detach(), torch.ones(2, 3, 1, 1))


def test_it_continues_from_its_state_as_if_never_stopped() -> None:
    torch.manual_seed(3)
    start = torch.randn(4, 2, 3, 3)
    straight = nn.Parameter(start.clone())
    steps(straight, RelativeAdam([straight], lr=0.01), count=6)
    halfway = nn.Parameter(start.clone())
    first = RelativeAdam([halfway], lr=0.01)
    generator = torch.Generator().manual_seed(7)
    for step in range(6):
        if step == 3:
            kept = first.state_dict()
            first = RelativeAdam([halfway], lr=0.01)
            first.load_state_dict(kept)
        halfway.grad = torch.randn(halfway.shape, generator=generator)
        first.step()
    assert torch.equal(halfway.detach(), straight.detach())
