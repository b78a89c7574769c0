"""How weights follow from gradients: Muon for new convolutions, Adam for everything else.

Muon (Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks") replaces the
averaged gradient of a weight matrix by the nearest matrix whose singular values are all about one,
so that rare directions are learned as fast as common ones. From random weights it reached with 400
steps what AdamW reached with 1,000 (docs/training.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, overload

import torch
from torch import Tensor, distributed, nn
from torch.optim import AdamW, Optimizer

from engine.training.ranks import rank
from engine.training.relative_adam import RelativeAdam

MOMENTUM = 0.95
# Liu et al. 2025, "Muon is scalable for LLM training": with this factor a step is as long as
# AdamW's usually is, and one learning rate serves both.
LENGTH = 0.2
_POLYNOMIAL = (3.4445, -4.7750, 2.0315)  # Jordan et al.: quick rather than exact
_ITERATIONS = 5


class Muon(Optimizer):
    """Orthogonalised momentum for weights of two or more dimensions, (out, in, ...)."""

    def __init__(self, weights: Iterable[nn.Parameter], *, lr: float, weight_decay: float) -> None:
        super().__init__(list(weights), {"lr": lr, "weight_decay": weight_decay})

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Move all weights that have a gradient."""
        for group in self.param_groups:
            moved = [weight for weight in group["params"] if weight.grad is not None]
            directions = _shared(moved, [self._momentum(weight) for weight in moved])
            for weight, direction in zip(moved, directions, strict=True):
                length = LENGTH * max(len(weight), weight[0].numel()) ** 0.5
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(direction, alpha=-group["lr"] * length)
        return None

    def _momentum(self, weight: Tensor) -> Tensor:
        gradient, state = weight.grad, self.state[weight]
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(gradient)
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        return torch.lerp(gradient, state["momentum"], MOMENTUM)  # Nesterov


def orthogonalised(matrix: Tensor) -> Tensor:
    """Bring the singular values of a (rows, columns) matrix close to one (0.7 to 1.2).

    Newton-Schulz iteration with the coefficients of Jordan et al. 2024. A matrix of zeros stays so.
    """
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    a, b, c = _POLYNOMIAL
    for _ in range(_ITERATIONS):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


def optimisers(network: nn.Module, *, lr: float, weight_decay: float) -> tuple[Optimizer, ...]:
    """Choose for every weight: Muon for hidden convolutions, AdamW for first, last, norms, biases.

    The first layer sees colours and the last ones answer keypoint by keypoint: their rows mean
    something by themselves and should not be mixed. A pretrained backbone belongs to RelativeAdam
    as a whole: Muon's steps are as long for a matrix that is right already. Its group is marked
    "backbone", since it moves at a rate of its own.
    """
    named = dict(network.named_parameters())
    known = [p for name, p in named.items() if name.startswith("extractor.")]
    new = {name: p for name, p in named.items() if not name.startswith("extractor.")}
    hidden = [p for name, p in new.items() if p.ndim == 4 and not _at_an_end(name)]
    ends = [p for name, p in new.items() if p.ndim == 4 and _at_an_end(name)]
    # Norms and biases are not decayed: pulling them to zero only fights the batch norm.
    others = [p for p in new.values() if p.ndim != 4]
    groups: list[dict[str, Any]] = [
        {"params": ends, "weight_decay": weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    new_layers = (
        Muon(hidden, lr=lr, weight_decay=weight_decay),
        AdamW(groups, lr=lr, fused=True),
    )
    return (*new_layers, RelativeAdam(known, lr=lr, backbone=True)) if known else new_layers


def _at_an_end(name: str) -> bool:
    return name == "conv1.weight" or name.startswith("final_layers")


def _shared(weights: list[nn.Parameter], momenta: list[Tensor]) -> list[Tensor]:
    # Every process holds the same gradients, so each orthogonalises a part and all exchange.
    here, ranks = rank()
    directions = [
        _direction(momentum) if index % ranks == here else torch.zeros_like(momentum)
        for index, momentum in enumerate(momenta)
    ]
    if ranks > 1 and directions:
        flat = torch.cat([direction.flatten() for direction in directions])
        distributed.all_reduce(flat)
        parts = torch.split(flat, [weight.numel() for weight in weights])
        directions = [part.view(weight.shape) for part, weight in zip(parts, weights, strict=True)]
    return directions


def _direction(momentum: Tensor) -> Tensor:
    return orthogonalised(momentum.flatten(1)).view(momentum.shape)
