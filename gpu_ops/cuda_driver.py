"""What a lane asks of CUDA, in one place: streams, pinned memory, launches, graph capture.

The tests put an emulation on the CPU in its place, and everything above it runs unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, Self

import torch
from torch import Tensor

from gpu_ops import build
from gpu_ops.cuda_maps import Arguments
from gpu_ops.device import Network

WARM_UPS = 2  # runs before a capture: libraries choose algorithms and take their workspaces


class Event(Protocol):
    """A mark in a stream."""

    def record(self) -> None:
        """Mark the current stream here."""

    def synchronize(self) -> None:
        """Wait until the mark has been passed."""

    def elapsed_time(self, later: Self) -> float:
        """Milliseconds to a later mark, both made for timing and both passed."""


class Driver(Protocol):
    """The services of one CUDA device."""

    device: torch.device
    benchmark: bool  # let cuDNN time its algorithms: perhaps faster, but not reproducible

    def launch(
        self,
        file: str,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Arguments,
    ) -> None:
        """Start a kernel on the current stream."""

    def pinned(self, size: int) -> Tensor:
        """(size,) uint8 of host memory that the device copies from and to by itself."""

    def stream(self) -> Any:
        """A new stream."""

    def using(self, stream: Any) -> AbstractContextManager[None]:
        """Makes the stream current for torch and CuPy."""

    def event(self, *, timing: bool = False) -> Event:
        """A new event; events for timing cost a little more."""

    def free_unused(self) -> None:
        """Give back memory that was freed but kept for later."""

    def capture(self, network: Network, x: Tensor) -> tuple[Callable[[], None], Tensor, Tensor]:
        """Record the network's work on x.

        Returns:
            replay, which starts the work again on the current stream, and the low and high maps
            that it writes.
        """


class _Shared:
    """A torch stream under the protocol by which CuPy takes it; torch speaks it since 2.10."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self._stream = stream  # kept alive by the holder of this object

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._stream.cuda_stream


class CudaDriver:
    """CUDA through torch, which owns all memory, and CuPy, which only launches."""

    benchmark = False

    def __init__(self, device: torch.device) -> None:
        """Compile all kernels, or take them from CuPy's cache."""
        import cupy

        assert device.index is not None
        self.device = device
        self._cupy_device = cupy.cuda.Device(device.index)
        self._as_cupy = cupy.cuda.Stream.from_external
        with self._cupy_device:
            self._modules = {file: build.module(file) for file in build.FILES}
        self._kernels: dict[str, Any] = {}

    def launch(
        self,
        file: str,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Arguments,
    ) -> None:
        """See `Driver.launch`."""
        kernel = self._kernels.get(name)
        if kernel is None:
            kernel = self._kernels[name] = self._modules[file].get_function(name)
        kernel(grid, block, arguments)

    def pinned(self, size: int) -> Tensor:
        """See `Driver.pinned`."""
        return torch.empty(size, dtype=torch.uint8, pin_memory=True)

    def stream(self) -> torch.cuda.Stream:
        """See `Driver.stream`."""
        return torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]

    @contextmanager
    def using(self, stream: torch.cuda.Stream) -> Iterator[None]:
        """See `Driver.using`."""
        with self._cupy_device, torch.cuda.stream(stream), self._as_cupy(_Shared(stream)):
            yield

    def event(self, *, timing: bool = False) -> Event:
        """See `Driver.event`."""
        return torch.cuda.Event(enable_timing=timing)  # type: ignore[no-untyped-call]

    def free_unused(self) -> None:
        """See `Driver.free_unused`."""
        torch.cuda.empty_cache()

    def capture(self, network: Network, x: Tensor) -> tuple[Callable[[], None], Tensor, Tensor]:
        """See `Driver.capture`."""
        # Deterministic and without trials: the same input gives the same poses in every process.
        with (
            torch.inference_mode(),
            torch.backends.cudnn.flags(
                enabled=True, benchmark=self.benchmark, deterministic=True, allow_tf32=False
            ),
        ):
            for _ in range(WARM_UPS):
                network(x)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                low, high = network(x)
        return graph.replay, low, high
