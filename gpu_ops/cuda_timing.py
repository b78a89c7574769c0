"""Where the time of a CUDA device goes: kernels and graphs by name, and what the card could do.

For the benchmark; nothing here runs otherwise. Times are milliseconds between marks in the stream,
so they do not include what the host does meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median

import torch
from torch import Tensor

from gpu_ops.cuda import CudaDevice
from gpu_ops.cuda_driver import Driver, Event
from gpu_ops.cuda_maps import Arguments
from gpu_ops.device import Network


@dataclass(slots=True, eq=False)
class Spent:
    """Marks around everything that was started."""

    marks: list[tuple[str, Event, Event]] = field(default_factory=list)

    def take(self) -> dict[str, float]:
        """Total ms per name since the last call; everything must have been waited for."""
        totals: dict[str, float] = {}
        for name, begin, end in self.marks:
            totals[name] = totals.get(name, 0.0) + begin.elapsed_time(end)
        self.marks.clear()
        return totals


class TimedDriver:
    """A driver that marks the stream before and after each kernel and each graph."""

    def __init__(self, driver: Driver, spent: Spent) -> None:
        self._driver = driver
        self._spent = spent
        self.device = driver.device
        self.benchmark = driver.benchmark
        self.pinned = driver.pinned
        self.stream = driver.stream
        self.using = driver.using
        self.event = driver.event
        self.free_unused = driver.free_unused

    @contextmanager
    def _marked(self, name: str) -> Iterator[None]:
        begin, end = self.event(timing=True), self.event(timing=True)
        begin.record()
        yield
        end.record()
        self._spent.marks.append((name, begin, end))

    def launch(
        self,
        file: str,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Arguments,
    ) -> None:
        """See `Driver.launch`."""
        with self._marked(name):
            self._driver.launch(file, name, grid, block, arguments)

    def capture(self, network: Network, x: Tensor) -> tuple[Callable[[], None], Tensor, Tensor]:
        """See `Driver.capture`."""
        replay, low, high = self._driver.capture(network, x)

        def marked() -> None:
            with self._marked("network"):
                replay()

        return marked, low, high


@contextmanager
def timed(device: CudaDevice) -> Iterator[Spent]:
    """Mark what the lanes that are made in the block start."""
    spent = Spent()
    before = device.driver
    device.driver = TimedDriver(before, spent)
    try:
        yield spent
    finally:
        device.driver = before


def usual_time(driver: Driver, work: Callable[[], object], repeats: int) -> float:
    """Median ms of some work on the device, warmed up."""
    stream, marks = driver.stream(), []
    with driver.using(stream):
        for _ in range(3):
            work()
        for _ in range(repeats):
            begin, end = driver.event(timing=True), driver.event(timing=True)
            begin.record()
            work()
            end.record()
            marks.append((begin, end))
        marks[-1][1].synchronize()
    return median(begin.elapsed_time(end) for begin, end in marks)


def copy_rate(driver: Driver, size: int = 1 << 30, repeats: int = 20) -> float:
    """Bytes per second of a copy within the device, counting those read and those written."""
    source = torch.randint(256, (size,), dtype=torch.uint8, device=driver.device)
    target = torch.empty_like(source)
    return 2 * size / (usual_time(driver, lambda: target.copy_(source), repeats) * 1e-3)


def matrix_rate(driver: Driver, dtype: torch.dtype, n: int = 8192, repeats: int = 20) -> float:
    """Operations per second of a large matrix product on random data."""
    a, b = (torch.randn(n, n, device=driver.device).to(dtype) for _ in range(2))
    return 2 * n**3 / (usual_time(driver, lambda: a @ b, repeats) * 1e-3)


def transfer_time(driver: Driver, size: int, *, up: bool, repeats: int = 20) -> float:
    """Median ms of copying `size` bytes from pinned memory to the device, or back."""
    host = driver.pinned(size)
    device = torch.empty(size, dtype=torch.uint8, device=driver.device)
    source, target = (host, device) if up else (device, host)
    return usual_time(driver, lambda: target.copy_(source, non_blocking=True), repeats)
