"""What every test may rely on: devices, the shared data, and no thread or error left behind."""

import logging
import os
import threading
import time
from pathlib import Path

import hypothesis
import pytest

from tests.support.machine import need_cuda

# A few examples each, always the same ones; HYPOTHESIS_PROFILE=deep tries a thousand.
hypothesis.settings.register_profile("quick", max_examples=12, derandomize=True, deadline=None)
# Its limit finds what hangs; beside other work a tenth of a second can take twenty.
hypothesis.settings.register_profile("deep", max_examples=1000, deadline=120_000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"
THREADS_END_WITHIN = 5.0  # s after a test: a bounded read may still be on its way


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden numbers, COCO images and clips beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("needs the ../shared folder (golden numbers, images, clips)")
    return SHARED


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    """Each device of this machine; a missing GPU fails where FAIL_WITHOUT_CUDA=1."""
    from gpu_ops import open_device

    if request.param == "cuda":
        need_cuda()
    with open_device(request.param) as opened:
        yield opened


@pytest.fixture
def one_thread():
    """For networks so small that they would spend their time waiting for a second thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _no_leaked_threads():
    # Daemon threads too: nearly every thread of the program is one, so that a driver that hangs
    # cannot keep the process alive.
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + THREADS_END_WITHIN
    started = set(threading.enumerate()) - before
    for thread in started:
        thread.join(timeout=max(0.0, deadline - time.monotonic()))
    leaked = sorted(thread.name for thread in started if thread.is_alive())
    assert not leaked, f"the test left threads running: {leaked}"


@pytest.fixture(autouse=True)
def _no_logged_errors(caplog):
    yield
    errors = [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR]
    assert not errors, f"the test logged errors: {errors}"
