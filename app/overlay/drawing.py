"""Skeletons drawn on a picture, for the videos that `process` writes.

A limb is a coloured line with a dark rim, so that it stands out from any background; lines get
thinner with the person. The left side of a body is lighter and the right side darker. A joint that
was measured is a filled disc; one that was refined or interpolated is a ring, with thinner limbs.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from app.overlay.palette import colour_of, mixed
from engine.settings import DisplaySettings
from engine.skeleton import Skeleton
from engine.types import UNTRACKED, JointState, Poses

_BITS = 4  # positions are drawn to 1/16 pixel
_WHITE = (255, 255, 255)
_BLACK = (0, 0, 0)
_RIM = (16, 16, 20)
_FARTHEST = 8192.0  # pixels; OpenCV's fixed-point positions overflow far beyond this


def draw(
    pixels: NDArray[np.uint8],
    poses: Poses,
    skeleton: Skeleton,
    display: DisplaySettings,
    scale: float = 1.0,
) -> NDArray[np.uint8]:
    """Draw everyone on a copy of the picture.

    Args:
        pixels: (H, W, 3) uint8 RGB.
        poses: people, in pixels of the image they were found in; NaN is not drawn.
        scale: pixels of this picture per pixel of that image.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    picture = pixels.copy()
    for row in range(len(poses)):
        person = _Person(poses, row, display, scale, min(pixels.shape[:2]))
        if not person.seen.any():
            continue
        if display.boxes:
            _box(picture, person)
        _limbs(picture, person, skeleton)
        _joints(picture, person, skeleton)
        if display.ids and poses.ids[row] != UNTRACKED:
            _label(picture, person, str(poses.ids[row]))
    return picture


class _Person:
    """What is drawn of one person."""

    def __init__(
        self, poses: Poses, row: int, display: DisplaySettings, scale: float, side: int
    ) -> None:
        xy = poses.xy[row] * np.float32(scale)
        with np.errstate(invalid="ignore"):
            near = (np.abs(xy) < _FARTHEST).all(-1)  # False for NaN
        strong = poses.joint_score[row] >= display.min_joint_score
        self.seen = near & strong & (poses.state[row] != JointState.ABSENT)
        self.sure = poses.state[row] == JointState.DETECTED
        self.xy = xy
        number = int(poses.ids[row])
        self.colour = colour_of(number if number != UNTRACKED else row)
        seen = xy[self.seen]
        self.low, self.high = (seen.min(0), seen.max(0)) if len(seen) else (xy[0], xy[0])
        fits = min(side / 240, float(np.hypot(*(self.high - self.low))) / 60)
        self.thickness = max(1, round(fits * display.thickness))
        # The centre of pixel 0 is 0.5 for us and 0 for OpenCV.
        spots = np.where(self.seen[:, None], (xy - 0.5) * (1 << _BITS), 0.0)
        self.spots: list[list[int]] = np.rint(spots).astype(np.int32).tolist()


def _limbs(picture: NDArray[np.uint8], person: _Person, skeleton: Skeleton) -> None:
    limbs = [(a, b) for a, b in skeleton.limbs if person.seen[a] and person.seen[b]]
    for rim in (True, False):  # all rims first, so that none crosses a limb of the same person
        for a, b in limbs:
            sure = person.sure[a] and person.sure[b]
            thickness = person.thickness if sure else max(1, person.thickness - 1)
            colour = _RIM if rim else _shade(person, skeleton, a, b, sure=sure)
            cv2.line(
                picture,
                person.spots[a],
                person.spots[b],
                colour,
                thickness + 2 * rim,
                cv2.LINE_AA,
                _BITS,
            )


def _joints(picture: NDArray[np.uint8], person: _Person, skeleton: Skeleton) -> None:
    radius = (person.thickness + 1) << _BITS
    for joint in np.flatnonzero(person.seen).tolist():
        spot = person.spots[joint]
        colour = _shade(person, skeleton, joint, sure=True)
        cv2.circle(picture, spot, radius + (1 << _BITS), _RIM, -1, cv2.LINE_AA, _BITS)
        if person.sure[joint]:
            cv2.circle(picture, spot, radius, colour, -1, cv2.LINE_AA, _BITS)
        else:
            cv2.circle(picture, spot, radius, mixed(colour, _WHITE, 0.5), 1, cv2.LINE_AA, _BITS)


def _shade(person: _Person, skeleton: Skeleton, *joints: int, sure: bool) -> tuple[int, int, int]:
    """The person's colour for these joints: lighter on the left, darker on the right."""
    sides = {skeleton.names[joint].partition("_")[0] for joint in joints}
    colour = person.colour
    if "left" in sides and "right" not in sides:
        colour = mixed(colour, _WHITE, 0.35)
    elif "right" in sides and "left" not in sides:
        colour = mixed(colour, _BLACK, 0.25)
    return colour if sure else mixed(colour, _WHITE, 0.4)


def _box(picture: NDArray[np.uint8], person: _Person) -> None:
    margin = 0.08 * (person.high - person.low) + 4
    corners = [(person.low - margin - 0.5), (person.high + margin - 0.5)]
    low, high = (np.rint(c * (1 << _BITS)).astype(int).tolist() for c in corners)
    cv2.rectangle(picture, low, high, person.colour, 1, cv2.LINE_AA, _BITS)


def _label(picture: NDArray[np.uint8], person: _Person, text: str) -> None:
    """The id on a plate above the head, kept inside the picture."""
    size = max(0.4, min(picture.shape[:2]) / 1100)
    (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 1)
    pad = height // 3 + 1
    middle = float(person.low[0] + person.high[0]) / 2
    x = int(np.clip(middle - width / 2, pad, max(pad, picture.shape[1] - width - pad)))
    above = float(person.low[1]) - 3 * person.thickness - 2 * pad
    y = int(np.clip(above, height + pad, max(height + pad, picture.shape[0] - pad)))
    low, high = (x - pad, y - height - pad), (x + width + pad, y + pad)
    cv2.rectangle(picture, low, high, _RIM, -1)
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, size, person.colour, 1, cv2.LINE_AA)
