"""What people are called in formats that want a name, and the id that a name stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable


def person_name(number: int) -> str:
    """person03, as in the names of TRC files."""
    return f"person{number:02d}"


def person_names(ids: Iterable[int]) -> list[str]:
    """The name of each id."""
    return [person_name(number) for number in ids]


def id_of(name: str, position: int) -> int:
    """The number in a name such as person03 or track_7; else the position among all names."""
    match = re.fullmatch(r"[A-Za-z]*[ _-]?(\d{1,9})", name.strip())
    return int(match.group(1)) if match else position
