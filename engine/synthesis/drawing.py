"""Draw posed bodies with moderngl: colour, coverage, person index and depth.

Works on any machine with EGL, in software too (Mesa's llvmpipe). Extra `synth`.
Camera frame: x right, y down, z away from the camera, metres; a pinhole without distortion.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

import cv2
import moderngl
import numpy as np
from numpy.typing import NDArray

from engine.synthesis.bodies import Bodies
from engine.synthesis.wardrobe import Look

NO_PERSON = -1
OVERSAMPLING = 2  # drawn this many times wider and higher, then averaged: smooth edges
GRAIN = 32  # side of the cube of random values that cloth and skin are mottled with
_LIGHT_NAMES = ("sun", "sun_colour", "sky_colour", "ground_colour")


@dataclass(frozen=True, slots=True)
class PinholeCamera:
    """A pinhole camera that draws pictures of width × height pixels."""

    width: int
    height: int
    focal: float  # pixels
    centre: tuple[float, float]  # where its axis meets the picture, pixels

    def project(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Points (..., 3) in metres, camera frame → (..., 2) image pixels."""
        xy = points[..., :2] / points[..., 2:] * self.focal + np.asarray(self.centre)
        return np.asarray(xy, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Light:
    """A distant sun and a sky that is brighter than the ground, colours in [0, 1]."""

    sun: tuple[float, float, float]  # direction towards it, camera frame, unit length
    sun_colour: tuple[float, float, float]
    sky_colour: tuple[float, float, float]
    ground_colour: tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """One body ready to draw."""

    vertices: NDArray[np.float32]  # (V, 3) metres, camera frame
    look: Look


@dataclass(frozen=True, slots=True, eq=False)
class Drawing:
    """What the camera sees of the people, in picture size but for `who` and `depth`."""

    colour: NDArray[np.float32]  # (H, W, 3) RGB in [0, 1], times coverage
    coverage: NDArray[np.float32]  # (H, W) share of each pixel that people cover
    who: NDArray[np.int32]  # (H·OVERSAMPLING, W·OVERSAMPLING) index of the person, NO_PERSON
    depth: NDArray[np.float32]  # same shape: metres along the camera's axis, inf where empty


def normals(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float32]:
    """Unit normals (V, 3) of a mesh, averaged over the faces by area."""
    corner = vertices[faces]  # (F, 3, 3)
    face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    total = np.stack(
        [
            np.bincount(faces.ravel(), np.repeat(face[:, axis], 3), len(vertices))
            for axis in range(3)
        ],
        axis=1,
    )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.asarray(total / np.maximum(length, 1e-12), dtype=np.float32)


class Painter:
    """Owns the OpenGL context and one canvas; draws one picture at a time."""

    def __init__(self, bodies: Bodies) -> None:
        self._faces = bodies.faces
        # Through a mapping: moderngl's stub calls `backend` an argument of another type.
        options: dict[str, Any] = {"standalone": True, "backend": "egl"}
        self._context = moderngl.create_context(**options)
        shaders = files("engine.synthesis") / "shaders"
        self._program = self._context.program(
            vertex_shader=(shaders / "person.vert").read_text(),
            fragment_shader=(shaders / "person.frag").read_text(),
        )
        random = np.random.default_rng(0).integers(0, 256, (GRAIN, GRAIN, GRAIN, 3), np.uint8)
        self._context.texture3d((GRAIN, GRAIN, GRAIN), 3, random.tobytes()).use(0)
        marks = body_marks(bodies)
        self._moving = self._context.buffer(reserve=len(marks) * 6 * 4, dynamic=True)
        self._mesh = self._context.vertex_array(
            self._program,
            [
                (self._moving, "3f 3f", "position", "normal"),
                (self._context.buffer(marks.tobytes()), "3f 4f", "rest", "marks"),
            ],
            index_buffer=self._context.buffer(self._faces.tobytes()),
        )
        self._canvas: moderngl.Framebuffer | None = None

    def draw(self, people: list[Person], camera: PinholeCamera, light: Light) -> Drawing:
        """Draw people in front of nothing, nearer ones over farther ones."""
        canvas = self._canvas_of(camera)
        canvas.use()
        self._context.enable(moderngl.DEPTH_TEST)
        canvas.clear(viewport=canvas.viewport)
        self._set("half_size", (camera.width / 2, camera.height / 2))
        self._set("centre", camera.centre)
        self._set("focal", camera.focal)
        for name in _LIGHT_NAMES:
            self._set(name, getattr(light, name))
        for index, person in enumerate(people):
            self._draw_person(index, person)
        return self._read(canvas)

    def close(self) -> None:
        """Give the canvas and the context back."""
        self._release_canvas()
        self._context.release()

    def _draw_person(self, index: int, person: Person) -> None:
        moving = np.concatenate([person.vertices, normals(person.vertices, self._faces)], axis=1)
        self._moving.write(np.ascontiguousarray(moving, dtype=np.float32).tobytes())
        self._set("index", float(index + 1))
        for field in fields(person.look):
            self._set(field.name, getattr(person.look, field.name))
        self._mesh.render()

    def _set(self, name: str, value: object) -> None:
        member = self._program[name]
        assert isinstance(member, moderngl.Uniform)
        member.value = value

    def _canvas_of(self, camera: PinholeCamera) -> moderngl.Framebuffer:
        """The canvas, at least as large as the camera's picture, ready for drawing there."""
        width, height = camera.width * OVERSAMPLING, camera.height * OVERSAMPLING
        if self._canvas is None or self._canvas.width < width or self._canvas.height < height:
            if self._canvas is not None:
                width, height = max(width, self._canvas.width), max(height, self._canvas.height)
                self._release_canvas()
            size = (width, height)
            self._canvas = self._context.framebuffer(
                [self._context.texture(size, 4), self._context.texture(size, 2, dtype="f4")],
                self._context.depth_texture(size),
            )
        self._canvas.viewport = (0, 0, camera.width * OVERSAMPLING, camera.height * OVERSAMPLING)
        return self._canvas

    def _release_canvas(self) -> None:
        """Textures must be released explicitly, or memory fills up."""
        if self._canvas is not None:
            for texture in (*self._canvas.color_attachments, self._canvas.depth_attachment):
                if texture is not None:
                    texture.release()
            self._canvas.release()
            self._canvas = None

    def _read(self, canvas: moderngl.Framebuffer) -> Drawing:
        _, _, width, height = area = canvas.viewport
        rgba = np.frombuffer(canvas.read(area, 4), np.uint8).reshape(height, width, 4)
        found = np.frombuffer(canvas.read(area, 2, attachment=1, dtype="f4"), np.float32)
        who, depth = found.reshape(height, width, 2)[::-1].transpose(2, 0, 1)
        size = (width // OVERSAMPLING, height // OVERSAMPLING)
        averaged = cv2.resize(rgba[::-1], size, interpolation=cv2.INTER_AREA)
        small = np.asarray(averaged, dtype=np.float32) / np.float32(255)
        return Drawing(
            colour=small[..., :3],
            coverage=small[..., 3],
            who=who.astype(np.int32) + NO_PERSON,
            depth=np.where(who > 0, depth, np.inf).astype(np.float32),
        )


def body_marks(bodies: Bodies) -> NDArray[np.float32]:
    """Where each vertex lies on the resting body, for painting: (V, 7) float32.

    Columns: x, y, z at rest (m, body frame); place along the arm (0 shoulder, 0.5 elbow, 1 wrist);
    place along the leg (0 hip, 0.5 knee, 1 ankle); how much it belongs to the head; to an arm.
    """
    rest = bodies.usual_vertices()
    weights, names = bodies.bone_weights(), bodies.bone_names
    heads = bodies.usual_bone_heads()

    def belonging(*starts: str) -> NDArray[np.float32]:
        chosen = [i for i, name in enumerate(names) if name.startswith(starts)]
        return np.asarray(weights[:, chosen].sum(1))

    arm = belonging("upperarm", "lowerarm", "wrist", "finger", "metacarpal")
    leg = belonging("upperleg", "lowerleg", "foot", "toe")
    along_arm, along_leg = np.zeros(len(rest)), np.zeros(len(rest))
    for letter, sign in (("L", 1.0), ("R", -1.0)):
        mine = np.sign(rest[:, 0]) == sign
        for along, limb in (
            (along_arm, ("upperarm01", "lowerarm01", "wrist")),
            (along_leg, ("upperleg01", "lowerleg01", "foot")),
        ):
            points = np.stack([heads[names.index(f"{bone}.{letter}")] for bone in limb])
            along[mine] = _along(rest[mine], points)
    on_leg, on_head = np.clip(leg * 2, 0, 1), belonging("head", "neck03")
    marks = np.stack([along_arm * arm, along_leg * on_leg, on_head, arm], axis=1)
    return np.concatenate([rest, marks], axis=1).astype(np.float32)


def _along(points: NDArray[np.float32], line: NDArray[np.float32]) -> NDArray[np.float32]:
    """Place of (N, 3) points along a two-piece line (3, 3): 0 start, 0.5 bend, 1 end, > 1 past."""
    first, second = line[1] - line[0], line[2] - line[1]
    upper = (points - line[0]) @ first / (first @ first)
    lower = (points - line[1]) @ second / (second @ second)
    place = np.where(lower > 0, 0.5 + lower / 2, np.clip(upper, 0, 1) / 2)
    return np.asarray(place, dtype=np.float32)
