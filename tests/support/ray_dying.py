"""A task that kills its worker the first time, on real Ray: ray_dying.py MARK."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from pathlib import Path

from app.cluster.connection import LOCAL, RayExecutor, connected
from app.cluster.work import Call
from engine.settings import Settings


def die_once(mark: str) -> str:
    """The first time, and not again once MARK is there."""
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


def main() -> None:
    # By the name under which a worker imports this file: the script's folder is on its path.
    task = importlib.import_module(Path(__file__).stem).die_once
    with connected(LOCAL):
        executor = RayExecutor(Settings().cluster, on_gpu=False)
        handle = executor.start(Call("die", task, (sys.argv[1],)))
        while not executor.wait([handle], 1.0):
            pass
        print(executor.answer(handle), flush=True)
        time.sleep(3)  # what Ray has to say comes later


if __name__ == "__main__":
    main()
