"""Synthetic people with exact keypoints, as a COCO-format folder that training can read.

Poses and layouts are fitted to the labels of COCO train2017, builds, clothes, light
and place are drawn at random. Extra `synth`; see docs/renderings.md.

    python -m engine.synthesis.renderings fit LABELS.tar.gz -o OUT --images 3000
    python -m engine.synthesis.renderings draw OUT --photos FOLDER --annotations FILE --count 8000
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from engine.synthesis.bodies import ANGLES, Bodies
from engine.synthesis.drawing import OVERSAMPLING, Drawing, Light, Painter, Person, PinholeCamera
from engine.synthesis.fitting import Placed
from engine.synthesis.wardrobe import random_look

# How far under the skin each keypoint lies at most, metres: nearer surfaces hide it.
# Order of COCO: nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles.
DEPTH_UNDER_SKIN = np.asarray(
    [0.05] + [0.05] * 2 + [0.09] * 2 + [0.13] * 2 + [0.10] * 2 + [0.08] * 2
    + [0.19] * 2 + [0.12] * 2 + [0.10] * 2,
    dtype=np.float32,
)  # fmt: skip
HIDDEN_SHARE = 0.1  # of a person's box must show, or an annotator would leave them out
LEAST_AREA = 40  # pixels that must show
FACE = 5  # COCO's first keypoints: nose, eyes, ears
LEAST_DISTANCE = 1.0  # metres from the camera to a pelvis


@dataclass(frozen=True, slots=True, eq=False)
class Rendering:
    """One picture and everything that is known about the people in it."""

    pixels: NDArray[np.uint8]  # (H, W, 3) RGB
    keypoints: NDArray[np.float32]  # (P, 17, 3) x, y in pixels; 2 visible, 1 hidden, 0 outside
    boxes: NDArray[np.float32]  # (P, 4) x, y, w, h of what shows
    areas: NDArray[np.float32]  # (P,) pixels that show


def keypoints_seen(
    drawing: Drawing, camera: PinholeCamera, points: NDArray[np.float32], index: int
) -> NDArray[np.float32]:
    """Project a person's keypoints and say which can be seen: (17, 3), COCO visibility.

    Args:
        drawing: of all people.
        camera: it was drawn with.
        points: (17, 3) metres, camera frame.
        index: the person's place among those drawn.
    """
    xy = camera.project(points)
    inside = ((xy >= 0) & (xy < (camera.width, camera.height))).all(1) & (points[:, 2] > 0.1)
    cell = (np.where(inside[:, None], xy, 0) * OVERSAMPLING).astype(int)
    who, depth = drawing.who[cell[:, 1], cell[:, 0]], drawing.depth[cell[:, 1], cell[:, 0]]
    allowed = np.where(who == index, DEPTH_UNDER_SKIN, 0.0)
    visible = depth > points[:, 2] - allowed
    seen = np.column_stack([xy, np.where(visible, 2.0, 1.0)]).astype(np.float32)
    return np.where(inside[:, None], seen, 0).astype(np.float32)


def boxes_seen(drawing: Drawing, people: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (P, 4) x, y, w, h and areas (P,) of what shows of each person, picture pixels."""
    boxes, areas = np.zeros((people, 4), np.float32), np.zeros(people, np.float32)
    for index in range(people):
        rows, columns = np.nonzero(drawing.who == index)
        if len(rows):
            low = np.asarray([columns.min(), rows.min()]) / OVERSAMPLING
            high = np.asarray([columns.max() + 1, rows.max() + 1]) / OVERSAMPLING
            boxes[index] = (*low, *(high - low))
            areas[index] = len(rows) / OVERSAMPLING**2
    return boxes, areas


def random_build(rng: Generator) -> NDArray[np.float32]:
    """A build (6,), columns BUILD_NAMES: mostly adults, some children and old people."""
    build = rng.random(6)
    build[1] = rng.choice([rng.uniform(0.55, 0.85), rng.uniform(0.35, 0.55), rng.uniform(0.85, 1)],
                          p=[0.75, 0.15, 0.1])  # fmt: skip
    build[3] = rng.beta(2, 2)
    return build.astype(np.float32)


def random_light(rng: Generator, surroundings: NDArray[np.uint8]) -> Light:
    """A light that suits a background: its brightness and a hint of its colour."""
    mean = surroundings.reshape(-1, 3).mean(0) / 255
    tint = 0.7 * mean.mean() + 0.3 * mean
    level = np.clip(tint / 0.45, 0.35, 1.5) * rng.uniform(0.8, 1.25)
    sun = rng.normal(size=3) * (1, 0.5, 0.7) + (0, -0.8, -0.5)
    strength, warmth = rng.uniform(0.1, 0.95), rng.normal(0, 0.06)
    sky = level * rng.uniform(0.45, 0.75)
    return Light(
        sun=_triple(sun / np.linalg.norm(sun)),
        sun_colour=_triple(level * strength * (1 + warmth, 1, 1 - warmth)),
        sky_colour=_triple(sky),
        ground_colour=_triple(sky * rng.uniform(0.35, 0.9)),
    )


def jittered(rng: Generator, placed: Placed, spread_deg: float = 4.0) -> Placed:
    """The same people with other builds, joints a little elsewhere, turned by some degrees."""
    rows = np.asarray(list(ANGLES.values()), np.float32)
    degrees = placed.degrees + rng.normal(0, spread_deg, placed.degrees.shape)
    degrees = np.clip(degrees, rows[:, 0], rows[:, 1])
    yaw = np.radians(rng.normal(0, 12, len(degrees)))
    turn = np.tile(np.eye(3, dtype=np.float32), (len(degrees), 1, 1))
    turn[:, 0, 0] = turn[:, 1, 1] = np.cos(yaw)
    turn[:, 1, 0], turn[:, 0, 1] = np.sin(yaw), -np.sin(yaw)
    builds = np.stack([random_build(rng) for _ in degrees])
    return replace(
        placed, builds=builds, degrees=degrees.astype(np.float32), turn=placed.turn @ turn
    )


def render(
    bodies: Bodies,
    painter: Painter,
    rng: Generator,
    placed: Placed,
    camera: PinholeCamera,
    background: NDArray[np.uint8],
) -> Rendering:
    """Dress, light and draw people over a background of the camera's size."""
    vertices, points = bodies.posed(
        torch.from_numpy(placed.builds), torch.from_numpy(placed.degrees)
    )
    into_camera, where = placed.turn.transpose(0, 2, 1), placed.place[:, None]
    meshes = vertices.numpy() @ into_camera + where
    joints = (points.numpy() @ into_camera + where).astype(np.float32)
    people = [Person(mesh, random_look(rng)) for mesh in meshes]
    drawing = painter.draw(people, camera, random_light(rng, background))
    keypoints = np.stack(
        [keypoints_seen(drawing, camera, joint, i) for i, joint in enumerate(joints)]
    )
    boxes, areas = boxes_seen(drawing, len(people))
    keypoints[_mostly_hidden(keypoints, areas)] = 0
    pixels = _photographed(rng, _over(rng, drawing, background))
    return Rendering(pixels, keypoints, boxes, areas)


def obstructed(rng: Generator, rendering: Rendering, things: NDArray[np.uint8]) -> Rendering:
    """The same picture behind some things, shapes cut from another picture of its size."""
    height, width = rendering.pixels.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(int(rng.integers(1, 4))):
        centre = rng.random(2) * (width, height)
        reach = rng.uniform(0.03, 0.16, (8, 1)) * max(width, height)
        bearing = np.sort(rng.uniform(0, 2 * np.pi, (8, 1)), axis=0)
        outline = centre + reach * np.concatenate([np.cos(bearing), np.sin(bearing)], axis=1)
        cv2.fillPoly(mask, [outline.astype(np.int32)], 255)
    keypoints = rendering.keypoints.copy()
    cell = keypoints[..., :2].astype(int)
    behind = mask[cell[..., 1], cell[..., 0]] > 0
    keypoints[..., 2] = np.where(behind & (keypoints[..., 2] == 2), 1, keypoints[..., 2])
    share = cv2.GaussianBlur(mask, (0, 0), 0.7)[..., None].astype(np.float32) / 255
    pixels = (rendering.pixels * (1 - share) + things * share).astype(np.uint8)
    return replace(rendering, pixels=pixels, keypoints=keypoints)


def as_annotated(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """The (17, 3) that COCO's annotators would have written: no hidden noses, eyes and ears.

    They guess at hidden limbs, but of the faces in train2017 only 2–4 % of the keypoints are
    marked hidden. Labelling them all would teach a network to see faces on the backs of heads.
    """
    hidden_face = (np.arange(len(keypoints)) < FACE) & (keypoints[:, 2] == 1)
    return np.where(hidden_face[:, None], 0, keypoints).astype(np.float32)


def together(first: Placed, second: Placed) -> Placed:
    """The people of both."""
    pairs = ((getattr(first, name), getattr(second, name)) for name in Placed.__slots__)
    return Placed(*(np.concatenate(pair) for pair in pairs))


def beside(rng: Generator, first: Placed, second: Placed) -> Placed:
    """The second's people, moved so that one of them stands within reach of one of the first's."""
    neighbour = first.place[rng.integers(len(first.place))]
    bearing, metres = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.9)
    aside = metres * np.asarray([np.cos(bearing), 0.0, np.sin(bearing)])
    moved = second.place + (neighbour + aside - second.place[rng.integers(len(second.place))])
    moved[:, 2] = np.maximum(moved[:, 2], LEAST_DISTANCE)
    return replace(second, place=moved.astype(np.float32))


def _mostly_hidden(keypoints: NDArray[np.float32], areas: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(P,) people too hidden for an annotator to label."""
    inside = keypoints[..., 2:] > 0
    low = np.where(inside, keypoints[..., :2], np.inf).min(1)
    high = np.where(inside, keypoints[..., :2], -np.inf).max(1)
    extent = np.maximum(np.nan_to_num(high - low, posinf=0, neginf=0), 0).prod(1)
    hidden = (areas < HIDDEN_SHARE * extent) | (areas < LEAST_AREA) | ~inside[..., 0].any(1)
    return np.asarray(hidden, dtype=np.bool_)


def _over(rng: Generator, drawing: Drawing, background: NDArray[np.uint8]) -> NDArray[np.float32]:
    """People over the background, edges as soft as a lens makes them: (H, W, 3) in [0, 1]."""
    softness = rng.uniform(0.0, 0.8)
    colour, coverage = drawing.colour, drawing.coverage[..., None]
    if softness > 0.3:
        both = np.concatenate([colour, coverage], axis=2)
        blurred = np.asarray(cv2.GaussianBlur(both, (0, 0), softness), dtype=np.float32)
        colour, coverage = blurred[..., :3], blurred[..., 3:]
    behind = background.astype(np.float32) / 255
    return np.asarray(colour + (1 - coverage) * behind, dtype=np.float32)


def _photographed(rng: Generator, pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Tone and grain of a camera."""
    toned = np.clip(pixels, 0, 1) ** rng.uniform(0.8, 1.25)
    toned += rng.normal(0, rng.uniform(0.0, 0.025), toned.shape[:2])[..., None]
    return np.asarray(np.clip(toned, 0, 1) * 255, dtype=np.uint8)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    first, second, third = np.broadcast_to(values, 3).tolist()
    return first, second, third
