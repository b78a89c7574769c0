"""Mode: COCO-format keypoints -> a checkpoint, from random weights or another checkpoint's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.signals import INTERRUPTED
from app.train.run import TrainingJob, run
from engine.errors import SettingsError
from engine.network.movenet import BLOCKS

__all__ = ["TrainingJob", "command", "run"]


def command(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")],
    annotations: Annotated[
        list[Path] | None, typer.Option(help="A COCO keypoint file; repeat it to mix data sets.")
    ] = None,
    images: Annotated[
        list[Path] | None, typer.Option(help="The folder of its images, in that order.")
    ] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="A folder that `data pack` wrote; may be repeated.")
    ] = None,
    shares: Annotated[
        str | None,
        typer.Option(help="How often each data set is drawn, such as 3,1; default: by people."),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="To begin with: a name, a file, 'pretrained' or 'random'.")
    ] = "compact",
    network: Annotated[
        str, typer.Option(help="For random weights: shallow, w32 or w48; compact has none.")
    ] = ("shallow"),
    steps: Annotated[int, typer.Option(help="Steps of the whole run.")] = 20_000,
    batch: Annotated[int, typer.Option(help="Views (crops of pictures) per step.")] = 16,
    input_size: Annotated[
        int | None,
        typer.Option(help="Short side in pixels, a multiple of 32; default: the checkpoint's."),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Default: 1e-2 for new layers, else 1e-3.")
    ] = None,
    dev_annotations: Annotated[
        Path | None, typer.Option(help="A COCO keypoint file to measure AP on while training.")
    ] = None,
    dev_images: Annotated[Path | None, typer.Option(help="The folder of its images.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the run in --out.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Start over, whatever is in --out.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:1.")] = "auto",
    thaw: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=len(BLOCKS),
            help="The first block of the pretrained extractor that learns too; default: none does.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Extra processes that prepare views; 0: none.")] = 0,
    seed: Annotated[int, typer.Option(help="Another seed gives another run.")] = 0,
    save_every: Annotated[int, typer.Option(help="Steps between two checkpoints.")] = 1000,
    log: Annotated[
        Path | None, typer.Option(help="Folder for TensorBoard; needs the extra 'train'.")
    ] = None,
) -> None:
    """Train on keypoints in COCO format; `torchrun` shares the work among processes or GPUs."""
    job = TrainingJob(
        annotations=tuple(annotations or ()),
        images=tuple(images or ()),
        data=tuple(data or ()),
        shares=_numbers(shares) if shares else None,
        out=out,
        weights=weights,
        network=network,
        steps=steps,
        batch=batch,
        input_size=input_size,
        learning_rate=learning_rate,
        validation_annotations=dev_annotations,
        validation_images=dev_images,
        resume=resume,
        force=force,
        device=device,
        thaw=thaw,
        workers=workers,
        seed=seed,
        save_every=save_every,
        log=log,
    )
    try:
        file = run(job)
    except KeyboardInterrupt:
        typer.echo("stopped; what is finished is kept: the same with --resume continues", err=True)
        raise typer.Exit(INTERRUPTED) from None
    if file is not None:
        print(f"the weights are in {file}; use them with --weights {file}")


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"--shares takes numbers such as 3,1, got {text!r}") from error
