"""Adam in relative steps, for pretrained weights whose batch norm was folded into them.

Kingma and Ba 2015, "Adam: a method for stochastic optimization". Folding a norm leaves filters of
one layer that differ in size by factors of a thousand. A step of the same length is nothing to
some of them and destroys others (measured, docs/training.md), so here it is a share of the size of
what it moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

BETAS = (0.9, 0.999)  # how much of the mean gradient and of the mean square a step keeps
_SMALLEST = 1e-8  # a filter of zeros has no size to take a share of
_LEAST_BIAS = 0.25  # of the layer's median bias: a bias near zero must be able to leave it


class RelativeAdam(Optimizer):
    """A filter moves by `lr` times its root mean square, a bias by `lr` times its absolute value.

    Sizes are taken at the first step and kept. There is no weight decay: the weights are meant to
    stay near what they were.
    """

    def __init__(self, weights: Iterable[nn.Parameter], *, lr: float, **group: Any) -> None:
        super().__init__([{"params": list(weights), **group}], {"lr": lr})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move all weights that have a gradient."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group["lr"])
        return None

    def _move(self, weight: Tensor, gradient: Tensor, lr: float) -> None:
        state = self.state[weight]
        if not state:
            state["steps"] = torch.zeros(())
            state["size"] = _size(weight)
            state["mean"] = torch.zeros_like(weight)
            state["square"] = torch.zeros_like(weight)
        state["steps"] += 1
        steps, (fast, slow) = state["steps"].item(), BETAS
        gradient = gradient * state["size"]  # of the relative change
        state["mean"].lerp_(gradient, 1 - fast)
        state["square"].lerp_(gradient.square(), 1 - slow)
        root = (state["square"] / (1 - slow**steps)).sqrt_().add_(1e-12)
        weight.addcdiv_(state["mean"] * state["size"], root, value=-lr / (1 - fast**steps))


def _size(weight: Tensor) -> Tensor:
    """(out, 1, …) what a relative step of a filter is a share of; (out,) for biases."""
    if weight.ndim == 1:
        size = weight.abs()
        return size.clamp(min=max(_SMALLEST, float(size.median()) * _LEAST_BIAS))
    size = weight.flatten(1).square().mean(1).sqrt().clamp(min=_SMALLEST)
    return size.view(-1, *(1 for _ in weight.shape[1:]))
