"""The CPU device, and the definition of every operation: what other devices must agree with.

OpenCV and NumPy do the work on maps, because they use the vector units well without a copy;
the network itself is run by torch or by one of `gpu_ops.runtimes`.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_ops import cpu_decode, cpu_sparse
from gpu_ops.cpu_compiled import Bounds, compiled_blocks
from gpu_ops.cpu_maps import NetworkMaps
from gpu_ops.device import (
    DeviceUnavailable,
    Groups,
    Joints,
    Maps,
    Network,
    NothingHeld,
    Pass,
    Peaks,
    Placing,
)
from gpu_ops.runtimes.plan import RuntimePlan
from gpu_ops.runtimes.prepare import prepare

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def normalised_bytes() -> NDArray[np.float32]:
    """(1, 256, 3) the normalised value of every byte and channel, computed as for pixels."""
    value = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
    mean, deviation = np.array((IMAGENET_MEAN, IMAGENET_DEVIATION), np.float32)
    return np.asarray((value - mean) / deviation, np.float32)[None]


class CpuDevice(NothingHeld):
    """Runs everything on the processor; maps are float32 whatever the network runs in."""

    name = "cpu"

    def __init__(self, precision: str = "auto", plan: RuntimePlan | None = None) -> None:
        """Choose how the network is run.

        Args:
            precision: auto, fp32 or int8.
            plan: the runtime; None: torch.

        Raises:
            DeviceUnavailable: the processor does not run in this precision.
        """
        if precision not in ("auto", "fp32", "int8"):
            raise DeviceUnavailable(
                f"the CPU runs the network in fp32 or int8, not {precision!r}: "
                "use engine.precision auto, fp32 or int8"
            )
        self.precision = "fp32" if precision == "auto" else precision
        self.runtime = "torch"
        self.torch_device = torch.device("cpu")
        self.description = _processor_name()
        self._plan = replace(plan or RuntimePlan(), precision=self.precision)

    @property
    def best_batch(self) -> int:
        """One: a larger batch does not make better use of the cores, it only waits."""
        return 1

    def prepare(self, network: torch.nn.Module) -> Network:
        """The network in the runtime that was asked for; `runtime` names it from then on."""
        self.runtime, prepared = prepare(network, self._plan)
        return prepared

    def lane(self) -> CpuLane:
        """A new lane."""
        return CpuLane()


class CpuLane(NothingHeld):
    """One batch; on the CPU nothing is in flight, each call returns when its work is done."""

    def __init__(self) -> None:
        self._peaks: Peaks | None = None
        self._blocks = compiled_blocks()
        self._bounds: Bounds | None = None  # of the batch whose heat is not written out

    def warp(
        self,
        pixels: Sequence[NDArray[np.uint8]],
        affines: Sequence[NDArray[np.float64]],
        size: tuple[int, int],
        *,
        mirror: bool,
    ) -> Tensor:
        """See `device.Lane.warp`. The result is channels last."""
        batch = np.empty((len(pixels) * (2 if mirror else 1), size[1], size[0], 3), np.float32)
        for row, image, affine in zip(batch, pixels, affines, strict=False):
            # Bytes are warped, then normalised: the reference's border is black, not mean grey.
            warped = np.asarray(cv2.warpAffine(image, affine, size), np.uint8)
            if self._blocks:
                self._blocks.normalise(warped, _TABLE, row)
            else:
                cv2.LUT(warped, _BYTES, dst=row)
        if mirror:
            batch[len(pixels) :] = batch[: len(pixels), :, ::-1]
        return torch.from_numpy(batch).permute(0, 3, 1, 2)

    def run(self, network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
        """See `device.Lane.run`."""
        with torch.inference_mode():
            return network(x)

    def aggregate(
        self,
        passes: Sequence[Pass],
        size: tuple[int, int],
        mirror: Sequence[int] | None,
        *,
        two_step: bool,
    ) -> Maps:
        """See `device.Lane.aggregate`."""
        maps = [(p.scale, p.low.numpy(), p.high.numpy()) for p in passes]
        if self._blocks and len(maps) == 1 and not mirror and not two_step:
            _, low, high = maps[0]
            lazy = NetworkMaps.fitting(low, high, size)
            if lazy:
                self._bounds = self._blocks.look_at(lazy)
                return lazy
        heat, tag = cpu_decode.aggregate(maps, size, mirror, two_step)
        return Maps(torch.from_numpy(heat), torch.from_numpy(tag))

    def find_peaks(self, maps: Maps, *, radius: int, threshold: float, most: int) -> None:
        """See `device.Lane.find_peaks`."""
        if self._bounds and self._bounds.maps is maps and self._bounds.maps.unread(radius):
            self._peaks = cpu_sparse.find_peaks(self._bounds, radius, threshold, most)
        else:
            self._peaks = cpu_decode.find_peaks(
                maps.heat.numpy(), maps.tag.numpy(), radius, threshold, most
            )

    def peaks(self) -> Peaks:
        """See `device.Lane.peaks`."""
        assert self._peaks is not None, "find_peaks comes first"
        return self._peaks

    def group_peaks(
        self, order: Sequence[int], *, tag_distance: float, ignore_too_much: bool
    ) -> None:
        """See `device.Lane.group_peaks`; the host groups."""

    def groups(self) -> Groups | None:
        """See `device.Lane.groups`."""
        return None

    def refine(self, maps: Maps, groups: Groups, placing: Placing) -> Joints:
        """See `device.Lane.refine`."""
        if self._bounds and self._bounds.maps is maps and self._bounds.maps.unread():
            return cpu_sparse.refine(self._bounds, groups, placing)
        return cpu_decode.refine(maps.heat.numpy(), maps.tag.numpy(), groups, placing)


def _processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


_BYTES = normalised_bytes()
_TABLE = np.ascontiguousarray(_BYTES[0].T)  # (3, 256)
