"""One colour per person, the same on screen and in written videos.

The hues are those of Okabe and Ito (2008), which people with any common colour blindness tell
apart, lightened where they were too dark for a thin line on a picture.
"""

from functools import lru_cache

PALETTE: tuple[tuple[int, int, int], ...] = (  # RGB 0..255
    (86, 180, 233),  # sky blue
    (240, 150, 0),  # orange
    (0, 190, 140),  # bluish green
    (240, 228, 66),  # yellow
    (225, 120, 185),  # reddish purple
    (240, 95, 40),  # vermilion
    (60, 135, 230),  # blue
    (175, 225, 120),  # pale green
)

LEFT, RIGHT, MIDDLE = PALETTE[1], PALETTE[0], (233, 237, 243)  # sides of a body, and its middle


def colour_of(number: int) -> tuple[int, int, int]:
    """The RGB colour of a track id (or of a row, where people have no id yet)."""
    return PALETTE[number % len(PALETTE)]


@lru_cache(maxsize=4096)
def mixed(
    colour: tuple[int, int, int], other: tuple[int, int, int], share: float
) -> tuple[int, int, int]:
    """`colour` with a share 0..1 of another."""
    r, g, b = (round(a + (b - a) * share) for a, b in zip(colour, other, strict=True))
    return r, g, b
