"""Many inputs at once on a machine without a GPU: worker processes with an engine each.

A worker keeps its network from one input to the next. If one dies – out of memory, say – the inputs
that went down with it are tried once more, each in a worker of its own, so the culprit is found and
nobody else is lost. Ctrl-C reaches the workers as it reaches everyone, and they finish their files.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack
from typing import Any, NamedTuple

from app.process.inputs import Job, Outputs
from app.process.one_input import process_one
from app.process.outcome import Outcome
from app.process.progress import Bars
from app.signals import Stop, stop_on_signal
from engine.settings import Settings

Opener = Callable[[Settings], AbstractContextManager[Any]]


class Task(NamedTuple):
    """One input with its files."""

    job: Job
    files: Outputs
    settings: Settings
    force: bool


def process_many(
    tasks: Sequence[Task], workers: int, open_estimator: Opener, stop: Stop
) -> Iterator[Outcome]:
    """Yield each input's report as it is done.

    Args:
        workers: processes at once; each gets its share of the cores.
        open_estimator: opens the network in a worker; must be picklable.
        stop: asked for by the user; what has not begun is left.
    """
    died: list[Task] = []
    settings = tasks[0].settings if tasks else Settings()
    with _pool(workers, open_estimator, settings) as pool:
        waiting = {pool.submit(_work, task): task for task in tasks}
        for done in as_completed(waiting):
            if stop.asked:
                _cancel(waiting)
            try:
                if not done.cancelled():
                    yield done.result()
            except BrokenProcessPool:
                died.append(waiting[done])
    for task in died:
        if not stop.asked:
            yield _alone(task, open_estimator)


def _alone(task: Task, open_estimator: Opener) -> Outcome:
    """An input in a worker of its own."""
    with _pool(1, open_estimator, task.settings) as pool:
        try:
            return pool.submit(_work, task).result()
        except BrokenProcessPool:
            return Outcome(
                task.job.source,
                error=f"{task.job.source}: the worker died twice, perhaps out of memory; "
                "run it again with fewer --workers to go on where it stopped",
            )


def _cancel(waiting: dict[Future[Outcome], Task]) -> None:
    for future in waiting:
        future.cancel()


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
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by torch when it is imported
    _Worker.estimator = _Worker.stack.enter_context(open_estimator(settings))


def _work(task: Task) -> Outcome:
    with Bars(None) as bars, stop_on_signal() as stop:
        return process_one(
            task.job, task.files, task.settings, _Worker.estimator, bars, stop, force=task.force
        )
