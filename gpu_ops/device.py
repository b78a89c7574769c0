"""The contract between the engine and a device: shapes, tie rules and exactness.

`cpu.py` defines what every operation means; `cuda.py` must agree. From bit-identical inputs every
device picks the same cells (peaks, best cells) and gathers the same values; interpolated values
may differ by 1e-5. Ties go to the first cell in raster order.

Names of dimensions: B images, K keypoint types, M peaks per heatmap, T tags per joint (2 with the
mirrored pass, else 1), P people of all images of a batch; H, W cells of the aggregated heatmap,
which are pixels of the network input at the base scale; h, w cells of the stride-4 tag maps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Network = Callable[[Tensor], tuple[Tensor, Tensor]]


class DeviceUnavailable(RuntimeError):
    """The device or precision asked for is not on this machine; the text says what to do."""


class DeviceFailure(RuntimeError):
    """The device stopped working in the middle of an operation; the text names it."""


class OutOfMemory(DeviceFailure):
    """The device has too little memory for this batch; a smaller one may fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Pass:
    """What the network put out at one scale, on the device."""

    scale: float
    low: Tensor  # (B, 2K, h, w), with a mirrored pass (2B, 2K, h, w): mirrored images last
    high: Tensor  # (B, K, 2h, 2w) or (2B, K, 2h, 2w)


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """What decoding reads; stays on the device."""

    heat: Tensor  # (B, K, H, W) float32, aggregated over stages, mirror and scales
    tag: Tensor  # (B, T, K, h, w) float32, at any resolution: sampled bilinearly to (H, W)


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """The best local maxima of every heatmap, on the host, sorted by score."""

    cell: NDArray[np.int32]  # (B, K, M) flat index y * W + x; -1 fills up
    score: NDArray[np.float32]  # (B, K, M) heatmap response; 0 fills up
    tag: NDArray[np.float32]  # (B, K, M, T)


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """People as grouped peaks, on the host; all images of a batch one after another."""

    image: NDArray[np.int32]  # (P,) index of the image in the batch
    cell: NDArray[np.int32]  # (P, K) flat index of the joint's peak; -1 where there is none
    tag: NDArray[np.float32]  # (P, T) mean tag of the person's peaks


@dataclass(frozen=True, slots=True, eq=False)
class Joints:
    """People with coordinates, on the host."""

    xy: NDArray[np.float32]  # (P, K, 2) heatmap cells; (0, 0) where there is no joint
    score: NDArray[np.float32]  # (P, K) heatmap response; 0 where there is no joint


@dataclass(frozen=True, slots=True)
class Placing:
    """How joints get their coordinates; the defaults are the paper's."""

    adjust: bool = True  # towards the higher neighbour
    reach: int = (
        0  # cells, 0 to 2: a parabola through the heat so far to both sides; 0: a quarter cell
    )
    fill: bool = True  # look for joints that were not grouped
    tolerance: float = 0.0  # of tags there; 0: their distance is rounded


class NothingHeld:
    """The `with` block of a device or lane that has nothing to make current or to release."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


class Lane(AbstractContextManager["Lane", None], Protocol):
    """Everything one batch needs from upload to download.

    In its `with` block the lane's stream is current, after it the previous one is again.
    """

    def warp(
        self,
        pixels: Sequence[NDArray[np.uint8]],
        affines: Sequence[NDArray[np.float64]],
        size: tuple[int, int],
        *,
        mirror: bool,
    ) -> Tensor:
        """Bring images into the network's input.

        Args:
            pixels: B arrays (H, W, 3) uint8 RGB, of any sizes.
            affines: B matrices (2, 3) from image to input pixel indices.
            size: (W, H) of the input.
            mirror: append the B mirrored inputs.

        Returns:
            (B, 3, H, W) or (2B, 3, H, W) on the device, bilinear, black outside the image, divided
            by 255 and normalised with the ImageNet mean and deviation.
        """

    def run(self, network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
        """The network's low and high maps of x."""

    def aggregate(
        self,
        passes: Sequence[Pass],
        size: tuple[int, int],
        mirror: Sequence[int] | None,
        *,
        two_step: bool,
    ) -> Maps:
        """Average stages, mirrored passes and scales into maps of size (W, H).

        Args:
            passes: one per scale, in descending order of scale.
            size: (W, H) of the result.
            mirror: keypoint permutation of the mirrored pass; None if there was no such pass.
            two_step: upsample stage 1 to stage 2 before averaging, as mmpose 0.6 did.
        """

    def find_peaks(self, maps: Maps, *, radius: int, threshold: float, most: int) -> None:
        """Start looking for the best `most` local maxima of every heatmap.

        A peak is above `threshold` (compared as float64) and not smaller than any cell within
        `radius`. Of equal neighbours both are peaks; equal scores are ordered by raster order.
        """

    def peaks(self) -> Peaks:
        """Wait for the peaks."""

    def group_peaks(
        self, order: Sequence[int], *, tag_distance: float, ignore_too_much: bool
    ) -> None:
        """Start grouping the peaks into people, if the device does that; see `groups`.

        Args:
            order: the K keypoint types in the order of matching.
            tag_distance: tags closer than this belong together.
            ignore_too_much: match candidates as mmpose 0.6 did.
        """

    def groups(self) -> Groups | None:
        """Wait for the people; None where the host has to group the peaks."""

    def refine(self, maps: Maps, groups: Groups, placing: Placing) -> Joints:
        """Give joints coordinates, and look for those that were not grouped.

        A joint at cell (x, y) goes to (x + 0.5, y + 0.5), with `adjust` moved by 0.25 towards the
        higher neighbour (ties go to the negative side); with a `reach` to the top of the parabola
        through the heat there and `reach` cells to both sides, at most reach / 2 away, and not at
        all where it has no top. Beyond an edge the heat is that at the edge.

        With `fill` a missing joint is placed on the first cell, in raster order, that is worth
        most, if the heat there is above 0; its score is the heat. At a distance d from the
        person's tag a cell is worth heat - round_half_even(d), or with a `tolerance`
        heat * (1 - (d / tolerance)^2)^2 and from the tolerance on nothing; then it is absent
        where no cell is worth more than 0, and its score is the worth: how surely it is theirs.
        """


class Device(AbstractContextManager["Device", None], Protocol):
    """Where tensors live and operations run. Opened, used and closed by one thread.

    At the end of its `with` block it releases what it holds.
    """

    name: str  # cpu, cuda:0
    description: str  # for people: the processor or the card
    precision: str  # of the network: fp32, fp16, bf16, int8
    runtime: str  # what runs the network: torch, openvino, onnxruntime
    torch_device: torch.device

    def prepare(self, network: torch.nn.Module) -> Network:
        """The network in the form that is fastest here. The argument may be changed."""

    def lane(self) -> Lane:
        """A new lane."""

    @property
    def best_batch(self) -> int:
        """Best number of frames per call when latency does not matter."""
