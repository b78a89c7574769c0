"""Mode: COCO-format keypoints -> a checkpoint, from random weights or another checkpoint's."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import OutputError, SettingsError
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES
from engine.network.weights import load_checkpoint
from engine.skeleton import Skeleton
from engine.training.annotations import load_annotations
from engine.training.checkpoint import export
from engine.training.curriculum import fine_tuning, from_nothing
from engine.training.dataset import Batches
from engine.training.loop import (
    Progress,
    Recipe,
    Trainer,
    choose_device,
    join_ranks,
    rank,
    resume,
    train,
)
from engine.training.measure import Exam, open_exam
from engine.training.start import adopt, initialise

RANDOM = "random"  # instead of a checkpoint: begin with random weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What is to be trained, on what, and for how long."""

    annotations: tuple[Path, ...]  # COCO keypoint files, of the same keypoints
    images: tuple[Path, ...]  # the folder of each
    out: Path  # folder for weights.safetensors, state.pt and progress.ndjson
    weights: str = "compact"  # to begin with: a name, a file, or "random"
    network: str = "compact"  # for random weights: a row of the table of sizes
    steps: int = 20_000
    batch: int = 16
    input_size: int = 256  # short side, pixels
    learning_rate: float | None = None  # None: 1e-3 from random weights, a fifth of it otherwise
    exam_annotations: Path | None = None  # images kept out of training, to measure AP on
    exam_images: Path | None = None
    resume: bool = False  # continue the run in `out`
    device: str = "auto"
    workers: int = 0  # processes that prepare batches
    seed: int = 0
    save_every: int = 1000  # steps


def command(
    annotations: Annotated[
        list[Path], typer.Option(help="A COCO keypoint file; repeat it to mix data sets.")
    ],
    images: Annotated[list[Path], typer.Option(help="The folder of its images, in that order.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    weights: Annotated[
        str, typer.Option(help="To begin with: a name, a file, or 'random'.")
    ] = "compact",
    network: Annotated[str, typer.Option(help="For random weights: compact, w32 or w48.")] = (
        "compact"
    ),
    steps: Annotated[int, typer.Option(help="Steps of the whole run.")] = 20_000,
    batch: Annotated[int, typer.Option(help="Views per step.")] = 16,
    input_size: Annotated[int, typer.Option(help="Short side in pixels, a multiple of 32.")] = 256,
    learning_rate: Annotated[
        float | None, typer.Option(help="Default: 1e-3 from random weights, else 2e-4.")
    ] = None,
    dev_annotations: Annotated[
        Path | None, typer.Option(help="A COCO keypoint file to measure AP on while training.")
    ] = None,
    dev_images: Annotated[Path | None, typer.Option(help="The folder of its images.")] = None,
    resume: Annotated[bool, typer.Option(help="Continue the run in the --out folder.")] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    workers: Annotated[int, typer.Option(help="Processes that prepare views.")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed gives another run.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between two checkpoints.")] = 1000,
) -> None:
    """Train on keypoints in COCO format; `torchrun` shares the work among processes or GPUs."""
    file = run(
        Job(
            annotations=tuple(annotations),
            images=tuple(images),
            out=out,
            weights=weights,
            network=network,
            steps=steps,
            batch=batch,
            input_size=input_size,
            learning_rate=learning_rate,
            exam_annotations=dev_annotations,
            exam_images=dev_images,
            resume=resume,
            device=device,
            workers=workers,
            seed=seed,
            save_every=save_every,
        )
    )
    print(f"the weights are in {file}; use them with --weights {file}")


def run(job: Job, say: Callable[[str], None] = print) -> Path:
    """Train, and return the file with the weights.

    Raises:
        PoseError: something the user gave cannot be used.
    """
    _check(job)
    device = join_ranks(choose_device(job.device))
    sources = [load_annotations(*pair) for pair in zip(job.annotations, job.images, strict=True)]
    skeleton = sources[0].skeleton
    exam = _exam(job)
    plan = from_nothing if job.weights == RANDOM else fine_tuning
    here, ranks = rank()
    say = say if here == 0 else _silent
    batches = Batches(
        sources,
        plan(job.steps, job.batch, job.input_size),
        seed=job.seed,
        rank=here,
        ranks=ranks,
    )
    name, network = _network(job, skeleton, say)
    trainer = Trainer(network, batches, _recipe(job), device)
    job.out.mkdir(parents=True, exist_ok=True)
    if job.resume:
        resume(trainer, job.out)
        say(f"continuing at step {trainer.step} of {job.steps}")
    people = sum(source.people for source in sources)
    say(f"{people} people with {len(skeleton)} keypoints, on {device}; results in {job.out}")
    train(
        trainer,
        job.out,
        workers=job.workers,
        report=lambda progress: _report(progress, job.out, say),
        saved=lambda trainer: _deliver(trainer, job, name, skeleton, exam, say),
    )
    return job.out / "weights.safetensors"


def _check(job: Job) -> None:
    if not job.annotations or len(job.annotations) != len(job.images):
        raise SettingsError(
            f"{len(job.annotations)} annotation files but {len(job.images)} image folders: "
            "give --annotations and --images in pairs"
        )
    if (job.exam_annotations is None) != (job.exam_images is None):
        raise SettingsError("to measure AP give both --dev-annotations and --dev-images")
    if job.input_size % 32 or job.input_size < 64:
        raise SettingsError(f"input size {job.input_size}: must be a multiple of 32 from 64 up")
    for name, value in (("steps", job.steps), ("batch", job.batch), ("save-every", job.save_every)):
        if value < 1:
            raise SettingsError(f"{name} is {value}, must be at least 1")
    if (job.out / "state.pt").exists() and not job.resume:
        raise OutputError(f"{job.out} holds a run already: add --resume, or choose another folder")


def _exam(job: Job) -> Exam | None:
    if job.exam_annotations is None or job.exam_images is None:
        return None
    return open_exam(job.exam_annotations, job.exam_images, job.input_size)


def _network(job: Job, skeleton: Skeleton, say: Callable[[str], None]) -> tuple[str, HigherHRNet]:
    if job.weights == RANDOM:
        if job.network not in SIZES:
            raise SettingsError(f"no network {job.network!r}; there are {', '.join(SIZES)}")
        sizes = replace(SIZES[job.network], keypoints=len(skeleton))
        return job.network, initialise(HigherHRNet(sizes), seed=job.seed)
    start = load_checkpoint(job.weights)
    sizes = replace(start.sizes, keypoints=len(skeleton))
    network = initialise(HigherHRNet(sizes), seed=job.seed)
    new = adopt(network, skeleton.names, start.network.state_dict(), start.skeleton.names)
    say(f"starting from {start.name}" + (f"; new to it: {', '.join(new)}" if new else ""))
    return start.network_name, network


def _recipe(job: Job) -> Recipe:
    default = 1e-3 if job.weights == RANDOM else 2e-4
    return Recipe(
        learning_rate=job.learning_rate or default,
        warm_up=min(500, job.steps // 10),
        save_every=job.save_every,
        report_every=min(100, job.save_every),
    )


def _report(progress: Progress, out: Path, say: Callable[[str], None]) -> None:
    say(str(progress))
    _note(out, asdict(progress))


def _deliver(
    trainer: Trainer,
    job: Job,
    name: str,
    skeleton: Skeleton,
    exam: Exam | None,
    say: Callable[[str], None],
) -> None:
    files = ", ".join(file.name for file in job.annotations)
    export(
        job.out / "weights.safetensors",
        trainer.averaged,
        name=name,
        skeleton=skeleton,
        input_size=job.input_size,
        trained=f"{trainer.step} steps of {job.batch} on {files}, from {job.weights}",
    )
    if exam is not None:
        ap = exam.ap(trainer.averaged, skeleton)
        say(f"step {trainer.step}: AP {ap:.3f} on {exam.truth.name}")
        _note(job.out, {"step": trainer.step, "ap": ap, "images": exam.truth.name})


def _silent(text: str) -> None:
    """What the other processes of a run say."""


def _note(out: Path, entry: dict[str, object]) -> None:
    with (out / "progress.ndjson").open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")
