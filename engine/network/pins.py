"""Full hashes of published files, kept after the first download.

Publishers give eight hexadecimal digits of a hash, which an attacker can match. So the whole hash
of the first file that matches them is kept in the user's cache, and every later download of the
same name must have it.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import TypeAdapter

from engine.errors import WeightsError
from engine.files import write_whole
from engine.reading.typed import from_json, read_bytes

NAME = "pinned.json"
_PINS = TypeAdapter(dict[str, str])


def pinned(folder: Path, name: str) -> str | None:
    """The SHA-256 that a published file must have; None before its first download.

    Raises:
        WeightsError: the file of hashes is damaged.
    """
    return _read(folder).get(name)


def pin(folder: Path, name: str, sha256: str) -> None:
    """Keep the hash of a file that was downloaded for the first time.

    Raises:
        WeightsError: the file of hashes is damaged, or another hash is kept already.
        OutputError: it cannot be written.
    """
    pins = _read(folder)
    if pins.setdefault(name, sha256) != sha256:
        raise WeightsError(
            f"{name} has the sha256 {sha256[:16]}…, but {pins[name][:16]}… was downloaded before: "
            f"the published file was replaced; if that is right, remove it from {folder / NAME}"
        )
    write_whole(folder / NAME, json.dumps(pins, indent=1, sort_keys=True).encode())


def _read(folder: Path) -> dict[str, str]:
    file = folder / NAME
    if not file.exists():
        return {}
    return from_json(read_bytes(file), _PINS, f"{file}: remove it, it is damaged", WeightsError)
