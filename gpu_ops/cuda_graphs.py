"""CUDA graphs of the network: one per input shape and batch bucket, captured when first needed.

A network is about a thousand small kernels. Started one by one they cost the host more time than
the device; a graph starts them all in one call. A graph is tied to its input and output memory, so
each lane has its own graphs, and batches are padded up to a bucket.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from gpu_ops.cuda_driver import Driver
from gpu_ops.device import Network

MOST_GRAPHS = 8  # per lane: two image shapes at up to four scales; the oldest goes first


def bucket(batch: int) -> int:
    """The batch size that a batch is padded up to: the next power of two."""
    return 1 << (batch - 1).bit_length()


@dataclass(slots=True, eq=False)
class _Graph:
    """One input buffer, and the network's work on it once that has been recorded."""

    x: Tensor  # (bucket, 3, H, W), channels last
    network: Network | None = None
    replay: Callable[[], None] | None = None
    outputs: tuple[Tensor, Tensor] | None = None


class Graphs:
    """The graphs of one lane."""

    def __init__(self, driver: Driver, dtype: torch.dtype) -> None:
        self._driver = driver
        self._dtype = dtype
        self._graphs: OrderedDict[tuple[int, ...], _Graph] = OrderedDict()

    def __len__(self) -> int:
        return len(self._graphs)

    def input(self, n: int, size: tuple[int, int]) -> Tensor:
        """The buffer (n, 3, H, W) from which the graph for this shape reads; size is (W, H)."""
        shape = (bucket(n), 3, size[1], size[0])
        graph = self._graphs.pop(shape, None)
        if graph is None:
            while len(self._graphs) >= MOST_GRAPHS:
                self._graphs.popitem(last=False)
            graph = _Graph(
                torch.zeros(shape, dtype=self._dtype, device=self._driver.device).to(
                    memory_format=torch.channels_last
                )
            )
        self._graphs[shape] = graph  # the newest is last
        return graph.x[:n]

    def run(self, network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
        """Start the network on x (n, 3, H, W); low and high maps, float32, contiguous."""
        n, _, h, w = x.shape
        own = self.input(n, (w, h))
        if own.data_ptr() != x.data_ptr():
            own.copy_(x)
        graph = self._graphs[(bucket(n), 3, h, w)]
        if graph.network is not network:
            graph.replay, *outputs = self._driver.capture(network, graph.x)
            graph.outputs = (outputs[0], outputs[1])
            graph.network = network
        assert graph.replay is not None
        assert graph.outputs is not None
        graph.replay()
        # Copied out: the next replay of any graph may write over these.
        low, high = (_taken(maps, n) for maps in graph.outputs)
        return low, high

    def clear(self) -> None:
        """Release all graphs and their memory."""
        self._graphs.clear()


def _taken(maps: Tensor, n: int) -> Tensor:
    out = torch.empty((n, *maps.shape[1:]), dtype=torch.float32, device=maps.device)
    return out.copy_(maps[:n])
