"""The kernels' wrappers: allocate, check, launch, nothing else. Launches do not wait.

All tensors are on the lane's device; the caller has made the lane's stream current. `launch` is
`CudaDriver.launch`, or its emulation in the tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gpu_ops.cpu_search import sharpness_of
from gpu_ops.cuda_maps import MOST_TAGS, TILE, Arguments, Heat, Tags
from gpu_ops.cuda_maps import with_numbers as numbers
from gpu_ops.device import Placing

MOST_PEAKS = 128  # of kernels/peaks.cu
MOST_RADIUS = 4  # of kernels/peaks.cu
MOST_JOINTS = 128  # group.cu sums at most so many tags in NumPy's order

# One image in warp.cu: from input to image pixel indices, its size, the address of its bytes.
IMAGE = np.dtype([("inverse", "6f8"), ("w", "i4"), ("h", "i4"), ("rgb", "u8")])


class Launch(Protocol):
    """Starts a kernel on the current stream."""

    def __call__(
        self,
        file: str,
        name: str,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        arguments: Arguments,
    ) -> None:
        """Start `name` of kernels/`file`."""


def inverse_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """(6,) inverse of a (2, 3) matrix, with the roundings of OpenCV, whose bytes we match."""
    (a, b, c), (d, e, f) = affine.tolist()  # Python's floats: NumPy's take ten times longer
    determinant = a * e - b * d
    scale = 1.0 / determinant if determinant else 0.0
    a, b, d, e = e * scale, b * -scale, d * -scale, a * scale
    return np.array((a, b, -a * c - b * f, d, e, -d * c - e * f))


def warp(launch: Launch, images: Tensor, count: int, normal: Tensor, x: Tensor) -> None:
    """Warp `count` images into x, (count, 3, H, W) or twice that with the mirrored ones last.

    Args:
        launch: see above.
        images: their descriptions, IMAGE records as bytes.
        count: B.
        normal: (3, 256) normalised bytes in the type of x.
        x: the network's input, of any memory format; every element is written.
    """
    n, _, h, w = x.shape
    assert n in (count, 2 * count), f"{n} inputs for {count} images"
    name = "warp_float" if x.element_size() == 4 else "warp_half"
    strides = numbers(x.stride(3), x.stride(1))
    launch(
        "warp.cu",
        name,
        (_blocks(w, 32), _blocks(h, 8), count),
        (32, 8),
        numbers(images, normal, x, w, h, count, int(n > count)) + strides,
    )


def fill_heat(
    launch: Launch, heat: Heat, out: Tensor, *, add: bool = False, scales: int = 1
) -> Tensor:
    """Write heat to out (B, K, H, W), or add it to what is there; then divide by `scales`."""
    w, h = heat.size
    launch(
        "heat.cu",
        "fill_heat",
        (_blocks(w, 32), _blocks(h, 8), heat.images * heat.joints),
        (32, 8),
        heat.arguments() + numbers(out, int(add), float(scales)),
    )
    return out


def mark_peaks(
    launch: Launch, heat: Heat, *, radius: int, lowest: np.float32
) -> tuple[Tensor, Tensor]:
    """Mark the local maxima of every heatmap that are at least `lowest`.

    Returns:
        marks (B * K, tiles, 32) int32, a bit per cell; tops (B * K, tiles) int64, the rank of the
        largest heat of each tile.
    """
    assert 0 <= radius <= MOST_RADIUS, f"radius must be at most {MOST_RADIUS}, got {radius}"
    w, h = heat.size
    maps = heat.images * heat.joints
    device = heat.high.device
    marks = torch.empty((maps, heat.tiles, TILE), dtype=torch.int32, device=device)
    tops = torch.empty((maps, heat.tiles), dtype=torch.int64, device=device)
    launch(
        "peaks.cu",
        "mark_peaks",
        (_blocks(w, TILE), _blocks(h, TILE), maps),
        (TILE, 8),
        heat.arguments() + numbers(radius, lowest, marks, tops),
    )
    return marks, tops


def best_peaks(
    launch: Launch,
    heat: Heat,
    marks: Tensor,
    tops: Tensor,
    *,
    lowest: np.float32,
    cell: Tensor,
    score: Tensor,
) -> None:
    """Write the best marked peaks to cell (B, K, M) int32 and score (B, K, M) float32."""
    most = cell.shape[2]
    assert most <= MOST_PEAKS, f"at most {MOST_PEAKS} peaks per heatmap are kept, asked for {most}"
    launch(
        "peaks.cu",
        "best_peaks",
        (heat.images * heat.joints,),
        (256,),
        heat.arguments() + numbers(marks, tops, heat.tiles, lowest, most, cell, score),
    )


def peak_tags(launch: Launch, tags: Tags, heat: Heat, cell: Tensor, tag: Tensor) -> None:
    """Write the tags at cell (B, K, M) to tag (B, K, M, T)."""
    most = cell.shape[2]
    maps = heat.images * heat.joints
    w, h = heat.size
    launch(
        "tags.cu",
        "peak_tags",
        (_blocks(tag.numel(), 128),),
        (128,),
        _tags(tags) + numbers(heat.joints, h, w, cell, maps, most, tag),
    )


def group_peaks(
    launch: Launch,
    peaks: Sequence[Tensor],
    order: Tensor,
    people: Sequence[Tensor],
    *,
    reach: float,
    most_known: int | None,
) -> None:
    """Group the peaks of every image into people.

    Args:
        launch: see above.
        peaks: cell (B, K, M), score (B, K, M), tag (B, K, M, T).
        order: (K,) int32 joints in the order of matching.
        people: count (B,) int32, cell (B, K * M, K) int32, tag (B, K * M, T), to be written.
        reach: tags closer than this belong together.
        most_known: only so many of the groups take part in matching; None: all.
    """
    images, joints, most, tags = peaks[2].shape
    assert joints <= MOST_JOINTS, f"at most {MOST_JOINTS} joints can be grouped, got {joints}"
    room = joints * most
    known = room if most_known is None else most_known
    size = min(room, max(most, known))
    floats, ints = room * (1 + joints * tags + tags), 5 * size + room

    # Held until the launch: an address alone does not keep memory from being given out again.
    scratch = [
        torch.empty((images, count), dtype=dtype, device=order.device)
        for count, dtype in (
            (size * size, torch.float64),
            (floats, torch.float32),
            (ints, torch.int32),
        )
    ]
    launch(
        "group.cu",
        "group_peaks",
        (images,),
        (128,),
        numbers(*peaks, order, joints, most, tags, np.float64(reach), known, size)
        + numbers(*scratch, *people),
    )


def tag_ranges(launch: Launch, tags: Tags, heat: Heat) -> Tensor:
    """(B * K, T, tiles, 2) the smallest and the largest tag of every tile."""
    maps = heat.images * heat.joints
    w, h = heat.size
    shape = (maps, tags.count, heat.tiles, 2)
    ranges = torch.empty(shape, dtype=torch.float32, device=tags.first.device)
    launch(
        "tags.cu",
        "tag_ranges",
        (_blocks(maps * tags.count * heat.tiles, 8),),
        (256,),
        _tags(tags) + numbers(heat.joints, h, w, maps, heat.tiles, ranges),
    )
    return ranges


def place_joints(
    launch: Launch,
    heat: Heat,
    tags: Tags,
    ranges: Tensor,
    tops: Tensor,
    people: Sequence[Tensor],
    found: Sequence[Tensor],
    *,
    placing: Placing,
) -> None:
    """Find the joints of all people of a batch.

    Args:
        launch: see above.
        heat: where the joints are.
        tags: of the joints.
        ranges: from `tag_ranges`.
        tops: from `mark_peaks`.
        people: image (P,) int32, cell (P, K) int32, tag (P, T) float32.
        found: xy (P, K, 2) and score (P, K), both float32, to be written.
        placing: see `device.Lane.refine`.
    """
    launch(
        "refine.cu",
        "place_joints",
        (heat.joints, len(people[0])),
        (256,),
        heat.arguments()
        + _tags(tags)
        + numbers(ranges, tops, heat.tiles, *people, int(placing.adjust), placing.reach)
        + numbers(int(placing.fill), sharpness_of(placing.tolerance), *found),
    )


def _tags(tags: Tags) -> Arguments:
    assert tags.count <= MOST_TAGS, f"at most {MOST_TAGS} tags per joint, got {tags.count}"
    return tags.arguments()


def _blocks(cells: int, per_block: int) -> int:
    return -(-cells // per_block)
