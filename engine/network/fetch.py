"""Bring checkpoints to this machine: from the network, or from a file the user has."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DownloadError, WeightsError
from engine.fetching.download import Progress, download
from engine.files import sha256
from engine.network import storage
from engine.network.pins import pin, pinned
from engine.network.registry import Entry, cache_folder, known, registry
from engine.network.weights import Checkpoint, load_checkpoint

_NAME = re.compile(r"\w[\w+-]*")  # no dot and no slash: those make it a file


def fetch(
    name: str,
    *,
    folder: Path | None = None,
    progress: Progress | None = None,
    timeout: float = 30.0,
    pause: float = 1.0,
) -> Path:
    """Download a registered checkpoint, check its hash and convert it, each only once.

    Args:
        name: as in `weights list`.
        folder: where to keep it; None: the user's cache.
        progress: called with the bytes here and in all.
        timeout: s without a byte before it counts as a break.
        pause: s between attempts.

    Raises:
        WeightsError: it is unknown or cannot be fetched; the message names the url and the path
            where a file copied by hand belongs.
    """
    folder = folder or cache_folder()
    entry = known(name)
    stored = folder / entry.stored_as
    if stored.is_file():
        return stored
    raw = folder / entry.file
    if entry.url is None:
        raise WeightsError(_not_fetchable(entry))
    known_hash = pinned(folder, entry.name) or entry.sha256
    try:
        download(entry.url, raw, sha256=known_hash, progress=progress, timeout=timeout, pause=pause)
    except DownloadError as error:
        raise WeightsError(f"{error}; a copy of it made elsewhere belongs at {raw}") from error
    if entry.sha256:
        pin(folder, entry.name, sha256(raw))
    _store(load_checkpoint(raw, entry.network), entry.name, stored)
    raw.unlink()
    return stored


def _not_fetchable(entry: Entry) -> str:
    if entry.layout == "native":
        return f"weights {entry.name!r} ship with the program; there is nothing to fetch"
    return (
        f"weights {entry.name!r} cannot be fetched by a program: get {entry.file} from "
        f"{entry.source}, then `weights import {entry.file} --name {entry.name}`"
    )


def import_file(
    file: Path, name: str | None = None, *, folder: Path | None = None, replace: bool = False
) -> Path:
    """Check a checkpoint of the user's and keep it, converted, under a name.

    Args:
        file: of mmpose 0.x, of the original repository, or of ours.
        name: a registered name or a new one; None: the registered one it belongs to, else the
            file's name.
        folder: where to keep it; None: the user's cache.
        replace: overwrite what is there under this name.

    Raises:
        WeightsError: it cannot be used, is not what the name stands for, or the name is taken.
    """
    checkpoint = load_checkpoint(file)
    name = name or checkpoint.name
    _expect_free(name, checkpoint)
    stored = (folder or cache_folder()) / f"{name}.safetensors"
    if stored.exists() and not replace:
        raise WeightsError(f"there are weights named {name!r} already; use --name or --replace")
    _store(checkpoint, name, stored)
    return stored


def _expect_free(name: str, checkpoint: Checkpoint) -> None:
    if not _NAME.fullmatch(name):
        raise WeightsError(f"{name!r} cannot be a name: use letters, digits, '_', '+' and '-'")
    entry = registry().get(name)
    if entry is None:
        return
    if entry.layout == "native":
        raise WeightsError(f"{name!r} is the one that ships with the program; use another name")
    if entry.network != checkpoint.network_name:
        raise WeightsError(f"{name!r} is a {entry.network}, this is a {checkpoint.network_name}")
    if entry.sha256 and not (checkpoint.sha256 or "").startswith(entry.sha256):
        raise WeightsError(
            f"{checkpoint.path} is not {name!r}: its sha256 begins "
            f"{(checkpoint.sha256 or 'unknown')[: len(entry.sha256)]}, not {entry.sha256}; "
            "use another name"
        )


def _store(checkpoint: Checkpoint, name: str, stored: Path) -> None:
    notes = {"name": name, "source_file": checkpoint.path.name}
    if checkpoint.sha256:
        notes["source_sha256"] = checkpoint.sha256
    storage.write(
        stored,
        checkpoint.network.state_dict(),
        network=checkpoint.network_name,
        sizes=checkpoint.sizes,
        skeleton=checkpoint.skeleton,
        input_size=checkpoint.input_size,
        **notes,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Verified:
    """A checkpoint that loads, and what its bytes were compared with."""

    checkpoint: Checkpoint
    evidence: str  # for people


def verify(name_or_path: str | Path, folders: Sequence[Path] | None = None) -> Verified:
    """Load a checkpoint and compare its hash with the one published or stored with it.

    Raises:
        WeightsError: it is damaged or does not fit.
    """
    checkpoint = load_checkpoint(name_or_path, folders=folders)
    tensors, text = storage.read(checkpoint.path)
    entry = checkpoint.published
    evidence = []
    if entry and entry.sha256:  # loading has compared it
        evidence.append(f"sha256 of {entry.file} begins {entry.sha256} as published")
    if stored := text.get("tensors_sha256"):
        if storage.digest(tensors) != stored:
            raise WeightsError(
                f"the tensors in {checkpoint.path} have changed since it was written: fetch or "
                "import it again"
            )
        evidence.append("tensors unchanged since it was written")
    none = "loads, but there is no hash to compare with"
    return Verified(checkpoint, "; ".join(evidence) or none)
