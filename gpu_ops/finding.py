"""Whether a GPU would be used, found out without opening one."""

from __future__ import annotations

import importlib.util


def finds_gpu(device: str = "auto") -> bool:
    """Whether a device of this name is a GPU; of `auto`, whether CUDA is likely to work.

    torch is imported only where CuPy is installed.
    """
    if device != "auto":
        return device != "cpu"
    if importlib.util.find_spec("cupy") is None:
        return False
    import torch

    return torch.cuda.is_available()
