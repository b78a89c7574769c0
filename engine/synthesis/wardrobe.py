"""What a rendered person wears and looks like: colours, cuts and patterns, drawn at random.

Clothes are painted on the body's skin and pushed outwards; the shader decides per pixel from where
on the resting body the pixel lies (height, place along arm or leg).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.random import Generator

RGB = tuple[float, float, float]  # linear enough for clothes: [0, 1]

SKINS: tuple[RGB, ...] = (
    (0.95, 0.80, 0.72), (0.90, 0.72, 0.60), (0.85, 0.64, 0.50), (0.78, 0.57, 0.42),
    (0.66, 0.46, 0.33), (0.52, 0.35, 0.25), (0.40, 0.26, 0.18), (0.30, 0.20, 0.15),
)  # fmt: skip
HAIRS: tuple[RGB, ...] = (
    (0.07, 0.06, 0.06), (0.13, 0.09, 0.07), (0.24, 0.15, 0.09), (0.38, 0.24, 0.13),
    (0.62, 0.46, 0.26), (0.52, 0.27, 0.12), (0.58, 0.57, 0.56),
)  # fmt: skip
PATTERNS = ("plain", "stripes", "hoops", "checks", "dots", "blotches")


@dataclass(frozen=True, slots=True)
class Look:
    """Everything about a person but build and pose. Names are the shader's uniforms."""

    skin: RGB
    hair: RGB
    shirt: RGB
    shirt2: RGB  # the pattern's second colour
    trousers: RGB
    trousers2: RGB
    shoes: RGB
    sleeve: float  # where sleeves end: 0 shoulder, 0.5 elbow, 1 wrist
    leg: float  # where trousers end: 0 hip, 0.5 knee, 1 ankle
    waist: float  # height of the shirt's hem above the hips' centre, m
    neckline: float  # height of the collar, m
    hairline: float  # lower: more of the head is covered
    hair_volume: float  # m
    loose: float  # how far clothes stand off the body, m
    shirt_pattern: int  # index into PATTERNS
    trousers_pattern: int
    pattern_scale: float  # repeats per metre
    beard: float  # 0 none, 1 full
    seed: float  # shifts the noise of cloth and skin

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple) and len(value) != 3:
                raise ValueError(f"Look.{field.name} is {value}, expected red, green, blue")


def random_look(rng: Generator) -> Look:
    """Draw a look; skins, hair and clothes are independent of each other and of the build."""
    bare = rng.random() < 0.06  # no shirt, as on a beach
    shirt, trousers = _cloth(rng), _cloth(rng, dark=0.5)
    if rng.random() < 0.12:
        trousers = shirt  # one piece
    skin = np.clip(np.asarray(SKINS[rng.integers(len(SKINS))]) + rng.normal(0, 0.025, 3), 0.05, 1)
    hair = np.clip(np.asarray(HAIRS[rng.integers(len(HAIRS))]) * rng.uniform(0.7, 1.3), 0.02, 1)
    hat = rng.random() < 0.15
    return Look(
        skin=_rgb(skin),
        hair=_cloth(rng) if hat else _rgb(hair),
        shirt=_rgb(skin) if bare else shirt,
        shirt2=_rgb(skin) if bare else _cloth(rng),
        trousers=trousers,
        trousers2=_cloth(rng),
        shoes=_cloth(rng, dark=0.5),
        sleeve=float(rng.choice([0.06, 0.3, 0.35, 0.5, 0.93, 0.96])),
        leg=float(rng.choice([0.2, 0.35, 0.5, 0.93, 0.95, 0.97])),
        waist=float(rng.uniform(-0.12, 0.08)),
        neckline=float(rng.uniform(0.42, 0.53)),
        hairline=float(rng.uniform(0.015, 0.05) if hat else rng.uniform(-0.02, 0.045)),
        hair_volume=float(rng.uniform(0.005, 0.035)),
        loose=float(rng.uniform(0.004, 0.03)),
        shirt_pattern=_pattern(rng, 0.5),
        trousers_pattern=_pattern(rng, 0.2),
        pattern_scale=float(np.exp(rng.uniform(np.log(6), np.log(40)))),
        beard=float(rng.random() < 0.15),
        seed=float(rng.uniform(0, 100)),
    )


def _pattern(rng: Generator, chance: float) -> int:
    return int(rng.integers(1, len(PATTERNS))) if rng.random() < chance else 0


def _cloth(rng: Generator, dark: float = 0.25) -> RGB:
    """A cloth's colour: often dark, grey or white, else any hue."""
    if rng.random() < dark:
        return _rgb(rng.uniform(0.03, 0.25) + rng.normal(0, 0.02, 3))
    if rng.random() < 0.3:
        return _rgb(rng.uniform(0.3, 0.95) + rng.normal(0, 0.02, 3))
    hue, grey = rng.random(3), rng.random()
    return _rgb((hue * (1 - 0.6 * grey) + 0.3 * grey) * rng.uniform(0.4, 1.1))


def _rgb(values: np.ndarray) -> RGB:
    red, green, blue = np.clip(values, 0.01, 1.0).tolist()
    return red, green, blue
