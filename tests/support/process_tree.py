"""Processes that a process started, and whether they are gone."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> list[int]:
    """The processes that a process and its children started."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError):
            parents[int(entry.name)] = int(
                (entry / "stat").read_text().rpartition(")")[2].split()[1]
            )
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def gone_after(pids: list[int], most: float) -> float | None:
    """Seconds until none of these processes is left; None: after `most` seconds one is."""
    began = time.monotonic()
    while time.monotonic() - began < most:
        if not any(alive(pid) for pid in pids):
            return round(time.monotonic() - began, 1)
        time.sleep(0.1)
    return None


def alive(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
