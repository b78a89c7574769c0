"""Seeded w32 and w48 parameters, equal to those the golden numbers were measured with.

Every tensor is drawn from a generator
seeded by its mmpose name. The last layers are scaled so that the maps look like a trained one's.
"""

from __future__ import annotations

import json
import math
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.network.convert import shapes_of, to_mmpose, to_ours
from engine.network.hrnet import SIZES
from tests.support.golden import GOLDEN

Doubles = NDArray[np.float64]
TRANSPOSED = "keypoint_head.deconv_layers.0.0.0.weight"


def _generator(text: str) -> np.random.RandomState:
    return np.random.RandomState(zlib.crc32(text.encode()))  # the recipe's seed 0


def seeded_state(network: Literal["w32", "w48"]) -> dict[str, Tensor]:
    """All 1810 tensors under mmpose's names."""
    return {key: tensor.clone() for key, tensor in _drawn(network).items()}


@lru_cache(maxsize=2)  # drawing takes seconds, and several test files need the same again
def _drawn(network: str) -> dict[str, Tensor]:
    table = json.loads((GOLDEN / f"calibration/{network}.json").read_text())
    ours = {key: torch.empty(shape) for key, shape in shapes_of(SIZES[network]).items()}
    return {key: _tensor(key, tuple(t.shape), table) for key, t in to_mmpose(ours).items()}


def _tensor(key: str, shape: tuple[int, ...], table: dict[str, list[float]]) -> Tensor:
    if key.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    values = np.array(table[key]) if key in table else _values(key, shape, table)
    return torch.from_numpy(values.astype(np.float32))


def _values(key: str, shape: tuple[int, ...], table: dict[str, list[float]]) -> Doubles:
    draw = _generator(key)
    if key.endswith("running_var"):
        return 0.5 + draw.random_sample(shape)
    if key.endswith(("running_mean", "bias")):
        return 0.1 * draw.standard_normal(shape)
    if len(shape) == 1:
        return 0.5 + 0.5 * draw.random_sample(shape)
    return _kernel(key, draw.standard_normal(shape), table)


def _kernel(key: str, z: Doubles, table: dict[str, list[float]]) -> Doubles:
    z -= z.mean(axis=(0, 2, 3) if key == TRANSPOSED else (1, 2, 3), keepdims=True)
    outputs_or_inputs, inputs, height, width = z.shape
    if key == TRANSPOSED:
        return z * math.sqrt(2 / (outputs_or_inputs * height * width / 4))
    if "final_layers" not in key:
        return z * math.sqrt(2 / (inputs * height * width))
    if ".final_layers.0." in key:
        # All tag maps follow one pattern, so that a person's joints get similar tags.
        q = _generator("tag_common").standard_normal((1, *z.shape[1:]))
        z[17:] = (q - q.mean()) + 0.05 * z[17:]
    gain = np.array(table[key.removesuffix("weight") + "gain"])
    return z / math.sqrt(inputs) * gain[:, None, None, None]


def seeded_checkpoint(
    network: Literal["w32", "w48"],
    path: Path,
    layout: Literal["mmpose", "original"] = "mmpose",
    *,
    legacy: bool = False,
) -> Path:
    """Write the seeded parameters as a .pth file, as mmpose 0.x or the original repository do.

    `legacy` uses the file format of PyTorch before 1.6, which the published files have.
    """
    state = seeded_state(network)
    content = (
        {"meta": {"epoch": 300}, "state_dict": state} if layout == "mmpose" else to_ours(state)
    )
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path
