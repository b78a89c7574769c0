"""Checkpoint files: reading any kind without running its code, writing ours.

Ours are safetensors with text beside the tensors: the format's name, the network, its sizes, the
keypoints. A `.pth` is a pickle, which may ask for any code to be run; it is read with
`weights_only=True` and refused if that is not enough.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_args

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from engine.errors import OutputError, WeightsError
from engine.files import whole
from engine.network.convert import unwrap
from engine.network.hrnet import Backbone, Sizes
from engine.reading.fields import Keypoints, Limb
from engine.reading.typed import from_json, typed
from engine.skeleton import COCO, Skeleton, skeleton_from_names

FORMAT = "posestream-1"
_NAME = re.compile(r"\w[\w.+-]{0,99}")
_DEEPEST = 64  # blocks or modules in a row
_VALUES: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])
_SIZES, _NAMES = TypeAdapter(Sizes), TypeAdapter[tuple[str, ...]](Keypoints)
_LIMBS = TypeAdapter(list[Limb])
_AGAIN = "copy or download it again"


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read the tensors of a checkpoint, under the names it has, and the text stored with them.

    Raises:
        WeightsError: there is no such file, or it is no checkpoint that can be read safely.
    """
    try:
        kind = _kind(path)
        return _read_safetensors(path) if kind == "safetensors" else (_read_pickle(path), {})
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from error
    except WeightsError as error:
        raise WeightsError(f"cannot use {path}: {error}") from error


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(64)
    if not head:
        raise WeightsError(f"the file is empty; {_AGAIN}")
    if head.startswith(b"PK\x03\x04"):
        if not zipfile.is_zipfile(path):
            raise WeightsError(f"the file is truncated; {_AGAIN}")
        return "pickle"
    # First the length of the header, lowest byte first: that may be the byte a pickle begins with.
    if head[6:9] == b"\0\0{":
        return "safetensors"
    if head.startswith(b"\x80"):
        return "pickle"
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise WeightsError("it is no checkpoint but a web page; download the file itself")
    raise WeightsError("it is no checkpoint (neither PyTorch nor safetensors)")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no dict)
            return tensors, dict(file.metadata() or {})
    except (SafetensorError, ValueError, TypeError, LookupError, RuntimeError) as error:
        raise WeightsError(
            f"the file is truncated or damaged ({error!s:.200}); {_AGAIN}"
        ) from error


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        wanted = re.search(r"(?:GLOBAL|function|class|type) ([\w.]+\.\w+)", str(error))
        if wanted is None:
            raise WeightsError(f"the file is damaged or no checkpoint; {_AGAIN}") from error
        raise WeightsError(
            f"the pickle wants to run code ({wanted[1]}) and is refused; where you trust it, save "
            "its 'state_dict' alone with torch.save"
        ) from error
    except Exception as error:
        raise WeightsError(f"the file is truncated or damaged; {_AGAIN}") from error
    return unwrap(content)


def write(
    path: Path,
    state: Mapping[str, Tensor],
    *,
    network: str,
    sizes: Sizes,
    skeleton: Skeleton = COCO,
    input_size: int,
    **notes: str,
) -> None:
    """Write a checkpoint of ours; the file takes its name when it is complete.

    Args:
        path: ends in .safetensors.
        state: our names; may be half precision.
        network: the name under which `sizes` is known, such as "w32".
        sizes: widths and depths.
        skeleton: the keypoints it was trained for.
        input_size: short side in pixels that suits it.
        notes: any other text to keep, such as `trained`.

    Raises:
        OutputError: the file cannot be written.
    """
    text = {
        **notes,
        "format": FORMAT,
        "network": network,
        "sizes": json.dumps(asdict(sizes)),
        "keypoints": json.dumps(skeleton.names),
        "limbs": json.dumps(skeleton.limbs),
        "input_size": str(input_size),
        "tensors_sha256": digest(state),
    }
    _save(path, state, text)


def add_notes(path: Path, **notes: str) -> None:
    """Store more text in a checkpoint of ours, or replace it; tensors and other text stay.

    Raises:
        WeightsError: it is no file of ours.
        OutputError: the file cannot be written.
    """
    tensors, text = read(path)
    if text.get("format") != FORMAT:
        raise WeightsError(f"cannot use {path}: only a file in this program's format has room")
    _save(path, tensors, {**text, **notes})


def _save(path: Path, state: Mapping[str, Tensor], text: dict[str, str]) -> None:
    # Strided tensors cannot be stored; a contiguous copy can.
    tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
    try:
        with whole(path) as part:
            # Not by `save_file`, whose files only their owner may read.
            part.write_bytes(save(tensors, text))
            _sort_metadata(part)
    except SafetensorError as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _sort_metadata(path: Path) -> None:
    """Put the header's text in order: the library writes it in any, so equal files would differ."""
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) > length:
            raise OutputError(f"cannot write {path}: its header grew from {length} bytes")
        file.seek(8)
        file.write(text.ljust(length))


def digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, types and values, so that a copy of the same tensors has the same."""
    total = hashlib.sha256()
    for key in sorted(state):
        tensor = state[key].detach().cpu().contiguous()
        total.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        total.update(tensor.view(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def stored_sizes(text: Mapping[str, str]) -> Sizes:
    """Sizes from the text of a file of ours.

    Raises:
        WeightsError: they are not there or not sizes.
    """
    place = "its metadata has no usable sizes"
    values = from_json(text.get("sizes", ""), _VALUES, place, WeightsError)
    if unknown := set(values) - {field.name for field in fields(Sizes)}:
        raise WeightsError(f"it has sizes this version does not know: {sorted(unknown)!s:.200}")
    if not {"width", "modules"} <= values.keys():
        raise WeightsError(f"{place}: width or modules is missing")
    sizes = typed(values, _SIZES, place, WeightsError)
    if not _possible(sizes):
        raise WeightsError(f"its metadata has impossible sizes: {text['sizes']:.300}")
    return sizes


def _possible(sizes: Sizes) -> bool:
    ours = sizes.backbone == "hrnet"  # the other backbone takes the place of stages 2 and 3
    others = {"modules", "coarser", "tag_slope", "backbone", "head"}
    numbers = [getattr(sizes, field.name) for field in fields(sizes) if field.name not in others]
    numbers += [*sizes.coarser, *(sizes.modules if ours else sizes.modules[2:])]
    return (
        sizes.backbone in get_args(Backbone)
        and len(sizes.modules) == 3
        and len(sizes.coarser) in (0, 3)
        and all(_whole(number) and number > 0 for number in numbers)
        and max(sizes.bottlenecks, sizes.blocks, sizes.head_blocks, *sizes.modules) <= _DEEPEST
        and _whole(sizes.head)
        and len(sizes.tag_slope) == 2
        and all(isinstance(slope, int | float) and abs(slope) < 10 for slope in sizes.tag_slope)
    )


def _whole(number: object) -> bool:
    return isinstance(number, int) and 0 <= number <= 4096


def stored_skeleton(text: Mapping[str, str]) -> Skeleton:
    """Keypoints and limbs from the text of a file of ours.

    Raises:
        WeightsError: they are not lists of names and of index pairs.
    """
    place = "its metadata has no usable keypoints"
    names = from_json(text.get("keypoints", ""), _NAMES, place, WeightsError)
    limbs = from_json(
        text.get("limbs", "[]"), _LIMBS, "its metadata has no usable limbs", WeightsError
    )
    if any(not 0 <= end < len(names) for limb in limbs for end in limb):
        raise WeightsError(f"its metadata has limbs beyond its {len(names)} keypoints")
    return skeleton_from_names(names, limbs)


def stored_name(text: Mapping[str, str]) -> str | None:
    """The name that a file of ours gives itself; None without one. It may become a folder's name.

    Raises:
        WeightsError: it is no name.
    """
    name = text.get("name")
    if name is not None and not _NAME.fullmatch(name):
        raise WeightsError(
            f"its metadata has the name {name!r:.80}: letters, digits, . _ + and - only"
        )
    return name


def stored_share(text: Mapping[str, str], key: str, default: float) -> float:
    """A number from 0 to 1 from the text of a file of ours.

    Raises:
        WeightsError: it is something else.
    """
    try:
        value = float(text.get(key, default))
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:  # also refuses NaN
        raise WeightsError(f"its metadata has {key} {text[key]!r:.80}: a number from 0 to 1 only")
    return value
