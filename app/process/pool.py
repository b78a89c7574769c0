"""Many inputs at once on a machine without a GPU: worker processes with an engine each.

A worker keeps its network from one input to the next. If one dies, for example out of memory, the
inputs being processed at that moment are tried once more, each in a worker of its own, so that the
cause is found; all others continue in new workers. Ctrl-C reaches the workers too, and they finish
their files. Workers whose parent has died end themselves.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from multiprocessing.connection import wait as wait_for
from typing import Any, NamedTuple

from app.process.inputs import Job
from app.process.one_input import alone, process_one
from app.process.outcome import Outcome
from app.process.outputs import Outputs
from app.process.progress import Bars
from app.signals import Stop, stop_on_signal
from engine.settings import Settings
from engine.sources.addresses import shown

Opener = Callable[[Settings], AbstractContextManager[Any]]
_ORPHANED = 3  # exit code of a worker without a parent


class Task(NamedTuple):
    """One input with its files."""

    job: Job
    files: Outputs
    settings: Settings
    force: bool


def process_many(
    tasks: Sequence[Task], workers: int, open_estimator: Opener, stop: Stop
) -> Iterator[Outcome]:
    """Yield the outcome of each input as it is done.

    Args:
        workers: processes at once; each gets its share of the cores.
        open_estimator: opens the network in a worker; must be picklable.
        stop: requested by the user; inputs that have not begun are left.
    """
    died: list[Task] = []
    waiting = deque(tasks)
    while waiting and not stop.asked:
        count = min(workers, len(waiting))
        with _pool(count, open_estimator, waiting[0].settings) as pool:
            died += yield from _until_broken(pool, count, waiting, stop)
    for task in died:
        if not stop.asked:
            yield _alone(task, open_estimator)


def _until_broken(
    pool: ProcessPoolExecutor, workers: int, waiting: deque[Task], stop: Stop
) -> Generator[Outcome, None, list[Task]]:
    """Work through the tasks; the return value is those in progress when a worker died.

    A worker that dies breaks the whole pool, so no task is handed over before a worker is free.
    """
    died: list[Task] = []
    running: dict[Future[Outcome], Task] = {}
    broken = False
    while running or (waiting and not broken and not stop.asked):
        while waiting and len(running) < workers and not broken and not stop.asked:
            try:
                running[pool.submit(_work, waiting[0])] = waiting[0]
                waiting.popleft()
            except BrokenProcessPool:  # a worker died between two tasks
                broken = True
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            task = running.pop(future)
            try:
                yield future.result()
            except BrokenProcessPool:
                broken = True
                died.append(task)
    return died


def _alone(task: Task, open_estimator: Opener) -> Outcome:
    """An input in a worker of its own."""
    with _pool(1, open_estimator, task.settings) as pool:
        try:
            return pool.submit(_work, task).result()
        except BrokenProcessPool:
            name = shown(task.job.source)
            return Outcome(
                name,
                error=f"{name}: the worker died twice, perhaps out of memory; "
                "run it again with fewer --workers to resume it",
            )


def _pool(workers: int, open_estimator: Opener, settings: Settings) -> ProcessPoolExecutor:
    # Not fork: the parent may have threads, and a forked lock is never released.
    context = multiprocessing.get_context("spawn")
    threads = max(1, (os.cpu_count() or 1) // workers)
    return ProcessPoolExecutor(workers, context, _begin, (open_estimator, settings, threads))


class _Worker:
    """What a worker process keeps: its engine."""

    estimator: Any = None
    stack = ExitStack()


def _begin(open_estimator: Opener, settings: Settings, threads: int) -> None:
    """Open the engine of this process, on its share of the cores."""
    threading.Thread(target=_end_with_parent, name="end with parent", daemon=True).start()
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by torch when it is imported
    _Worker.estimator = _Worker.stack.enter_context(open_estimator(settings))


def _end_with_parent() -> None:
    """End this process when its parent does, killed or not, or it would work on for nothing."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(_ORPHANED)


def _work(task: Task) -> Outcome:
    with Bars(None) as bars, stop_on_signal() as stop:
        arguments = (task.job, task.files, task.settings, _Worker.estimator, bars, stop)
        one = partial(process_one, *arguments, force=task.force)
        return alone(task.job, task.files, one)
