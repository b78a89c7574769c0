"""The CUDA device with CUDA taken away: its own host code over kernels that run on the CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gpu_ops.cuda import CudaDevice
from gpu_ops.device import Network
from tests.support.emulation import EmulatedKernels


class EmulatedEvent:
    """Knows whether somebody waits for a mark that nobody made."""

    recorded = False
    at = 0.0

    def record(self) -> None:
        self.recorded = True
        self.at = time.perf_counter()

    def elapsed_time(self, later: EmulatedEvent) -> float:
        return (later.at - self.at) * 1e3

    def synchronize(self) -> None:
        assert self.recorded, "waited for an event that was never recorded"


class EmulatedDriver:
    """See `gpu_ops.cuda_driver.Driver`; everything happens at once."""

    device = torch.device("cpu")
    benchmark = False

    def __init__(self, kernels: EmulatedKernels | None = None) -> None:
        self.kernels = kernels or EmulatedKernels()
        self.current: list[object] = []
        self.captured: list[tuple[int, ...]] = []
        self.pinned_bytes = 0
        self.freed = 0

    def launch(self, file, name, grid, block, arguments) -> None:
        assert self.current, f"{name} was launched outside a lane"
        self.kernels.launch(file, name, grid, block, arguments)

    def pinned(self, size: int) -> Tensor:
        self.pinned_bytes += size
        return torch.full((size,), 0xEE, dtype=torch.uint8)

    def stream(self) -> object:
        return object()

    @contextmanager
    def using(self, stream: object) -> Iterator[None]:
        self.current.append(stream)
        yield
        assert self.current.pop() is stream

    def event(self, *, timing: bool = False) -> EmulatedEvent:
        return EmulatedEvent()

    def free_unused(self) -> None:
        self.freed += 1

    def capture(self, network: Network, x: Tensor) -> tuple[Callable[[], None], Tensor, Tensor]:
        """Replays into the same outputs, as a graph does."""
        self.captured.append(tuple(x.shape))
        with torch.inference_mode():
            low, high = (maps.clone() for maps in network(x))

            def replay() -> None:
                with torch.inference_mode():
                    for out, maps in zip((low, high), network(x), strict=True):
                        out.copy_(maps)

            return replay, low, high


def emulated(precision: str = "fp32", kernels: EmulatedKernels | None = None) -> CudaDevice:
    """A CUDA device that runs on the CPU."""
    return CudaDevice("cuda", precision, driver=lambda _: EmulatedDriver(kernels))
