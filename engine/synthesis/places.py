"""Painted places for the demo clip: floors, walls and skies seen by a camera, all made by formula.

World frame: x right, y away from the camera, z up, metres, floor at z = 0. The camera stands at
x = y = 0 and looks along y, tilted down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.synthesis.drawing import PinholeCamera

Colours = NDArray[np.float64]  # (..., 3) in [0, 1]
Coordinates = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """A camera in the world."""

    camera: PinholeCamera
    height: float  # of the camera, m
    pitch_deg: float  # downwards is positive

    def into_camera(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rotation (3, 3) and shift (3,): world → camera frame."""
        cos, sin = np.cos(np.radians(self.pitch_deg)), np.sin(np.radians(self.pitch_deg))
        turn = np.asarray([[1, 0, 0], [0, -sin, -cos], [0, cos, -sin]], np.float32)
        return turn, -turn @ np.asarray([0, 0, self.height], np.float32)

    def seen(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """World points (..., 3) → camera frame."""
        turn, shift = self.into_camera()
        return np.asarray(points @ turn.T + shift, dtype=np.float32)

    def rays(self) -> Coordinates:
        """World direction (H, W, 3) through the centre of each pixel."""
        camera = self.camera
        columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
        x, y = (columns - camera.centre[0]) / camera.focal, (rows - camera.centre[1]) / camera.focal
        ahead = np.stack([x, y, np.ones_like(x)], axis=2)
        return np.asarray(ahead @ self.into_camera()[0], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Box:
    """A block on the floor, such as a bench: corners (x, y, z) lowest and highest, m."""

    low: tuple[float, float, float]
    high: tuple[float, float, float]
    colour: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Place:
    """A floor up to a back wall (or the horizon) and what stands on it."""

    floor: Callable[[Coordinates, Coordinates], Colours]  # of x, y
    back: Callable[[Coordinates, Coordinates], Colours]  # of x, z on the wall
    wall: float  # distance of the wall, m
    boxes: tuple[Box, ...] = ()

    def picture(self, view: Viewpoint) -> NDArray[np.float32]:
        """The place without people: (H, W, 3) RGB in [0, 1]."""
        rays = view.rays()
        to_floor = view.height / np.maximum(-rays[..., 2], 1e-6)
        x, y = rays[..., 0] * to_floor, rays[..., 1] * to_floor
        to_wall = self.wall / rays[..., 1]
        wall = self.back(rays[..., 0] * to_wall, view.height + rays[..., 2] * to_wall)
        on_floor = (rays[..., 2] < 0) & (y < self.wall)
        colours = np.where(on_floor[..., None], self.floor(x, np.minimum(y, self.wall)), wall)
        canvas = np.ascontiguousarray(np.clip(colours, 0, 1), dtype=np.float32)
        for box in self.boxes:
            _add_box(canvas, view, box)
        return canvas


def shaded(
    picture: NDArray[np.float32], view: Viewpoint, feet: list[tuple[float, float]]
) -> NDArray[np.float32]:
    """The place with a soft shadow on the floor around each person's (x, y)."""
    mask = np.zeros(picture.shape[:2], np.float32)
    around = np.linspace(0, 2 * np.pi, 24)
    for x, y in feet:
        rim = np.stack([x + 0.34 * np.cos(around), y + 0.2 * np.sin(around), 0 * around], axis=1)
        outline = view.camera.project(view.seen(rim.astype(np.float32)))
        cv2.fillPoly(mask, [outline.astype(np.int32)], 1.0)
    soft = cv2.GaussianBlur(mask, (0, 0), 5)[..., None]
    return np.asarray(picture * (1 - 0.45 * soft), dtype=np.float32)


def _add_box(canvas: NDArray[np.float32], view: Viewpoint, box: Box) -> None:
    """Paint the sides that the camera can see: left or right, top, front."""
    (x0, y0, z0), (x1, y1, z1) = box.low, box.high
    side = x0 if x0 > 0 else x1
    faces = (
        (0.6, [(side, y0, z0), (side, y1, z0), (side, y1, z1), (side, y0, z1)]),
        (1.0, [(x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)]),
        (0.8, [(x0, y0, z0), (x1, y0, z0), (x1, y0, z1), (x0, y0, z1)]),
    )
    for light, corners in faces:
        outline = view.camera.project(view.seen(np.asarray(corners, np.float32)))
        colour = tuple(light * part for part in box.colour)
        cv2.fillConvexPoly(canvas, outline.round().astype(np.int32), colour, cv2.LINE_AA)


def mottle(x: Coordinates, y: Coordinates, seed: int) -> Coordinates:
    """Smooth noise in [-1, 1] with features of about one unit."""
    table = np.random.default_rng(seed).uniform(-1, 1, (64, 64))
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    near = table[j % 64, i % 64] * (1 - u) + table[j % 64, (i + 1) % 64] * u
    far = table[(j + 1) % 64, i % 64] * (1 - u) + table[(j + 1) % 64, (i + 1) % 64] * u
    return np.asarray(near * (1 - v) + far * v)


def _mixed(first: tuple[float, ...], second: tuple[float, ...], share: Coordinates) -> Colours:
    weight = np.asarray(share)[..., None]
    return np.asarray(first) * (1 - weight) + np.asarray(second) * weight


def _planks(x: Coordinates, y: Coordinates) -> Colours:
    plank = np.floor(x / 0.18)
    tone = 0.5 + 0.5 * np.sin(plank * 12.9898) + 0.25 * mottle(x * 30, y * 2, 1)
    gap = (x / 0.18 - plank < 0.06) * 0.5
    return _mixed((0.45, 0.29, 0.17), (0.62, 0.43, 0.27), tone) * (1 - gap[..., None])


def _living_room(x: Coordinates, z: Coordinates) -> Colours:
    wall = _mixed((0.78, 0.74, 0.66), (0.70, 0.66, 0.60), 0.5 + 0.5 * mottle(x * 2, z * 2, 2))
    wall = np.where((z < 0.12)[..., None], (0.9, 0.9, 0.88), wall)
    for left, right, low, high, colour in (
        (-2.6, -1.3, 1.1, 2.3, (0.55, 0.70, 0.85)),
        (0.5, 1.5, 1.35, 2.1, (0.30, 0.38, 0.33)),
        (2.2, 2.9, 0.0, 2.05, (0.40, 0.27, 0.20)),
    ):
        inside = (x > left) & (x < right) & (z > low) & (z < high)
        rim = (x > left - 0.08) & (x < right + 0.08) & (z > low - 0.08) & (z < high + 0.08)
        wall = np.where(rim[..., None], (0.93, 0.92, 0.9), wall)
        picture = np.asarray(colour) * (1 + 0.2 * mottle(x * 4, z * 4, 3))[..., None]
        wall = np.where(inside[..., None], picture, wall)
    return wall


def _lawn(x: Coordinates, y: Coordinates) -> Colours:
    grass = 0.5 + 0.25 * mottle(x * 9, y * 3, 4) + 0.25 * mottle(x * 1.3, y * 0.6, 5)
    path = np.abs(y - 5.2 - 0.25 * np.sin(x)) < 1.5
    stone = 0.5 + 0.3 * mottle(x * 6, y * 3, 6)
    green = _mixed((0.20, 0.36, 0.13), (0.38, 0.55, 0.22), grass)
    grey = _mixed((0.55, 0.52, 0.47), (0.72, 0.69, 0.63), stone)
    return np.where(path[..., None], grey, green)


def _park(x: Coordinates, z: Coordinates) -> Colours:
    sky = _mixed((0.80, 0.88, 0.96), (0.38, 0.60, 0.90), np.clip(z / 9, 0, 1))
    cloud = np.clip(mottle(x / 3, z * 1.2, 7) + 0.4 * mottle(x, z * 3, 8), 0, 1)
    sky = sky * (1 - cloud[..., None]) + 0.97 * cloud[..., None]
    crowns = 2.2 + 0.9 * mottle(x / 1.7, 0 * x, 9) + 0.35 * mottle(x * 2, 0 * x, 10)
    leaves = _mixed((0.10, 0.22, 0.09), (0.25, 0.42, 0.18), 0.5 + 0.5 * mottle(x * 5, z * 5, 11))
    return np.where((z < crowns)[..., None], leaves, sky)


def _tiles(x: Coordinates, y: Coordinates) -> Colours:
    u, v = x / 0.6, y / 0.6
    dark = (np.floor(u) + np.floor(v)) % 2
    joint = ((u % 1 < 0.04) | (v % 1 < 0.04)) * 0.35
    tone = _mixed((0.60, 0.61, 0.64), (0.48, 0.50, 0.55), dark)
    return tone * (1 - joint[..., None] + 0.05 * mottle(x * 8, y * 8, 12)[..., None])


def _bricks(x: Coordinates, z: Coordinates) -> Colours:
    row = np.floor(z / 0.12)
    u = x / 0.3 + 0.5 * (row % 2)
    mortar = (u % 1 < 0.06) | (z / 0.12 - row < 0.12)
    tone = 0.5 + 0.5 * np.sin(np.floor(u) * 7.13 + row * 3.71)
    brick = _mixed((0.52, 0.24, 0.18), (0.66, 0.36, 0.27), tone)
    brick = np.where(mortar[..., None], (0.70, 0.66, 0.60), brick)
    window = (np.abs((x + 0.4) % 2.4 - 1.2) < 0.45) & (z > 1.0) & (z < 2.4)
    return np.where(window[..., None], (0.16, 0.20, 0.26), brick)


BENCH = Box((0.75, 5.55, 0.0), (2.15, 6.05, 0.43), (0.62, 0.45, 0.30))
LIVING_ROOM = Place(_planks, _living_room, wall=7.5)
PARK = Place(_lawn, _park, wall=16.0, boxes=(BENCH,))
YARD = Place(_tiles, _bricks, wall=8.0)
