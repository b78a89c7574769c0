"""What this machine lacks, as a reason to skip."""

import os

import pytest


def need_cuda() -> None:
    """Skip without a GPU, or fail where FAIL_WITHOUT_CUDA=1 says there must be one."""
    missing = _cuda_missing()
    if missing and os.environ.get("FAIL_WITHOUT_CUDA") == "1":
        pytest.fail(f"FAIL_WITHOUT_CUDA=1, but {missing}")
    if missing:
        pytest.skip(f"needs an NVIDIA GPU: {missing}")


def _cuda_missing() -> str | None:
    try:
        import cupy  # noqa: F401
        import torch
    except ImportError as error:
        return f"{error.name} is not installed"
    return None if torch.cuda.is_available() else "no CUDA device"
