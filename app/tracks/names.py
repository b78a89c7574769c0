"""Names of output files: made from a source's name, and distinct where sources share one."""

from __future__ import annotations

import re
from collections.abc import Sequence


def distinct(names: Sequence[str]) -> list[str]:
    """The same names, the later of equal ones with a number: clip, clip-2. Case is ignored."""
    given: set[str] = set()
    wanted = {name.casefold() for name in names}
    found = []
    for name in names:
        number, free = 1, name
        while free.casefold() in given or (number > 1 and free.casefold() in wanted):
            number += 1
            free = f"{name}-{number}"
        given.add(free.casefold())
        found.append(free)
    return found


def file_name(source: str) -> str:
    """A file name for a source: the last part of its path or address, without odd characters."""
    last = source.rstrip("/").replace("\\", "/").rpartition("/")[2].partition("?")[0]
    stem = last.rpartition(".")[0] or last
    return re.sub(r"[^\w.-]+", "_", stem).strip("_.") or "source"
