"""How accurate checkpoints are at several input sizes, beside what that costs, as a table.

    python -m engine.training.frontier compact runs/next/weights.safetensors \\
        --annotations dev.json --images dev --sizes 192 256 320 384 448

All of it goes through the program's own estimator, everybody counted as the paper measures. The
milliseconds are the fastest of several, so that a busy machine disturbs them least; measure them
on a quiet one all the same.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from engine.network.higher_hrnet import HigherHRNet
from engine.network.weights import Checkpoint, load_checkpoint
from engine.sources.coco_images import read_annotated
from engine.training.measure import ValidationSet, open_validation_set
from engine.types import Frame

SIZES = (192, 256, 320, 384, 448)
REPEATS = 15
COMMON = (640, 480)  # width and height of most COCO photographs, the ones that are timed


@dataclass(frozen=True, slots=True)
class Cost:
    """What one picture of 640 x 480 pixels takes, milliseconds."""

    network: float
    whole: float  # with warping and decoding


@dataclass(frozen=True, slots=True)
class MeasuredAP:
    """AP as COCO measures it, fractions of 1."""

    one_pass: float
    mirrored: float  # the mirrored pass averaged
    mirrored_medium: float  # people of 32² to 96² pixels
    mirrored_large: float


def gmac(network: HigherHRNet, height: int = 256, width: int = 256) -> float:
    """GMACs per image of that size."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, height, width))
    return float(counter.get_total_flops()) / 2 / 1e9


def cost(checkpoint: Checkpoint, validation: ValidationSet, *, repeats: int = REPEATS) -> Cost:
    """Time the first image of common size, at the input size, without the mirrored pass."""
    image = next((one for one in validation.images if one.size == COMMON), validation.images[0])
    frame = Frame(read_annotated(image), 0, 0.0, 0.0, "frontier")
    seen = []
    with validation.estimator(checkpoint) as estimator:
        for _ in range(repeats):
            estimator.collect(estimator.submit([frame]))
            seen.append((estimator.times["network"], sum(estimator.times.values())))
    network, whole = (min(column) * 1e3 for column in zip(*seen, strict=True))
    return Cost(network, whole)


def accuracy(checkpoint: Checkpoint, validation: ValidationSet) -> MeasuredAP:
    """Measure a checkpoint on all images of a validation set, with one pass and with two."""
    one = validation.metrics(checkpoint)
    two = validation.metrics(checkpoint, flip=True)
    return MeasuredAP(one["AP"], two["AP"], two["APM"], two["APL"])


def described(checkpoint: Checkpoint) -> str:
    """A line about a checkpoint's size."""
    parameters = sum(p.numel() for p in checkpoint.network.parameters()) / 1e6
    return (
        f"`{checkpoint.path.name}`: {parameters:.2f} M parameters, "
        f"{gmac(checkpoint.network):.2f} GMAC at 256 × 256, "
        f"{checkpoint.path.stat().st_size / 1e6:.1f} MB"
    )


def table(
    checkpoints: Sequence[Checkpoint],
    validation: ValidationSet,
    sizes: Sequence[int],
    *,
    judged: bool = True,
) -> Iterator[str]:
    """The lines of a markdown table, as they are measured; the times first, while it is quiet."""
    costs = {
        (row, size): cost(checkpoint, replace(validation, input_size=size))
        for row, checkpoint in enumerate(checkpoints)
        for size in sizes
    }
    yield "| weights | short side | AP | AP mirrored | medium | large | network, ms | in all, ms |"
    yield "| --- " * 8 + "|"
    for row, checkpoint in enumerate(checkpoints):
        for size in sizes:
            paid = costs[row, size]
            cells = ["–"] * 4
            if judged:
                found = accuracy(checkpoint, replace(validation, input_size=size))
                cells = [f"{value:.3f}" for value in astuple(found)]
            times = (f"{paid.network:.0f}", f"{paid.whole:.0f}")
            yield f"| {' | '.join((checkpoint.path.name, str(size), *cells, *times))} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print what the checkpoints are and the table."""
    parser = argparse.ArgumentParser(prog="engine.training.frontier", description=__doc__)
    parser.add_argument("weights", nargs="+", help="names or files")
    parser.add_argument("--annotations", type=Path, required=True, help="a COCO keypoint file")
    parser.add_argument("--images", type=Path, required=True, help="the folder of its images")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="short sides, pixels")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--speed-only", action="store_true", help="leave the accuracy out")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    checkpoints = [load_checkpoint(name) for name in options.weights]
    for checkpoint in checkpoints:
        print(described(checkpoint))
    validation = open_validation_set(options.annotations, options.images, options.sizes[0])
    print(f"{len(validation.images)} images, {options.threads} threads\n")
    for line in table(checkpoints, validation, options.sizes, judged=not options.speed_only):
        print(line, flush=True)


if __name__ == "__main__":
    main()
