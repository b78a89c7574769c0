"""What every test may rely on: devices, the shared data, and no thread or error left behind."""

import logging
import os
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden numbers, COCO images and clips beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the ../shared folder (golden numbers, images, clips)")
    return SHARED


def _cuda_missing() -> str | None:
    try:
        import cupy  # noqa: F401
        import torch
    except ImportError as error:
        return f"{error.name} is not installed"
    return None if torch.cuda.is_available() else "no CUDA device"


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    """Each device of this machine; a missing GPU fails where FAIL_WITHOUT_CUDA=1."""
    from gpu_ops import open_device

    if request.param == "cuda":
        need_cuda()
    with open_device(request.param) as opened:
        yield opened


def need_cuda() -> None:
    """Skip without a GPU, or fail where FAIL_WITHOUT_CUDA=1 says there must be one."""
    missing = _cuda_missing()
    if missing and os.environ.get("FAIL_WITHOUT_CUDA") == "1":
        pytest.fail(f"FAIL_WITHOUT_CUDA=1, but {missing}")
    if missing:
        pytest.skip(f"needs an NVIDIA GPU: {missing}")


@pytest.fixture(autouse=True)
def _no_leaked_threads():
    before = set(threading.enumerate())
    yield
    leaked = []
    for thread in set(threading.enumerate()) - before:
        if not thread.daemon:
            thread.join(timeout=2)
            if thread.is_alive():
                leaked.append(thread.name)
    assert not leaked, f"the test left threads running: {leaked}"


@pytest.fixture(autouse=True)
def _no_logged_errors(caplog):
    yield
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert not errors, f"the test logged errors: {errors}"
