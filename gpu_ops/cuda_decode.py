"""Decoding on CUDA: peaks, people and joints; started here, read once the lane has waited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_ops import cuda_ops as ops
from gpu_ops.cpu_decode import float32_above
from gpu_ops.cuda_maps import Heat, sources
from gpu_ops.cuda_staging import Part, Staging
from gpu_ops.device import Groups, Joints, Maps, Peaks, Placing

Arrays = list[NDArray[Any]]


class CudaDecoder:
    """What a lane decodes with. Nothing here waits; results are read after the lane has."""

    def __init__(self, launch: ops.Launch, lists: Staging) -> None:
        self._launch = launch
        self._lists = lists
        self._tops: tuple[Maps, Tensor] | None = None
        self.found: list[Tensor] = []  # cell, score and tag of the peaks, on the device
        self._peaks: Arrays = []
        self._groups: Arrays = []
        self._joints: Arrays = []

    def find_peaks(self, maps: Maps, *, radius: int, threshold: float, most: int) -> None:
        """See `device.Lane.find_peaks`."""
        heat, tags = sources(maps)
        lowest = float32_above(threshold)
        marks, tops = ops.mark_peaks(self._launch, heat, radius=radius, lowest=lowest)
        self._tops = (maps, tops)
        shape = (heat.images, heat.joints, most)
        parts = [
            (shape, torch.int32),
            (shape, torch.float32),
            ((*shape, tags.count), torch.float32),
        ]
        twin = self._lists.take_for(parts)
        self._peaks, self.found = twin.split(parts)
        cell, score, tag = self.found
        ops.best_peaks(self._launch, heat, marks, tops, lowest=lowest, cell=cell, score=score)
        ops.peak_tags(self._launch, tags, heat, cell, tag)
        twin.down()

    def peaks(self) -> Peaks:
        """See `device.Lane.peaks`."""
        cell, score, tag = (found.copy() for found in self._peaks)
        return Peaks(cell, score, tag)

    def group_peaks(self, order: Tensor, *, reach: float, most_known: int | None) -> None:
        """Start grouping the peaks, unless the skeleton is too large for the kernel."""
        images, joints, most, tags = self.found[2].shape
        self._groups = []
        if joints > ops.MOST_JOINTS:
            return
        parts = [
            ((images,), torch.int32),
            ((images, joints * most, joints), torch.int32),
            ((images, joints * most, tags), torch.float32),
        ]
        twin = self._lists.take_for(parts)
        self._groups, people = twin.split(parts)
        ops.group_peaks(self._launch, self.found, order, people, reach=reach, most_known=most_known)
        twin.down()

    def groups(self) -> Groups | None:
        """See `device.Lane.groups`."""
        if not self._groups:
            return None
        counts, cells, tags = self._groups
        return Groups(
            np.repeat(np.arange(len(counts), dtype=np.int32), counts),
            np.concatenate([found[:n] for found, n in zip(cells, counts, strict=True)]),
            np.concatenate([found[:n] for found, n in zip(tags, counts, strict=True)]),
        )

    def place_joints(self, maps: Maps, groups: Groups, placing: Placing) -> None:
        """Start placing the joints of all people; see `device.Lane.refine`."""
        heat, tags = sources(maps)
        people, joints = groups.cell.shape
        ranges = ops.tag_ranges(self._launch, tags, heat)
        parts = [((people, joints, 2), torch.float32), ((people, joints), torch.float32)]
        twin = self._lists.take_for(parts)
        self._joints, placed = twin.split(parts)
        ops.place_joints(
            self._launch,
            heat,
            tags,
            ranges,
            self._tops_of(maps, heat),
            self._sent(groups),
            placed,
            placing=placing,
        )
        twin.down()

    def joints(self) -> Joints:
        """See `device.Lane.refine`."""
        xy, score = (found.copy() for found in self._joints)
        return Joints(xy, score)

    def _sent(self, groups: Groups) -> Sequence[Tensor]:
        """The groups on the device."""
        parts: list[Part] = [
            (groups.image.shape, torch.int32),
            (groups.cell.shape, torch.int32),
            (groups.tag.shape, torch.float32),
        ]
        twin = self._lists.take_for(parts)
        arrays, tensors = twin.split(parts)
        for array, values in zip(arrays, (groups.image, groups.cell, groups.tag), strict=True):
            array[...] = values
        twin.up()
        return tensors

    def _tops_of(self, maps: Maps, heat: Heat) -> Tensor:
        """The tops that `find_peaks` left behind, if it was for these maps."""
        if self._tops is None or self._tops[0] is not maps:
            nothing = np.float32(np.inf)
            self._tops = (maps, ops.mark_peaks(self._launch, heat, radius=0, lowest=nothing)[1])
        return self._tops[1]
