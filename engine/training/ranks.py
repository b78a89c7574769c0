"""The other processes of a training, where `torchrun` started several."""

from __future__ import annotations

import torch
from torch import distributed


def rank() -> tuple[int, int]:
    """Which process this is, and of how many."""
    if not distributed.is_initialized():
        return 0, 1
    return distributed.get_rank(), distributed.get_world_size()


def agreed(here: bool, device: torch.device) -> bool:
    """Whether it is true in any process; all must call this at the same step."""
    if not distributed.is_initialized():
        return here
    anywhere = torch.tensor(float(here), device=device)
    distributed.all_reduce(anywhere)
    return bool(anywhere.item() > 0)


def leave_ranks() -> None:
    """Part from the other processes, if there are any."""
    if distributed.is_initialized():
        distributed.destroy_process_group()
