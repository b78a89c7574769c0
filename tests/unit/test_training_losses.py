"""Losses against their slow definitions, and what their gradients do."""

import math

import pytest
import torch

from engine.training.losses import heatmap_loss, tag_loss


def test_an_empty_answer_costs_one_and_a_perfect_one_nothing():
    target = torch.rand(2, 3, 8, 8)
    mask = torch.ones(2, 8, 8)
    assert heatmap_loss(torch.zeros_like(target), target, mask, gain=4).item() == pytest.approx(1)
    assert heatmap_loss(target, target, mask, gain=4).item() == 0


def test_masked_cells_neither_cost_nor_pull():
    target, mask = torch.rand(1, 2, 4, 4), torch.ones(1, 4, 4)
    mask[0, :, 2:] = 0
    heat = target.clone()
    heat[..., 2:] += 5
    heat.requires_grad_()
    loss = heatmap_loss(heat, target, mask, gain=0)
    loss.backward()
    assert loss.item() == 0
    assert not heat.grad.any()


def test_gain_makes_a_missed_centre_cost_more_than_background():
    target = torch.zeros(1, 1, 4, 4)
    target[0, 0, 1, 1] = 1
    mask = torch.ones(1, 4, 4)
    missed = heatmap_loss(torch.zeros_like(target), target, mask, gain=3)
    ghost = target.clone()
    ghost[0, 0, 3, 3] = 1
    assert missed.item() == pytest.approx(4 * heatmap_loss(ghost, target, mask, gain=3).item())


def by_hand(tags, cells):
    """Push and pull with loops, from the definition."""
    pushes, pulls = [], []
    for tag, people in zip(tags, cells, strict=True):
        flat = tag.flatten(1)
        values = [[flat[k, c].item() for k, c in enumerate(p) if c >= 0] for p in people.tolist()]
        values = [v for v in values if v]
        means = [sum(v) / len(v) for v in values]
        pulls += [sum((x - m) ** 2 for x in v) / len(v) for v, m in zip(values, means, strict=True)]
        pairs = [
            math.exp(-((a - b) ** 2))
            for i, a in enumerate(means)
            for j, b in enumerate(means)
            if i != j
        ]
        if pairs:
            pushes.append(sum(pairs) / len(pairs))
    return sum(pushes) / max(1, len(pushes)), sum(pulls) / max(1, len(pulls))


def test_tag_loss_equals_the_definition_with_loops():
    torch.manual_seed(0)
    tags = torch.randn(4, 5, 6, 6)
    cells = torch.randint(-1, 36, (4, 3, 5))
    cells[1, 2] = -1  # two people
    cells[2, 1:] = -1  # one person: nobody to push
    cells[3] = -1  # nobody
    push, pull = by_hand(tags, cells)
    got = tag_loss(tags, cells)
    assert got.push.item() == pytest.approx(push, rel=1e-5)
    assert got.pull.item() == pytest.approx(pull, rel=1e-5)


def test_no_people_at_all_give_zero_and_a_finite_gradient():
    tags = torch.randn(2, 3, 4, 4, requires_grad=True)
    push, pull = tag_loss(tags, torch.full((2, 1, 3), -1))
    (push + pull).backward()
    assert push.item() == pull.item() == 0
    assert not tags.grad.any()


def test_descending_the_loss_separates_two_people():
    torch.manual_seed(1)
    tags = (0.1 * torch.randn(1, 4, 4, 4)).requires_grad_()
    cells = torch.tensor([[[0, 1, 2, 3], [12, 13, 14, 15]]])
    optimiser = torch.optim.Adam([tags], lr=0.05)
    for _ in range(300):
        push, pull = tag_loss(tags, cells)
        optimiser.zero_grad()
        (push + 0.1 * pull).backward()
        optimiser.step()
    values = tags.detach()[0].flatten(1).gather(1, cells[0].T)  # (K, 2)
    apart = (values.mean(0)[0] - values.mean(0)[1]).abs()
    assert apart > 1.5
    assert values.std(0).max() < 0.2 * apart
