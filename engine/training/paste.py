"""People from other pictures, cut out with their labels and pasted into a view.

Few pictures show people in front of people, and fewer the same person in two places. A cut follows
the limbs as wide as limbs usually are and never leaves the annotated box, so it needs nothing but
keypoints; its edge is soft. Of the people underneath, COCO's habit decides what stays labelled:
annotators mark hidden limbs where they can be inferred, but not hidden faces.
Source of the idea: Dwibedi et al. 2017 (cut, paste and learn).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from engine.skeleton import Skeleton
from engine.training import augment
from engine.training.annotations import Picture

LEAST_SIDE = 64  # pixels of the longer side of a box worth cutting out
LEAST_LABELLED = 0.55  # of the keypoints must be labelled, or half a person would be cut out
MOST_SHARED = 0.15  # of a box may lie in another's
SIZES = (0.5, 1.75)  # times the size of a person in the view
LEAST_SHARE, MOST_SHARE = 0.2, 1.1  # of the view's shorter side
GIRTH = (0.85, 1.2)  # times the usual width of limbs
INFERABLE = 0.5  # of a person's joints may be hidden before annotators stop guessing
_SHIFT = 4  # OpenCV draws in sixteenths of a pixel

# From, to, half the width in torso lengths, and how far beyond `to` it reaches (hands, feet).
_LIMBS = (
    ("shoulder", "elbow", 0.12, 0.0),
    ("elbow", "wrist", 0.10, 0.3),
    ("hip", "knee", 0.17, 0.0),
    ("knee", "ankle", 0.13, 0.2),
)
_TORSO = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
_FACE = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")


class Scene(NamedTuple):
    """A view while people are pasted into it."""

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB
    joints: NDArray[np.float32]  # (P, K, 3) x, y in pixels of the view and 1 = labelled
    covered: NDArray[np.bool_]  # (H, W) a person was pasted here, so the labels are known


@dataclass(frozen=True, slots=True, eq=False)
class Donor:
    """A person to cut out."""

    pixels: NDArray[np.uint8]  # (h, w, 3) RGB, the whole picture
    joints: NDArray[np.float32]  # (K, 3) x, y in its pixels and 1 = labelled
    box: NDArray[np.float32]  # (4,) x, y, width, height around the person


def donors(pictures: Sequence[Picture], skeleton: Skeleton) -> list[tuple[int, int]]:
    """People (picture, person) that can be cut out: large, well labelled and by themselves."""
    torso = [skeleton.names.index(name) for name in _TORSO if name in skeleton.names]
    found = []
    for i, picture in enumerate(pictures):
        everyone = np.concatenate((picture.boxes, picture.unknown))
        for p, (joints, box) in enumerate(zip(picture.joints, picture.boxes, strict=True)):
            labelled = joints[:, 2] > 0
            whole = labelled.mean() >= LEAST_LABELLED and labelled[torso].all()
            others = np.delete(everyone, p, axis=0)
            if whole and box[2:].max() >= LEAST_SIDE and _shared(box, others) <= MOST_SHARED:
                found.append((i, p))
    return found


def add(
    rng: Generator, scene: Scene, donor: Donor, skeleton: Skeleton, *, enlarge: float = 3.0
) -> Scene:
    """Paste a person into a view, at a size that suits the people in it.

    Args:
        rng: the source of chance.
        scene: the view so far; not changed.
        donor: whom to paste.
        skeleton: of both.
        enlarge: at most so many view pixels for one of the donor's.
    """
    view = scene.pixels.shape[:2]
    affine = _placed(rng, scene, donor.box, enlarge)
    flip = rng.random() < 0.5
    if flip:
        affine = augment.mirrored(affine, view[1])
    joints = donor.joints.copy()
    joints[:, :2] = augment.move(joints[:, :2], affine)
    box = augment.corners(donor.box[None], affine)[0]
    share = silhouette(joints, box, skeleton, view, girth=float(rng.uniform(*GIRTH)))
    if flip:
        joints = joints[list(skeleton.mirror)]
    person = _warped(donor.pixels, affine, view)
    covered = share > 0.5
    kept = hidden_behind(scene.joints, covered, skeleton)
    return Scene(
        _blended(scene.pixels, person, share),
        np.concatenate((kept, joints[None])),
        scene.covered | covered,
    )


def silhouette(
    joints: NDArray[np.float32],
    box: NDArray[np.float32],
    skeleton: Skeleton,
    view: tuple[int, int],
    *,
    girth: float = 1.0,
) -> NDArray[np.float32]:
    """Guess which pixels a person fills, from where the joints are.

    Args:
        joints: (K, 3) x, y in pixels of the view and 1 = labelled.
        box: (4, 2) corners of the annotated box in the view, in order around it.
        skeleton: of the joints; people with shoulders and hips get a head, hands and feet.
        view: height and width, pixels.
        girth: times the usual width of limbs.

    Returns:
        (H, W) float32 in [0, 1], soft at the edge by about a pixel; 0 outside the box.
    """
    mask = np.zeros(view, np.uint8)
    known = joints[:, 2] > 0
    at = {name: joints[k, :2] for k, name in enumerate(skeleton.names) if known[k]}
    if all(name in at for name in _TORSO):
        _draw_body(mask, at, girth)
    else:
        sides = np.linalg.norm(np.diff(box[:3], axis=0), axis=1)
        _draw_limbs(mask, joints[:, :2], known, skeleton, girth * 0.06 * float(sides.max()))
    inside = np.zeros(view, np.uint8)
    cv2.fillConvexPoly(inside, _fixed(box), 1, shift=_SHIFT)
    soft = cv2.GaussianBlur(mask * inside, (0, 0), 0.8)
    return np.asarray(soft / np.float32(255), np.float32)


def hidden_behind(
    joints: NDArray[np.float32], covered: NDArray[np.bool_], skeleton: Skeleton
) -> NDArray[np.float32]:
    """Take away the labels that COCO's annotators would not have written for hidden joints.

    Hidden limbs of a mostly visible person keep their labels, hidden faces never do, and of a
    mostly hidden person only the visible joints are labelled.

    Args:
        joints: (P, K, 3) x, y in pixels and 1 = labelled; not changed.
        covered: (H, W) where something lies in front.
        skeleton: of the joints.
    """
    height, width = covered.shape
    cell = np.floor(joints[..., :2]).astype(int)
    within = ((cell >= 0) & (cell < (width, height))).all(-1) & (joints[..., 2] > 0)
    x, y = np.where(within, cell[..., 0], 0), np.where(within, cell[..., 1], 0)
    hidden = within & covered[y, x]
    face = np.array([name in _FACE for name in skeleton.names])
    guessed = hidden.sum(1) <= INFERABLE * within.sum(1)
    out = joints.copy()
    out[hidden & (face | ~guessed[:, None]), 2] = 0
    return out


def _shared(box: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Largest share of a box (4,) that lies in one of the others (N, 4)."""
    if not len(others):
        return 0.0
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[:2] + box[2:], others[:, :2] + others[:, 2:])
    return float((np.maximum(high - low, 0).prod(1) / box[2:].prod()).max())


def _placed(
    rng: Generator, scene: Scene, box: NDArray[np.float32], enlarge: float
) -> augment.Affine:
    """Where a donor goes: upright or nearly so, half the time beside or in front of a person."""
    height, width = scene.pixels.shape[:2]
    side = min(height, width)
    centre, size = _person_in(rng, scene)
    wanted = size * augment.log_uniform(rng, SIZES)
    wanted = min(max(wanted, LEAST_SHARE * side), MOST_SHARE * side)
    scale = min(wanted / float(box[2:].max()), enlarge)
    beside = centre + rng.uniform(-1, 1, 2) * (size * 0.7, size * 0.3)
    anywhere = rng.uniform(0, 1, 2) * (width, height)
    target = beside if rng.random() < 0.5 else anywhere
    target = np.clip(target, 0.1 * side, (width - 0.1 * side, height - 0.1 * side))
    angle = np.deg2rad(rng.normal(0, 6))
    return augment.similar(scale, angle, box[:2] + box[2:] / 2, target)


def _person_in(rng: Generator, scene: Scene) -> tuple[NDArray[np.float32], float]:
    """Middle and longer side, view pixels, of a person in the view; else of the view."""
    height, width = scene.pixels.shape[:2]
    here = (scene.joints[..., 2] > 0).sum(1) >= 4
    if not here.any():
        return np.array([width / 2, height / 2], np.float32), 0.5 * min(height, width)
    person = scene.joints[rng.choice(np.nonzero(here)[0])]
    points = person[person[:, 2] > 0, :2]
    low, high = points.min(0), points.max(0)
    # Joints end at ankles and eyes, boxes at soles and hair.
    middle = np.asarray((low + high) / 2, np.float32)
    return middle, 1.15 * float((high - low).max())


def _draw_body(mask: NDArray[np.uint8], at: dict[str, NDArray[np.float32]], girth: float) -> None:
    corners = np.stack([at[name] for name in _TORSO])
    shoulders, hips = corners[:2].mean(0), corners[2:].mean(0)
    across = float(np.linalg.norm(corners[0] - corners[1]))
    # Seen from above or bent, a torso is short, but shoulders are as wide as ever.
    torso = max(float(np.linalg.norm(shoulders - hips)), 1.3 * across)
    unit = girth * torso
    cv2.fillConvexPoly(mask, cv2.convexHull(_fixed(corners)), 255, shift=_SHIFT)
    for start, end in zip(corners, np.roll(corners, 1, axis=0), strict=True):
        _capsule(mask, start, end, 0.15 * unit)
    for side in ("left_", "right_"):
        for first, last, half, beyond in _LIMBS:
            if side + first in at and side + last in at:
                start, end = at[side + first], at[side + last]
                length = max(float(np.linalg.norm(end - start)), 1e-3)
                _capsule(mask, start, end + (end - start) / length * beyond * torso, half * unit)
    head = _head(at, shoulders, (shoulders - hips) / max(torso, 1e-3) * 0.5 * torso)
    _capsule(mask, shoulders, head, 0.15 * unit)
    _capsule(mask, head, head, 0.32 * unit)


def _head(
    at: dict[str, NDArray[np.float32]],
    shoulders: NDArray[np.float32],
    up: NDArray[np.float32],
) -> NDArray[np.float32]:
    for names in (_FACE[3:], _FACE):  # ears are at the middle of a head, whatever its turn
        points = [at[name] for name in names if name in at]
        if points:
            return np.asarray(np.mean(points, axis=0), np.float32)
    return shoulders + up


def _draw_limbs(
    mask: NDArray[np.uint8],
    xy: NDArray[np.float32],
    known: NDArray[np.bool_],
    skeleton: Skeleton,
    radius: float,
) -> None:
    for a, b in skeleton.limbs:
        if known[a] and known[b]:
            _capsule(mask, xy[a], xy[b], radius)
    if not skeleton.limbs and known.sum() >= 3:
        cv2.fillConvexPoly(mask, cv2.convexHull(_fixed(xy[known])), 255, shift=_SHIFT)
    for point in xy[known]:
        _capsule(mask, point, point, radius)


def _capsule(
    mask: NDArray[np.uint8],
    start: NDArray[np.float32],
    end: NDArray[np.float32],
    radius: float,
) -> None:
    (ax, ay), (bx, by) = _fixed(np.stack((start, end))).tolist()
    cv2.line(mask, (ax, ay), (bx, by), 255, max(1, round(2 * radius)), cv2.LINE_8, _SHIFT)


def _fixed(points: NDArray[np.float32]) -> NDArray[np.int32]:
    """(N, 2) pixels, pixel (0, 0) covers [0, 1)^2, as OpenCV's fixed point numbers."""
    return np.asarray(np.rint((points - 0.5) * (1 << _SHIFT)), np.int32)


def _warped(
    pixels: NDArray[np.uint8], affine: augment.Affine, view: tuple[int, int]
) -> NDArray[np.uint8]:
    shrink = int(1 / np.sqrt(abs(np.linalg.det(affine[:, :2]))))
    if shrink >= 2:  # sampling every third pixel would make people of speckles
        size = (pixels.shape[1] // shrink, pixels.shape[0] // shrink)
        ratio = np.array(pixels.shape[1::-1]) / size
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        affine = affine * np.append(ratio, 1.0)
    return augment.warp(pixels, affine, view)


def _blended(
    under: NDArray[np.uint8], over: NDArray[np.uint8], share: NDArray[np.float32]
) -> NDArray[np.uint8]:
    mixed = under + (over.astype(np.float32) - under) * share[..., None]
    return np.asarray(mixed + 0.5, np.uint8)
