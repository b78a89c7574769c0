"""A task that kills its worker the first time, on real Ray: ray_dying.py MARK."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from app.cluster.connection import LOCAL, RayExecutor, connected
from app.cluster.work import Call
from engine.settings import Settings


def main() -> None:
    mark = sys.argv[1]

    def die_once() -> str:  # Ray carries it to the worker, where this file is not importable
        if not Path(mark).exists():
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return "done"

    with connected(LOCAL):
        executor = RayExecutor(Settings().cluster, on_gpu=False)
        handle = executor.start(Call("die", die_once, ()))
        while not executor.wait([handle], 1.0):
            pass
        print(executor.answer(handle), flush=True)
        time.sleep(3)  # what Ray has to say comes later


if __name__ == "__main__":
    main()
