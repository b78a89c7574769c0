"""Other ids in NDJSON tracks that are complete: two numbers of a recording became one person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.tracks.lines import encoded
from engine.files import whole


def renumber(path: Path, numbers: Mapping[int, int]) -> None:
    """Exchange ids of people and of notes; every other byte stays.

    Args:
        path: NDJSON tracks; as they were or renumbered at any moment, never in between.
        numbers: old id -> new id.

    Raises:
        OutputError: the file cannot be written; it is as it was.
    """
    ids = "|".join(map(str, numbers))
    concerned = re.compile(rf'"id":(?:{ids})[,}}]'.encode())
    with whole(path) as part, path.open("rb") as before, part.open("wb") as after:
        for line in before:
            after.write(_renumbered(line, numbers) if concerned.search(line) else line)


def _renumbered(line: bytes, numbers: Mapping[int, int]) -> bytes:
    value: dict[str, Any] = json.loads(line)
    for one in (value, *value.get("people", ())):
        if one.get("id") in numbers:
            one["id"] = numbers[one["id"]]
    return encoded(json.dumps(value, separators=(",", ":"), ensure_ascii=False))
