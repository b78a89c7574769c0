"""What a network is shown, from its first step to its last.

A small network that sees whole scenes from the start learns nothing for a very long time (measured:
26,000 scenes, AP 0), because nearly every cell of them is background. So people first: single ones
that fill a small view, three times cheaper and all of it person; then with their neighbours, where
tags begin to matter; then scenes at the size the network will run at. Fine-tuning keeps a share of
single people in its scenes.
"""

from __future__ import annotations

from engine.training.augment import Views
from engine.training.dataset import Phase

ALONE = Views(scene=0.0, person_zoom=(0.7, 1.1), rotation=15)


def from_nothing(steps: int, batch: int, input_size: int) -> tuple[Phase, ...]:
    """Phases for random weights.

    Args:
        steps: of the whole run.
        batch: views per step while they are small; later ones are fewer, for the same work.
        input_size: short side the network will run at, pixels; a multiple of 32.
    """
    side = _multiple_of_32(input_size / 2)
    near = Views(
        scene=0.3, person_zoom=(0.4, 1.1), scene_zoom=(0.7, 1.4), short_side=input_size, rotation=15
    )
    first, second = steps * 35 // 100, steps * 25 // 100
    small = ((side, side), (side, _multiple_of_32(side * 0.75)))
    return (
        Phase(first, batch, small, ALONE, pull=0.1),
        Phase(second, batch, ((side, side), (_multiple_of_32(side * 1.25), side)), near, pull=0.3),
        _scenes(steps - first - second, max(1, batch // 4), input_size),
    )


def fine_tuning(steps: int, batch: int, input_size: int) -> tuple[Phase, ...]:
    """Phases for weights that already find people, or whose features are worth keeping."""
    return (_scenes(steps, batch, input_size),)


def _scenes(steps: int, batch: int, input_size: int) -> Phase:
    views = Views(
        scene=0.7,
        person_zoom=(0.3, 0.9),
        scene_zoom=(0.75, 1.5),
        short_side=input_size,
        rotation=20,
    )
    return Phase(steps, batch, ((input_size, input_size),), views, pull=0.5)


def _multiple_of_32(pixels: float) -> int:
    return max(64, round(pixels / 32) * 32)
