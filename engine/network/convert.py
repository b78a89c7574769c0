"""Names of network parameters: mmpose's and the original release's to ours, and back.

Pure functions on dictionaries of tensors; nothing here touches a file. Ours are the original
repository's names, without the prefixes that training scripts and mmpose put before them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import torch
from torch import Tensor

from engine.errors import WeightsError
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES, Sizes

# DataParallel adds "module.", the original repository's half-precision training adds "1.".
_WRAPPED = re.compile(r"^(?:module\.|1\.)+")
_MMPOSE = re.compile(r"^(?:backbone|keypoint_head)\.")
_HEAD = ("final_layers.", "deconv_layers.")
# A training checkpoint keeps its best parameters beside the newest: those are the ones to use.
_WRAPPERS = ("best_state_dict", "state_dict")
_COUNTER = ".num_batches_tracked"


def unwrap(content: object) -> dict[str, Tensor]:
    """Find the parameters in whatever a checkpoint file held.

    Raises:
        WeightsError: there is no dictionary of tensors inside.
    """
    if isinstance(content, Mapping):
        for wrapper in _WRAPPERS:
            if isinstance(content.get(wrapper), Mapping):
                return unwrap(content[wrapper])
        if content and all(isinstance(value, Tensor) for value in content.values()):
            return {str(key): value for key, value in content.items()}
    raise WeightsError("it is no checkpoint: it holds no dictionary of parameters")


def to_ours(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip the prefixes of mmpose 0.x and of training wrappers from every name.

    Raises:
        WeightsError: two names become one.
    """
    ours = {_MMPOSE.sub("", _WRAPPED.sub("", key)): tensor for key, tensor in state.items()}
    if len(ours) != len(state):
        twice = len(state) - len(ours)
        raise WeightsError(f"{twice} parameters are there twice, under different prefixes")
    return ours


def to_mmpose(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give our names the prefixes of mmpose 0.x."""
    return {f"{_mmpose_part(key)}.{key}": tensor for key, tensor in state.items()}


def _mmpose_part(key: str) -> str:
    return "keypoint_head" if key.startswith(_HEAD) else "backbone"


@cache
def shapes_of(sizes: Sizes) -> dict[str, tuple[int, ...]]:
    """Name -> shape of everything a network of these sizes stores."""
    with torch.device("meta"):
        network = HigherHRNet(sizes)
    return {key: tuple(tensor.shape) for key, tensor in network.state_dict().items()}


@dataclass(frozen=True, slots=True)
class Differences:
    """What keeps a state dictionary from fitting a network."""

    missing: list[str]
    unexpected: list[str]
    misshapen: list[str]  # with both shapes in the text

    def __len__(self) -> int:
        return len(self.missing) + len(self.unexpected) + len(self.misshapen)

    def __str__(self) -> str:
        parts = (
            (self.missing, "missing"),
            (self.unexpected, "unexpected"),
            (self.misshapen, "of another shape"),
        )
        return "; ".join(f"{len(keys)} {what}: {_first(keys)}" for keys, what in parts if keys)


def _first(keys: Sequence[str], most: int = 3) -> str:
    return ", ".join(keys[:most]) + (", …" if len(keys) > most else "")


def differences(state: Mapping[str, Tensor], sizes: Sizes) -> Differences:
    """Compare our names and shapes with what a network of these sizes needs."""
    needed = shapes_of(sizes)
    return Differences(
        missing=[key for key in needed if key not in state],
        unexpected=[key for key in state if key not in needed],
        misshapen=[
            f"{key} is {tuple(state[key].shape)}, not {shape}"
            for key, shape in needed.items()
            if key in state and tuple(state[key].shape) != shape
        ],
    )


def with_counters(state: Mapping[str, Tensor], sizes: Sizes) -> dict[str, Tensor]:
    """Add the batch norms' step counters that old PyTorch did not store; nothing reads them."""
    absent = {
        key: torch.zeros((), dtype=torch.int64)
        for key in shapes_of(sizes)
        if key.endswith(_COUNTER) and key not in state
    }
    return {**state, **absent}


def closest_network(state: Mapping[str, Tensor]) -> str:
    """Name of the known network whose parameters' names and shapes differ least from these."""
    return min(SIZES, key=lambda name: len(differences(state, sizes_for(name, state))))


def sizes_for(network: str, state: Mapping[str, Tensor]) -> Sizes:
    """Sizes of a known network, for as many keypoints as the state's last layer predicts.

    Raises:
        WeightsError: the network is unknown.
    """
    if network not in SIZES:
        raise WeightsError(f"unknown network {network!r}; use one of {', '.join(SIZES)}")
    last = state.get("final_layers.1.weight")
    if last is None or last.ndim != 4:
        return SIZES[network]
    return replace(SIZES[network], keypoints=last.shape[0])


def check_and_fill(state: Mapping[str, Tensor], sizes: Sizes, network: str) -> dict[str, Tensor]:
    """Return the state as the network stores it, in single precision.

    Raises:
        WeightsError: it does not fit, or holds values that are not finite.
    """
    if any(key.startswith("stage4.") for key in state) and not any(
        key.startswith(_HEAD) for key in state
    ):
        raise WeightsError(
            "it is a backbone without the pose head (such as ImageNet pre-training): "
            "use a checkpoint trained for pose"
        )
    state = with_counters(state, sizes)
    if found := differences(state, sizes):
        raise WeightsError(f"it does not fit HigherHRNet {network}; keys {found}")
    single = {key: _single(key, tensor) for key, tensor in state.items()}
    # NumPy: waking PyTorch's threads for each of 1810 tensors takes seconds on a busy machine.
    spoilt = [key for key, tensor in single.items() if not np.isfinite(tensor.numpy()).all()]
    if spoilt:
        raise WeightsError(f"{len(spoilt)} tensors hold NaN or infinity: {_first(spoilt)}")
    return single


def _single(key: str, tensor: Tensor) -> Tensor:
    # A copy: the tensors of a safetensors file would otherwise stay bound to the file.
    kind = torch.int64 if key.endswith(_COUNTER) else torch.float32
    return tensor.detach().to("cpu", kind, copy=True)
