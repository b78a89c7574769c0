"""`process --cluster`: the inputs of one command on the machines of a Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from app.cluster import tasks
from app.cluster.connection import RayExecutor, Resources, Slots, connected, resources_now
from app.cluster.flow import Flow, process_input
from app.cluster.progress import Counter
from app.cluster.scheduler import Executor, Scheduler
from app.cluster.work import Call, EngineFacts, Failure, Opener, Work, address_of
from app.process.batch import open_default
from app.process.delivery import marked
from app.process.inputs import Job, passed_over, plan
from app.process.outcome import Outcome, Summary
from app.process.outputs import place
from app.process.progress import Bars
from app.signals import Stop, stop_on_signal
from engine.errors import DeviceError, PoseError
from engine.files import HIDDEN, make_folder
from engine.settings import Settings
from engine.sources.addresses import shown
from engine.sources.excerpt import WHOLE, Part
from engine.sources.stores import is_stored

if TYPE_CHECKING:
    from rich.console import Console

_LONG = 15.0  # s
_AHEAD = 2  # calls in flight per slot: the next one waits where a slot becomes free
_NOWHERE = Path("results")  # names local files that are made in a temporary folder and sent


def process_on_cluster(
    inputs: Sequence[str],
    out: str,
    settings: Settings,
    *,
    address: str,
    part: Part = WHOLE,
    force: bool = False,
    console: Console | None = None,
    quiet: bool = False,
    open_estimator: Opener = open_default,
) -> Summary:
    """Process every input on a cluster; the results are those of `process_files`.

    Args:
        out: a folder that all machines share, or the address of a stored one.
        address: of the cluster, or "local".
        open_estimator: opens the network in a worker; importable there.

    Other arguments as of `process_files`.

    Raises:
        PoseError: nothing at all can be done: no cluster, no weights, no folder to write to.
    """
    with connected(address) as resources:
        gpu = on_gpu(settings, resources)
        executor = RayExecutor(settings.cluster, on_gpu=gpu)
        slots = Slots(settings.cluster, on_gpu=gpu, look=resources_now)
        task = Task(tuple(inputs), out, settings, part, force, open_estimator)
        return run(task, executor, slots, Bars(console, quiet=quiet))


@dataclass(frozen=True, slots=True)
class Task:
    """The arguments of one command."""

    inputs: tuple[str, ...]
    out: str
    settings: Settings
    part: Part = WHOLE
    force: bool = False
    open_estimator: Opener = open_default


def run(
    task: Task, executor: Executor, slots: Callable[[], int], progress: Bars | None = None
) -> Summary:
    """Process every input by an executor.

    Args:
        slots: calls that run at once, at the time.
        progress: where it is shown; None: nowhere.
    """
    from engine.network.choice import suited

    task = replace(task, settings=suited(task.settings))
    jobs, problems = plan(task.inputs, task.part)
    summary = Summary([Outcome(shown(text), error=str(error)) for text, error in problems.items()])
    if not is_stored(task.out):
        make_folder(Path(task.out))
    shared = marked(address_of(task.out)) if jobs else ""
    with progress or Bars(None) as bars, stop_on_signal(bars.say, after="what is running") as stop:
        for note in passed_over(task.inputs):
            bars.say(note)
        for report in summary.reports:
            bars.done(report)
        opener, settings = task.open_estimator, task.settings
        facts = need_engine(executor, opener, settings, stop, bars.say) if jobs else None
        if facts is not None:
            bars.say(_about(facts, slots()))
            scheduler = Scheduler(executor, lambda: _AHEAD * slots(), Counter(bars, len(jobs)))
            flows: Iterator[Flow] = map(process_input, _works(jobs, task, facts, shared))
            for report in scheduler.run(flows, stop):
                summary.reports.append(report)
                bars.done(report)
        summary.interrupted = stop.asked
        bars.end(summary)
    return summary


def on_gpu(settings: Settings, resources: Resources) -> bool:
    """Whether tasks run the network on GPUs.

    Raises:
        DeviceError: the settings want one, and there is none.
    """
    device = settings.engine.device
    wanted = device.startswith("cuda")
    if wanted and not resources.gpus and not settings.cluster.slots:
        raise DeviceError(
            f"no machine of the cluster has a GPU, but the device is {device}; where they come on "
            "demand, say how many tasks to ask for: --set cluster.slots=16"
        )
    return wanted or (device != "cpu" and resources.gpus > 0)


def need_engine(
    executor: Executor,
    open_estimator: Opener,
    settings: Settings,
    stop: Stop,
    say: Callable[[str], None] = lambda text: None,
) -> EngineFacts | None:
    """Open the engine on one machine, which shows whether it can be, and describe it.

    Args:
        say: takes a line where it takes long.

    Returns:
        None where a stop was requested first: the cluster may have no free slot for hours.

    Raises:
        PoseError: it cannot be opened there.
    """
    arguments = (open_estimator, settings)
    call = Call("open the engine", tasks.describe_engine, arguments, engine=True)
    handle = executor.start(call)
    late = time.monotonic() + _LONG
    while not executor.wait([handle], 1.0):
        if stop.asked:
            executor.cancel([handle])
            return None
        if time.monotonic() > late:
            say("waiting for a machine of the cluster that has room and opens the network")
            late = float("inf")
    answer = executor.answer(handle)
    if isinstance(answer, Failure):
        raise PoseError(answer.text)
    assert isinstance(answer, EngineFacts)
    return answer


def _about(facts: EngineFacts, slots: int) -> str:
    checkpoint = facts.checkpoint
    return (
        f"{checkpoint.name} ({checkpoint.network_name}) at {facts.input_size} px "
        f"on {facts.device.name}, {slots} tasks at once"
    )


def _works(jobs: Sequence[Job], task: Task, facts: EngineFacts, shared: str) -> Iterator[Work]:
    address = address_of(task.out)
    deliver = address if is_stored(task.out) else None
    folder = Path(task.out) if deliver is None else _NOWHERE
    for job, files in zip(
        jobs, place(jobs, folder, task.settings.output, force=task.force), strict=True
    ):
        store = f"{address}/{HIDDEN}/{files.name}.parts"
        yield Work(
            *(job, files, store, shared, task.settings, facts, task.open_estimator),
            force=task.force,
            deliver=deliver,
        )
