"""Contract tests run on the CPU, on the emulated CUDA device, and on a GPU if there is one."""

import pytest

from gpu_ops import open_device
from tests.support.emulated_device import emulated
from tests.support.emulation import need_compiler
from tests.support.machine import need_cuda


@pytest.fixture(params=["cpu", "emulated", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    """A device in fp32, so that all can be compared bit for bit."""
    if request.param == "cuda":
        need_cuda()
    if request.param == "emulated":
        need_compiler()
    with (
        emulated() if request.param == "emulated" else open_device(request.param, "fp32") as opened
    ):
        yield opened
