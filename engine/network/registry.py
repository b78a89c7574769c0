"""The table of known checkpoints, and where on this machine their files lie."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict

import assets
from engine.errors import WeightsError


class Accuracy(BaseModel):
    """COCO keypoint accuracy in [0, 1], as published; None where it was not."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    AP: float
    AP50: float | None = None
    AP75: float | None = None
    AR: float | None = None
    AR50: float | None = None


class Entry(BaseModel):
    """One row of assets/weights.toml."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    network: str
    input_size: int  # short side, pixels
    layout: Literal["mmpose", "official", "native"]
    file: str  # the file's name where it comes from
    licence: str
    source: str  # whose it is, for people
    url: str | None = None  # None: cannot be fetched
    sha256: str | None = None  # of the file, or as many first digits as are known
    megabytes: int | None = None  # of the file, to download
    single_scale: Accuracy | None = None  # mirrored pass averaged, scale 1
    multi_scale: Accuracy | None = None  # mirrored pass averaged, scales 2, 1, 0.5
    defaults: dict[str, Any] | None = None  # see engine.network.thresholds
    profiles: dict[str, float] | None = None  # AP of `engine.profile`s on the dev images
    dev: Accuracy | None = None  # measured by this project on its own dev images, scale 1

    @property
    def stored_as(self) -> str:
        """Name of the file after it was fetched or imported."""
        return f"{self.name}.safetensors"


@cache
def registry() -> dict[str, Entry]:
    """Name -> entry, in the order of the table."""
    table = tomllib.loads(assets.path("weights.toml").read_text(encoding="utf-8"))
    return {name: Entry(name=name, **row) for name, row in table.items()}


def cache_folder() -> Path:
    """Where fetched and imported checkpoints are kept."""
    return platformdirs.user_cache_path("posestream") / "weights"


def standard_folders(first: str | None = None) -> tuple[Path, ...]:
    """Where checkpoints are looked for, in order.

    Args:
        first: folders separated as in $PATH; None: those of $POSE_WEIGHTS. The environment is
            read here alone, so that every mode honours it.
    """
    if first is None:
        first = os.environ.get("POSE_WEIGHTS", "")
    extra = (Path(folder).expanduser() for folder in first.split(os.pathsep) if folder)
    return (*extra, cache_folder(), assets.path("weights"))


def find(name: str, folders: Sequence[Path]) -> Path:
    """Find the file of a registered or imported checkpoint.

    Raises:
        WeightsError: the name is unknown, or the file is not on this machine.
    """
    entry = registry().get(name)
    candidates = [f"{name}.safetensors", *([entry.file] if entry else [])]
    for folder in folders:
        for candidate in candidates:
            if (folder / candidate).is_file():
                return folder / candidate
    raise WeightsError(_unknown(name, folders) if entry is None else _absent(entry))


def known(name: str) -> Entry:
    """A row of the table.

    Raises:
        WeightsError: there is none of that name.
    """
    entry = registry().get(name)
    if entry is None:
        raise WeightsError(
            f"no weights named {name!r} in the table; it has {', '.join(registry())}"
        )
    return entry


def _unknown(name: str, folders: Sequence[Path]) -> str:
    return f"no weights named {name!r}, and no such file; known: {', '.join(names(folders))}"


def _absent(entry: Entry) -> str:
    if entry.url is None:
        return (
            f"weights {entry.name!r} are not on this machine and cannot be fetched: get "
            f"{entry.file} from {entry.source}, then `weights import {entry.file} "
            f"--name {entry.name}`"
        )
    return (
        f"weights {entry.name!r} are not on this machine: run `weights fetch {entry.name}`, "
        f"or put {entry.url} at {cache_folder() / entry.file}"
    )


def names(folders: Sequence[Path]) -> list[str]:
    """Every name that can be asked for: the table's, then what the user imported."""
    imported = {file.stem for folder in folders for file in folder.glob("*.safetensors")}
    return [*registry(), *sorted(imported - set(registry()))]
