"""What people are called in formats that want a name, and the id that a name stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.reading.fields import LARGEST_ID

DESCRIPTION = "the person with id {}"  # of a PoseEstimation of NWB, whose name may be another


def person_name(number: int) -> str:
    """person03, as in the names of TRC files."""
    return f"person{number:02d}"


def person_names(ids: Iterable[int]) -> list[str]:
    """The name of each id."""
    return [person_name(number) for number in ids]


def id_of(name: str, position: int) -> int:
    """The number in a name such as person03 or track_7; else the position among all names."""
    match = re.fullmatch(r"[A-Za-z]*[ _-]?(\d{1,10})", name.strip())
    number = int(match.group(1)) if match else position
    return number if number <= LARGEST_ID else position


def ids_of(names: Sequence[str]) -> tuple[int, ...]:
    """An id for each name: the numbers in them, or their positions where two would be equal."""
    ids = tuple(id_of(name, n) for n, name in enumerate(names))
    return ids if len(set(ids)) == len(ids) else tuple(range(len(ids)))
