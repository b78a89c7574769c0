"""The other processes of a training, where `torchrun` started several."""

from __future__ import annotations

import torch
from torch import distributed


def rank() -> tuple[int, int]:
    """Which process this is, and of how many."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def agreed(wish: bool, device: torch.device) -> bool:
    """Whether any of the processes wishes it; all of them must ask at the same step."""
    if not distributed.is_initialized():
        return wish
    wishes = torch.tensor(float(wish), device=device)
    distributed.all_reduce(wishes)
    return bool(wishes.item() > 0)


def leave_ranks() -> None:
    """Part from the other processes, if there are any."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
