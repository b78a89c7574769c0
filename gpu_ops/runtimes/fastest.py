"""`auto`: the runtime that is fastest for a network on this machine, measured once and kept."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from gpu_ops.device import DeviceUnavailable, Network
from gpu_ops.runtimes.cache import kept

log = logging.getLogger(__name__)

ROUNDS = 5
ENOUGH = 4.0  # seconds of measuring after which no further round is begun
WORTH = 0.97  # of torch's time that another runtime must stay below to be taken


def fastest(
    makers: Mapping[str, Callable[[], Network]], size: tuple[int, int], folder: Path, name: str
) -> tuple[str, Network]:
    """Open the fastest of several forms of a network.

    Args:
        makers: runtime -> what opens it; "torch" is among them.
        size: (W, H) of the input to measure with.
        folder: where the choice is kept.
        name: of the file it is kept in.

    Returns:
        the runtime's name and the network.
    """
    opened: dict[str, Network] = {}

    def choose(path: Path) -> None:
        log.warning("choosing the fastest runtime for this network, once on this machine")
        opened.update(_all_that_open(makers))
        times = measure(opened, torch.zeros(1, 3, size[1], size[0]))
        best = min(times, key=lambda runtime: times[runtime])
        if times[best] > WORTH * times["torch"]:
            best = "torch"
        path.write_text(json.dumps({"runtime": best, "seconds": times}), encoding="utf-8")

    chosen = _read(kept(folder, name, choose), makers)
    return chosen, opened.get(chosen) or makers[chosen]()


def _all_that_open(makers: Mapping[str, Callable[[], Network]]) -> dict[str, Network]:
    """Without the runtimes that cannot run this network: torch can."""
    opened = {}
    for runtime, make in makers.items():
        try:
            opened[runtime] = make()
        except DeviceUnavailable as error:
            if runtime == "torch":
                raise
            log.warning("%s", error)
    return opened


def _read(path: Path, makers: Mapping[str, Callable[[], Network]]) -> str:
    """The runtime in a file; torch where it names one that is no longer here."""
    try:
        chosen = json.loads(path.read_text(encoding="utf-8"))["runtime"]
    except (OSError, ValueError, KeyError, TypeError):
        return "torch"
    return str(chosen) if chosen in makers else "torch"


def measure(
    networks: Mapping[str, Network],
    x: Tensor,
    *,
    rounds: int = ROUNDS,
    enough: float = ENOUGH,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Best seconds of each network, taken in turn so that other work slows all of them alike.

    Args:
        x: the input of all.
        rounds: runs of each, after one to warm up.
        enough: seconds after which no further round is begun.
        clock: measures a run; `time.process_time` leaves out what other programs take.
    """
    times = dict.fromkeys(networks, float("inf"))
    began = 0.0
    for turn in range(rounds + 1):
        for name, network in networks.items():
            start = clock()
            with torch.inference_mode():
                network(x)
            if turn:  # the first warms up
                times[name] = min(times[name], clock() - start)
        began = began or time.perf_counter()
        if turn and time.perf_counter() - began > enough:
            break
    return times
