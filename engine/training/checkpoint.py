"""Files of a training run: the state it resumes from and the weights it delivers."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from engine.errors import WeightsError
from engine.files import whole
from engine.network import storage
from engine.network.higher_hrnet import HigherHRNet
from engine.skeleton import Skeleton

_VERSION = 1


def save_state(file: Path, state: Mapping[str, object]) -> None:
    """Write a training state; a crash in the middle leaves the previous one.

    Raises:
        OutputError: it cannot be written.
    """
    with whole(file) as part:
        torch.save({**state, "version": _VERSION}, part)


def load_state(file: Path) -> dict[str, Any]:
    """Read what `save_state` wrote.

    Raises:
        WeightsError: there is none, or it is damaged.
    """
    try:
        if zipfile.ZipFile(file).testzip() is not None:  # torch itself does not check the sums
            raise _damaged(file)
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"{file}: no training state to resume from; start without it") from error
    except (
        *(zipfile.BadZipFile, RuntimeError, EOFError, ValueError, LookupError, OSError),
        pickle.UnpicklingError,
    ) as error:
        raise _damaged(file) from error
    if not isinstance(state, dict) or state.get("version", _VERSION) != _VERSION:
        raise WeightsError(
            f"{file}: this training state is of another version of posestream; "
            "start over in another folder, or with --force"
        )
    return state


def _damaged(file: Path) -> WeightsError:
    return WeightsError(
        f"{file}: the training state is damaged; start over in another folder, or with --force"
    )


def export(
    file: Path,
    network: HigherHRNet,
    *,
    name: str,
    skeleton: Skeleton,
    input_size: int,
    trained: str,
    half: bool = True,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write weights that say themselves which network they belong to.

    Args:
        file: the safetensors file; it appears complete or not at all.
        network: in the state to deliver.
        name: of the network in the table of sizes.
        skeleton: the keypoints, in channel order.
        input_size: short side of the input it was finished for, pixels.
        trained: what it was trained on and for how long, for people.
        half: store float16; loading returns to float32.
        notes: more text for the file's header.
    """
    state = {
        # A variance may be larger than float16 can be, and all of them together are small.
        key: value.half() if half and value.is_floating_point() and "running" not in key else value
        for key, value in network.state_dict().items()
    }
    storage.write(
        file,
        state,
        network=name,
        sizes=network.sizes,
        skeleton=skeleton,
        input_size=input_size,
        trained=trained,
        **(notes or {}),
    )
