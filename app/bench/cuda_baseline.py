"""The two plain ways the CUDA benchmark is compared with, measured in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.bench.cuda_cases import CudaCases, network_maps, random_frames, random_network

if TYPE_CHECKING:
    from torch import Tensor

    from gpu_ops.cuda import CudaDevice


def baselines(device: CudaDevice, plan: CudaCases) -> dict[str, dict[int, float]]:
    """Ms per frame of the two plain ways, by number of people."""
    import torch

    from app.bench.plain import PlainLane
    from engine.decoding.decode import decode, decode_with
    from engine.geometry import fit

    frame = random_frames(1, plan.size)[0]
    placed = fit(frame.size, plan.size)
    results: dict[str, dict[int, float]] = {}
    for label, dtype, decoded in (
        ("eager fp32 network, plain decoding", torch.float32, partial(decode_with, PlainLane())),
        ("eager half network, our decoding on the CPU", torch.float16, decode),
    ):
        if dtype == torch.float16 and device.torch_device.type == "cpu":
            dtype = torch.float32  # the emulation, in tests
        network = random_network(plan.baseline).to(device.torch_device, dtype)
        results[label] = {}
        for people in plan.people:
            maps = network_maps(people, plan, 1)
            spent = [_plain_frame(network, frame.pixels, placed, maps, decoded) for _ in range(3)]
            results[label][people] = min(spent)
    return results


def _plain_frame(
    network: Any,
    pixels: NDArray[np.uint8],
    placed: Any,
    maps: tuple[Tensor, Tensor],
    decoded: Callable[..., object],
) -> float:
    """Milliseconds of one frame as most implementations do it: eager, maps copied to the host."""
    import torch
    import torch.nn.functional as F

    from app.bench.plain import plain_warp

    weight = next(network.parameters())
    w, h = placed.size
    given = [m.to(weight.device) for m in maps]
    began = time.perf_counter()
    with torch.inference_mode():
        x = plain_warp(pixels, placed.affine_at(), placed.size)
        network(x.to(weight.device, weight.dtype))
        low, high = (F.interpolate(m, (h, w), mode="bilinear") for m in given)
        heat = ((low[:, :17] + high) / 2)[0].cpu().numpy()
        tag = low[0, 17:, :, :, None].cpu().numpy()
    decoded(heat, tag)
    return (time.perf_counter() - began) * 1e3
