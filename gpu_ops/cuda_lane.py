"""One batch in flight on CUDA: a stream, staging memory, graphs, and an event to wait for.

Nothing here waits for the device except `peaks` and `refine`, which `collect` calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_ops import cuda_ops as ops
from gpu_ops.cuda_decode import CudaDecoder
from gpu_ops.cuda_driver import Driver
from gpu_ops.cuda_errors import named
from gpu_ops.cuda_graphs import Graphs
from gpu_ops.cuda_maps import Heat, NetworkMaps, plain, two_step
from gpu_ops.cuda_staging import Staging
from gpu_ops.device import Groups, Joints, Maps, Network, OutOfMemory, Pass, Peaks, Placing


class CudaLane:
    """See `device.Lane`."""

    def __init__(self, driver: Driver, normal: Tensor) -> None:
        """Take a stream; memory and graphs come with the first batch.

        Args:
            driver: the device.
            normal: (3, 256) normalised bytes in the network's type.
        """
        self._driver = driver
        self._normal = normal
        self._stream = driver.stream()
        self._done = driver.event()
        self.graphs = Graphs(driver, normal.dtype)
        self._images = Staging(driver.pinned, driver.device)
        self._lists = Staging(driver.pinned, driver.device)
        self._uploaded: dict[int, tuple[NDArray[np.uint8], Tensor]] = {}
        self._integer_lists: dict[tuple[int, ...], Tensor] = {}
        self._entered: list[AbstractContextManager[None]] = []
        self._busy = False
        self._decoder = CudaDecoder(driver.launch, self._lists)

    def __enter__(self) -> Self:
        # Inside itself it is current already; entering again would only take time.
        using = nullcontext() if self._entered else self._driver.using(self._stream)
        using.__enter__()
        self._entered.append(using)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._entered.pop().__exit__(kind, error, trace)

    @contextmanager
    def _step(self, doing: str) -> Iterator[None]:
        """On this lane's stream, with failures named; a lane that ran out of memory lets go."""
        try:
            with self, named(doing):
                yield
        except OutOfMemory:
            self.close()
            self._driver.free_unused()
            raise

    def close(self) -> None:
        """Release the graphs; they come back when they are needed."""
        self.graphs.clear()

    def warp(
        self,
        pixels: Sequence[NDArray[np.uint8]],
        affines: Sequence[NDArray[np.float64]],
        size: tuple[int, int],
        *,
        mirror: bool,
    ) -> Tensor:
        """See `device.Lane.warp`. The result is the network's own input buffer, channels last."""
        with self._step(f"bringing {len(pixels)} images to the device"):
            self._begin()
            x = self.graphs.input(len(pixels) * (2 if mirror else 1), size)
            places = self._lists.take(len(pixels) * ops.IMAGE.itemsize)
            for place, image, affine in zip(
                places.bytes().view(ops.IMAGE), pixels, affines, strict=True
            ):
                h, w = image.shape[:2]
                place["inverse"] = ops.inverse_affine(affine)
                place["w"], place["h"] = w, h
                place["rgb"] = self._upload(image).data_ptr()
            places.up()
            ops.warp(self._driver.launch, places.device, len(pixels), self._normal, x)
            return x

    def _begin(self) -> None:
        """The first step of a batch: the memory of the last one is free."""
        if self._busy:
            return
        self._busy = True
        self._images.reset()
        self._lists.reset()
        self._uploaded.clear()

    def _upload(self, image: NDArray[np.uint8]) -> Tensor:
        """Start copying an image, once however many scales ask for it."""
        if id(image) not in self._uploaded:
            twin = self._images.take(image.size)
            np.copyto(twin.bytes().reshape(image.shape), image)
            twin.up()  # while the next image is copied on the host
            self._uploaded[id(image)] = (image, twin.device)
        return self._uploaded[id(image)][1]

    def run(self, network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `device.Lane.run`. Both are float32 and contiguous."""
        with self._step(f"running the network on {tuple(x.shape)}"):
            return self.graphs.run(network, x)

    def aggregate(
        self,
        passes: Sequence[Pass],
        size: tuple[int, int],
        mirror: Sequence[int] | None,
        *,
        two_step: bool,
    ) -> Maps:
        """See `device.Lane.aggregate`. The heat of one scale is computed where it is read."""
        with self._step(f"averaging the maps of {len(passes)} scales"):
            swap = None if mirror is None else self._integers(tuple(mirror))
            heats = [self._heat_of(each, size, swap, two_step) for each in passes]
            at_one = [each for each in passes if each.scale == 1] or passes
            low = plain(at_one[0].low)
            if len(heats) == 1:
                return NetworkMaps(heats[0], low, swap, self._fill)
            return NetworkMaps(self._average(heats), low, swap, self._fill)

    def _heat_of(
        self, each: Pass, size: tuple[int, int], swap: Tensor | None, in_two_steps: bool
    ) -> Heat:
        each = Pass(each.scale, plain(each.low), plain(each.high))
        if in_two_steps:
            return Heat(None, two_step(each, self._fill), swap, size)
        return Heat(each.low, each.high, swap, size)

    def _average(self, heats: Sequence[Heat]) -> Heat:
        total = self._fill(heats[0])
        for count, heat in enumerate(heats[1:], start=2):
            scales = len(heats) if count == len(heats) else 1
            ops.fill_heat(self._driver.launch, heat, total, add=True, scales=scales)
        return Heat(None, total, None, heats[0].size)

    def _fill(self, heat: Heat) -> Tensor:
        """Write out heat, on this lane's stream."""
        shape = (heat.images, heat.joints, heat.size[1], heat.size[0])
        with self:
            out = torch.empty(shape, dtype=torch.float32, device=self._driver.device)
            return ops.fill_heat(self._driver.launch, heat, out)

    def _integers(self, values: tuple[int, ...]) -> Tensor:
        """(n,) int32 on the device, kept for the next batch."""
        if values not in self._integer_lists:
            twin = self._lists.take(4 * len(values))
            twin.bytes().view(np.int32)[:] = values
            twin.up()
            self._integer_lists[values] = twin.device.view(torch.int32).clone()
        return self._integer_lists[values]

    def find_peaks(self, maps: Maps, *, radius: int, threshold: float, most: int) -> None:
        """See `device.Lane.find_peaks`."""
        with self._step("looking for peaks"):
            self._begin()
            self._decoder.find_peaks(maps, radius=radius, threshold=threshold, most=most)
            self._done.record()

    def group_peaks(
        self, order: Sequence[int], *, tag_distance: float, ignore_too_much: bool
    ) -> None:
        """See `device.Lane.group_peaks`."""
        with self._step("grouping peaks"):
            self._decoder.group_peaks(
                self._integers(tuple(order)),
                reach=tag_distance,
                most_known=30 if ignore_too_much else None,
            )
            self._done.record()

    def peaks(self) -> Peaks:
        """See `device.Lane.peaks`."""
        self._wait("waiting for the network and the peaks")
        return self._decoder.peaks()

    def groups(self) -> Groups | None:
        """See `device.Lane.groups`."""
        self._wait("waiting for the network and the people")
        return self._decoder.groups()

    def refine(self, maps: Maps, groups: Groups, placing: Placing) -> Joints:
        """See `device.Lane.refine`."""
        people, joints = groups.cell.shape
        if not people:
            return Joints(np.zeros((0, joints, 2), np.float32), np.zeros((0, joints), np.float32))
        with self._step(f"placing the joints of {people} people"):
            self._decoder.place_joints(maps, groups, placing)
            self._done.record()
        self._wait(f"waiting for the joints of {people} people")
        return self._decoder.joints()

    def _wait(self, doing: str) -> None:
        with self._step(doing):
            self._done.synchronize()
        self._busy = False
