"""One batch in flight on CUDA: a stream, staging memory, graphs, and an event to wait for.

Nothing here waits for the device except `peaks` and `refine`, which `collect` calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_ops import cuda_ops as ops
from gpu_ops.cpu_decode import float32_above
from gpu_ops.cuda_driver import Driver
from gpu_ops.cuda_errors import named
from gpu_ops.cuda_graphs import Graphs
from gpu_ops.cuda_maps import Heat, NetworkMaps, plain, sources, two_step
from gpu_ops.cuda_staging import Staging, Twin
from gpu_ops.device import Groups, Joints, Maps, Network, OutOfMemory, Pass, Peaks

Arrays = list[NDArray[Any]]


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
        self._found: Arrays = []
        self._grouped: Arrays = []
        self._peaks: list[Tensor] = []
        self._tops: tuple[Maps, Tensor] | None = None

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
        launch = self._driver.launch
        with self._step("looking for peaks"):
            self._begin()
            heat, tags = sources(maps)
            lowest = float32_above(threshold)
            marks, tops = ops.mark_peaks(launch, heat, radius=radius, lowest=lowest)
            shape = (heat.images, heat.joints, most)
            parts = [
                (shape, torch.int32),
                (shape, torch.float32),
                ((*shape, tags.count), torch.float32),
            ]
            twin = self._lists.take_for(parts)
            self._found, (cell, score, tag) = twin.split(parts)
            ops.best_peaks(launch, heat, marks, tops, lowest=lowest, cell=cell, score=score)
            ops.peak_tags(launch, tags, heat, cell, tag)
            self._fetch(twin)
            self._tops = (maps, tops)
            self._peaks = [cell, score, tag]

    def group_peaks(
        self, order: Sequence[int], *, tag_distance: float, first_30_groups_only: bool
    ) -> None:
        """See `device.Lane.group_peaks`."""
        images, joints, most, tags = self._peaks[2].shape
        if joints > ops.MOST_JOINTS:
            self._grouped = []
            return
        parts = [
            ((images,), torch.int32),
            ((images, joints * most, joints), torch.int32),
            ((images, joints * most, tags), torch.float32),
        ]
        with self._step("grouping peaks"):
            twin = self._lists.take_for(parts)
            self._grouped, people = twin.split(parts)
            ops.group_peaks(
                self._driver.launch,
                self._peaks,
                self._integers(tuple(order)),
                people,
                reach=tag_distance,
                most_known=30 if first_30_groups_only else None,
            )
            self._fetch(twin)

    def groups(self) -> Groups | None:
        """See `device.Lane.groups`."""
        if not self._grouped:
            return None
        self._wait()
        counts, cells, tags = self._grouped
        return Groups(
            np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            np.concatenate([found[:n] for found, n in zip(cells, counts, strict=True)]),
            np.concatenate([found[:n] for found, n in zip(tags, counts, strict=True)]),
        )

    def _fetch(self, twin: Twin) -> None:
        twin.down()
        self._done.record()

    def peaks(self) -> Peaks:
        """See `device.Lane.peaks`."""
        self._wait()
        cell, score, tag = (found.copy() for found in self._found)
        return Peaks(cell, score, tag)

    def _wait(self) -> None:
        with self._step("waiting for the network and the peaks"):
            self._done.synchronize()
        self._busy = False

    def refine(self, maps: Maps, groups: Groups, *, adjust: bool, refine: bool) -> Joints:
        """See `device.Lane.refine`."""
        people, joints = groups.cell.shape
        if not people:
            return Joints(np.zeros((0, joints, 2), np.float32), np.zeros((0, joints), np.float32))
        launch = self._driver.launch
        with self._step(f"placing the joints of {people} people"):
            heat, tags = sources(maps)
            members, twin, placed, joints_out = self._lists_of(groups)
            ops.place_joints(
                launch,
                heat,
                tags,
                ops.tag_ranges(launch, tags, heat),
                self._tops_of(maps, heat),
                members,
                joints_out,
                adjust=adjust,
                fill=refine,
            )
            self._fetch(twin)
            self._done.synchronize()
        xy, score = (np.array(found, np.float32) for found in placed)
        return Joints(xy, score)

    def _lists_of(self, groups: Groups) -> tuple[list[Tensor], Twin, Arrays, list[Tensor]]:
        """The groups on the device; room for their joints as a twin, its arrays and tensors."""
        people, joints = groups.cell.shape
        parts = [
            ((people,), torch.int32),
            ((people, joints), torch.int32),
            (groups.tag.shape, torch.float32),
        ]
        sent = self._lists.take_for(parts)
        arrays, members = sent.split(parts)
        for array, values in zip(arrays, (groups.image, groups.cell, groups.tag), strict=True):
            array[...] = values
        sent.up()
        room = [((people, joints, 2), torch.float32), ((people, joints), torch.float32)]
        twin = self._lists.take_for(room)
        return members, twin, *twin.split(room)

    def _tops_of(self, maps: Maps, heat: Heat) -> Tensor:
        """The tops that `find_peaks` left behind for these maps."""
        if self._tops is None or self._tops[0] is not maps:
            marks_and_tops = ops.mark_peaks(
                self._driver.launch, heat, radius=0, lowest=np.float32(np.inf)
            )
            self._tops = (maps, marks_and_tops[1])
        return self._tops[1]
