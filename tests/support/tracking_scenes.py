"""Synthetic scenes with known identities: walking skeletons seen through an imperfect detector.

People of a simple 3-D body walk, stand and exercise in front of a pinhole camera over a textured
background. A nearer person or a pillar hides joints; the detector adds noise, misses people, finds
people who are not there, swaps left and right, and splits people in two. Everything follows from
the seed. Every detection knows whom it came from, so identity needs no guessing in the evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from engine.offline.recording import unseen_frame
from engine.skeleton import COCO
from engine.types import Frame, JointState, Poses, untracked

W, H, FOCAL, EYE = (
    640,
    360,
    550.0,
    1.5,
)  # picture (pixels), focal length (pixels), camera height (m)
NO_PERSON = -1  # the truth label of a false detection
SIGMAS = np.array(COCO.sigmas)
MIRROR = np.array(COCO.mirror)
_LEGS = ((11, 13), (13, 15), (12, 14), (14, 16))
_ARMS = ((5, 7), (7, 9), (6, 8), (8, 10))
_SKIN = (200, 160, 130)

# Standing body, metres: (to the person's left, up, forward).
BODY = np.array(
    [
        *(
            (0, 1.62, 0.1),
            (0.03, 1.66, 0.08),
            (-0.03, 1.66, 0.08),
            (0.07, 1.63, 0),
            (-0.07, 1.63, 0),
        ),
        *((0.2, 1.42, 0), (-0.2, 1.42, 0), (0.24, 1.14, 0), (-0.24, 1.14, 0)),
        *((0.25, 0.88, 0.03), (-0.25, 0.88, 0.03), (0.13, 0.92, 0), (-0.13, 0.92, 0)),
        *((0.12, 0.5, 0.02), (-0.12, 0.5, 0.02), (0.11, 0.08, -0.02), (-0.11, 0.08, -0.02)),
    ]
)


@dataclass
class Walker:
    """A person: where it is over time (metres), and what its limbs do there."""

    path: Callable[[float], tuple[float, float]]  # time -> (x to the right, z away from the camera)
    tall: float  # times the standard body
    phase: float
    shirt: tuple[int, int, int]
    trousers: tuple[int, int, int] = (40, 40, 60)
    exercise: float = 0.0  # arm swings per second
    facing: float | None = None  # radians, 0 = towards the camera; None: as it walks

    def joints(self, time: float) -> np.ndarray:
        """(17, 3) metres: right, up, away."""
        x, z = self.path(time)
        back, ahead = np.array(self.path(time - 0.1)), np.array(self.path(time + 0.1))
        step = (ahead - back) / 0.2
        speed = float(np.hypot(*step))
        body = BODY * self.tall
        body = self._swing(body, time, min(speed / 1.4, 1.2))
        turn = self.facing
        if turn is None:
            turn = float(np.arctan2(step[0], -step[1])) if speed > 0.1 else 0.0
        left, up, forward = body.T
        # Facing the camera, the person's left is on the right of the picture.
        right = left * np.cos(turn) + forward * np.sin(turn)
        away = left * np.sin(turn) - forward * np.cos(turn)
        return np.stack([x + right, up, z + away], axis=1)

    def _swing(self, body: np.ndarray, time: float, stride: float) -> np.ndarray:
        beat = 2 * np.pi * (0.9 * time) + self.phase
        out = body.copy()
        for side, sign in ((0, 1), (1, -1)):
            s = sign * np.sin(beat) * stride
            out[13 + side, 2] += 0.22 * s
            out[15 + side, 2] += 0.42 * s
            out[15 + side, 1] += 0.1 * max(0.0, sign * np.cos(beat)) * stride
            out[7 + side, 2] -= 0.12 * s
            out[9 + side, 2] -= 0.28 * s
        if self.exercise:
            lift = 0.5 - 0.5 * np.cos(2 * np.pi * self.exercise * time + self.phase)
            for side, sign in ((0, 1), (1, -1)):
                angle = np.pi * lift * 0.95
                arm = np.array([sign * np.sin(angle), -np.cos(angle), 0.0])
                out[7 + side] = body[5 + side] + 0.28 * self.tall * arm
                out[9 + side] = body[5 + side] + 0.54 * self.tall * arm
            out[:11, 1] -= 0.12 * lift
        return out


@dataclass
class Pillar:
    """Something that hides whoever walks behind it."""

    x: float
    z: float
    width: float


@dataclass
class Scene:
    """What happens, and through which eyes."""

    name: str
    seed: int
    walkers: list[Walker]
    times: np.ndarray  # (N,) s, the time stamps of the frames
    pillars: list[Pillar] = field(default_factory=list)
    pan: Callable[[float], tuple[float, float]] = lambda time: (0.0, 0.0)  # pixels
    ghosts: int = 1  # places where the detector sees somebody now and then


@dataclass
class Observation:
    """One frame of a scene as a tracker gets it, and the truth about it."""

    frame: Frame
    poses: Poses
    truth: np.ndarray  # (P,) index of the walker each detection came from, or NO_PERSON
    present: np.ndarray  # (G,) indices of the walkers who can be seen


def project(points: np.ndarray, pan: tuple[float, float]) -> np.ndarray:
    """Metres (…, 3) to image pixels (…, 2)."""
    depth = np.maximum(points[..., 2], 0.3)
    u = W / 2 + FOCAL * points[..., 0] / depth + pan[0]
    v = 0.45 * H + FOCAL * (EYE - points[..., 1]) / depth + pan[1]
    return np.stack([u, v], axis=-1)


def observe(scene: Scene, *, pictures: bool = True) -> Iterator[Observation]:
    """The scene's frames in order; without `pictures` they are black, and quicker to be had."""
    detector = _Detector(scene)
    background = _texture(np.random.default_rng(scene.seed + 1)) if pictures else None
    for index, time in enumerate(scene.times.tolist()):
        pan = scene.pan(time)
        bodies = np.array([w.joints(time) for w in scene.walkers]).reshape(-1, 17, 3)
        xy = project(bodies, pan)
        hidden = _hidden(bodies, xy, scene.pillars, pan)
        outside = (xy < 0).any(axis=2) | (xy >= (W, H)).any(axis=2)
        seen = ~hidden & ~outside
        poses, truth = detector(xy, seen, outside, time)
        frame = unseen_frame((W, H), index, time, source=scene.name)
        if background is not None:
            depth = bodies[:, :, 2].mean(axis=1)
            frame = replace(frame, pixels=_picture(background, pan, xy, depth, scene.walkers))
        yield Observation(frame, poses, truth, np.flatnonzero(seen.sum(axis=1) >= 4))


def _hidden(
    bodies: np.ndarray, xy: np.ndarray, pillars: list[Pillar], pan: tuple[float, float]
) -> np.ndarray:
    """(G, 17) which joints something nearer covers."""
    depth = bodies[:, :, 2].mean(axis=1)
    hidden = np.zeros(xy.shape[:2], bool)
    for near in range(len(xy)):
        behind = depth > depth[near] + 0.15
        if behind.any():
            hidden[behind] |= _covered(xy[behind], xy[near], FOCAL / depth[near])
    for pillar in pillars:
        u = project(np.array([pillar.x, 1.0, pillar.z]), pan)[0]
        half = FOCAL * pillar.width / 2 / pillar.z
        hidden |= (np.abs(xy[..., 0] - u) < half) & (depth > pillar.z)[:, None]
    return hidden


def _covered(points: np.ndarray, body: np.ndarray, metre: float) -> np.ndarray:
    """Which points (…, 2) lie behind the flesh of a body (17, 2); `metre` in pixels."""
    neck, crotch = body[5:7].mean(axis=0), body[11:13].mean(axis=0)
    parts = [(neck, crotch, 0.2), (body[:5].mean(axis=0), neck, 0.11)]
    parts += [(body[a], body[b], 0.08) for a, b in _LEGS]
    parts += [(body[a], body[b], 0.05) for a, b in _ARMS]
    covered = np.zeros(points.shape[:-1], bool)
    for a, b, radius in parts:
        along = b - a
        t = np.clip((points - a) @ along / max(along @ along, 1e-9), 0, 1)
        away = np.linalg.norm(points - (a + t[..., None] * along), axis=-1)
        covered |= away < radius * metre
    return covered


class _Detector:
    """What a bottom-up network makes of people: mostly right, sometimes not."""

    def __init__(self, scene: Scene) -> None:
        self.rng = np.random.default_rng(scene.seed)
        people = len(scene.walkers)
        self.drift = np.zeros((people, 17, 2))  # slow part of the error, in sigmas
        self.blind_until = np.zeros(people)
        self.flipped_until = np.zeros(people)
        self.last = scene.times[0]
        self.ghosts = [self._ghost() for _ in range(scene.ghosts)]

    def __call__(
        self, xy: np.ndarray, seen: np.ndarray, outside: np.ndarray, time: float
    ) -> tuple[Poses, np.ndarray]:
        rng, dt = self.rng, max(time - self.last, 0.0)
        self.last = time
        keep = np.exp(-dt / 0.2)
        self.drift = keep * self.drift + np.sqrt(1 - keep**2) * rng.normal(size=self.drift.shape)
        found: list[tuple[np.ndarray, np.ndarray, int]] = []
        for who in range(len(xy)):
            if rng.random() < 0.06 * dt:
                self.blind_until[who] = time + rng.uniform(0.1, 0.6)
            if rng.random() < 0.15 * dt:
                self.flipped_until[who] = time + rng.uniform(0.03, 0.3)
            body, score = self._person(xy, seen, outside, who, time)
            if time < self.blind_until[who] or rng.random() < 0.02:
                continue
            if np.isfinite(body[:, 0]).sum() < 4:
                continue
            found += self._maybe_split(body, score, who)
        found += self._false_ones()
        order = rng.permutation(len(found))
        return _poses([found[i] for i in order])

    def _person(
        self, xy: np.ndarray, seen: np.ndarray, outside: np.ndarray, who: int, time: float
    ) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        body, visible = xy[who].copy(), seen[who]
        size = np.sqrt(np.prod(np.ptp(body, axis=0).clip(10)))
        spread = (SIGMAS * size)[:, None]
        bad = np.where(rng.random(17) < 0.02, 5.0, 1.0) * np.where(visible, 1.0, 2.5)
        body = body + spread * bad[:, None] * (
            0.7 * rng.normal(size=(17, 2)) + 0.7 * self.drift[who]
        )
        # A hidden joint is guessed now and then, sometimes at the joint of the person in front.
        guessed = ~visible & ~outside[who] & (rng.random(17) < 0.25)
        if len(xy) > 1:
            others = np.delete(np.arange(len(xy)), who)
            nearest = others[np.argmin(np.linalg.norm(xy[others, 5] - xy[who, 5], axis=1))]
            stolen = guessed & (rng.random(17) < 0.5)
            body[stolen] = xy[nearest][stolen]
        present = (visible & (rng.random(17) > 0.04)) | guessed
        if time < self.flipped_until[who]:
            body, present = body[MIRROR], present[MIRROR]
        score = np.where(visible, rng.normal(0.72, 0.1, 17), rng.normal(0.25, 0.08, 17))
        score = np.where(present, score.clip(0.1, 0.98), 0.0)
        return np.where(present[:, None], body, np.nan), score

    def _maybe_split(
        self, body: np.ndarray, score: np.ndarray, who: int
    ) -> list[tuple[np.ndarray, np.ndarray, int]]:
        if self.rng.random() > 0.01:
            return [(body, score, who)]
        upper = np.arange(17) < 11
        halves = []
        for part, label in ((upper, who), (~upper, NO_PERSON)):
            half = np.where(part[:, None], body, np.nan)
            if np.isfinite(half[:, 0]).sum() >= 4:
                halves.append((half, np.where(part, score, 0.0), label))
        return halves

    def _ghost(self) -> np.ndarray:
        x, z = self.rng.uniform(-2.5, 2.5), self.rng.uniform(4.5, 9)
        return project(BODY + np.array((x, 0, z)), (0.0, 0.0))

    def _false_ones(self) -> list[tuple[np.ndarray, np.ndarray, int]]:
        rng = self.rng
        ghosts = [g for g in self.ghosts if rng.random() < 0.08]
        if rng.random() < 0.03:
            ghosts.append(self._ghost())
        out = []
        for ghost in ghosts:
            body = ghost + rng.normal(0, 8, (17, 2))
            score = np.where(rng.random(17) < 0.6, rng.normal(0.28, 0.1, 17).clip(0.1, 0.6), 0.0)
            if (score > 0).sum() >= 4:
                out.append((np.where((score > 0)[:, None], body, np.nan), score, NO_PERSON))
        return out


def _poses(found: list[tuple[np.ndarray, np.ndarray, int]]) -> tuple[Poses, np.ndarray]:
    xy = np.array([f[0] for f in found], np.float32).reshape(-1, 17, 2)
    score = np.array([f[1] for f in found], np.float32).reshape(-1, 17)
    there = score > 0
    person = (score.sum(axis=1) / np.maximum(there.sum(axis=1), 1)).astype(np.float32)
    state = np.where(there, JointState.DETECTED, JointState.ABSENT).astype(np.uint8)
    return untracked(xy, score, person, state), np.array([f[2] for f in found], int)


def _texture(rng: np.random.Generator) -> np.ndarray:
    """(2 H, 4 W, 3) uint8 of coarse and fine structure."""
    picture = np.zeros((2 * H, 4 * W, 3))
    for cell in (40, 8):
        values = rng.integers(0, 128, (2 * H // cell, 4 * W // cell, 3))
        picture += np.kron(values, np.ones((cell, cell, 1)))
    return picture.astype(np.uint8)


def _picture(
    background: np.ndarray,
    pan: tuple[float, float],
    xy: np.ndarray,
    depth: np.ndarray,
    walkers: list[Walker],
) -> np.ndarray:
    left = int(np.clip(1.5 * W - round(pan[0]), 0, background.shape[1] - W))
    top = int(np.clip(0.5 * H - round(pan[1]), 0, background.shape[0] - H))
    pixels = background[top : top + H, left : left + W].copy()
    for who in np.argsort(-depth):
        _dress(pixels, xy[who], FOCAL / max(depth[who], 0.3), walkers[who])
    return pixels


def _dress(pixels: np.ndarray, body: np.ndarray, metre: float, walker: Walker) -> None:
    """Paint one body (17, 2) in its clothes, as thick as `_covered` takes it to be."""
    neck, crotch = body[5:7].mean(axis=0), body[11:13].mean(axis=0)
    legs = [(body[a], body[b], 0.08, walker.trousers) for a, b in _LEGS]
    arms = [(body[a], body[b], 0.05, walker.shirt) for a, b in _ARMS]
    rest = [(neck, crotch, 0.2, walker.shirt), (body[:5].mean(axis=0), neck, 0.11, _SKIN)]
    for a, b, radius, colour in (*legs, *rest, *arms):
        ends = [tuple(np.clip(p, -4000, 4000).round().astype(int).tolist()) for p in (a, b)]
        cv2.line(pixels, *ends, colour, max(1, round(2 * radius * metre)))


def _line(
    start: tuple[float, float],
    velocity: tuple[float, float],
    wobble: float = 0.0,
    phase: float = 0.0,
) -> Callable[[float], tuple[float, float]]:
    def path(t: float) -> tuple[float, float]:
        return (
            start[0] + velocity[0] * t + wobble * np.sin(1.3 * t + phase),
            start[1] + velocity[1] * t + 0.5 * wobble * np.cos(0.9 * t + phase),
        )

    return path


def _walker(
    rng: np.random.Generator, path: Callable[[float], tuple[float, float]], **more: float
) -> Walker:
    shirt = tuple(int(c) for c in rng.integers(0, 255, 3))
    tall, phase = rng.uniform(0.85, 1.1), rng.uniform(0, 6.28)
    # Half of them wear the same dark trousers. A generator of its own: paths stay as they were.
    own = np.random.default_rng(shirt)
    trousers = tuple(own.integers(0, 255, 3).tolist()) if own.random() < 0.5 else (40, 40, 60)
    return Walker(path, tall, phase, shirt, trousers, **more)  # type: ignore[arg-type]


def _crossers(rng: np.random.Generator, count: int, seconds: float) -> list[Walker]:
    """People who walk to and fro across the picture, meeting around the middle."""
    walkers = []
    for i in range(count):
        z, speed = rng.uniform(4, 8), rng.uniform(0.7, 1.7) * (-1) ** i
        meet = rng.uniform(0.3, 0.7) * seconds
        start = (rng.normal(0, 0.4) - speed * meet, z)
        path = _line(start, (speed, rng.normal(0, 0.1)), rng.uniform(0, 0.15), rng.uniform(0, 6))
        walkers.append(_walker(rng, path))
    return walkers


def _times(
    rng: np.random.Generator, rate: float, seconds: float, dropped: float = 0.0
) -> np.ndarray:
    times = np.arange(int(rate * seconds)) / rate
    return times[(rng.random(len(times)) >= dropped) | (times == 0)]


def crossings(seed: int) -> Scene:
    rng = np.random.default_rng(seed)
    return Scene("crossings", seed, _crossers(rng, int(rng.integers(3, 7)), 6), _times(rng, 25, 6))


def occlusions(seed: int) -> Scene:
    rng = np.random.default_rng(seed)
    walkers = _crossers(rng, int(rng.integers(2, 5)), 7)
    pillars = [
        Pillar(rng.uniform(-1.5, 1.5), 3.5, rng.uniform(0.25, 0.6))
        for _ in range(rng.integers(1, 3))
    ]
    return Scene("occlusions", seed, walkers, _times(rng, 25, 7), pillars)


def exits(seed: int) -> Scene:
    """People who leave the picture at its side and come back, some within a second."""
    rng = np.random.default_rng(seed)
    walkers = []
    for _ in range(int(rng.integers(2, 5))):
        z, phase, speed = rng.uniform(4, 7), rng.uniform(0, 6.28), rng.uniform(0.5, 0.9)
        edge = W / 2 / FOCAL * z

        def path(t: float, z: float = z, e: float = edge, p: float = phase, s: float = speed):
            return (e * 1.15 * np.sin(s * t / e * 1.6 + p), z)

        walkers.append(_walker(rng, path))
    return Scene("exits", seed, walkers, _times(rng, 25, 8))


def low_rate(seed: int) -> Scene:
    rng = np.random.default_rng(seed)
    rate = float(rng.choice([4, 5, 6, 8]))
    return Scene("low_rate", seed, _crossers(rng, int(rng.integers(2, 5)), 8), _times(rng, rate, 8))


def pan(seed: int) -> Scene:
    """A hand-held camera: a pan to and fro, and shake."""
    rng = np.random.default_rng(seed)
    walkers = _crossers(rng, int(rng.integers(2, 5)), 6)
    reach, pace, shake = rng.uniform(60, 250), rng.uniform(0.8, 2.0), rng.uniform(2, 12)
    bumps = rng.uniform(0, 6.28, 4)

    def motion(t: float) -> tuple[float, float]:
        return (
            reach * np.sin(pace * t) + shake * np.sin(11 * t + bumps[0]) * np.sin(3 * t + bumps[1]),
            shake * np.sin(13 * t + bumps[2]) + 0.3 * shake * np.sin(29 * t + bumps[3]),
        )

    return Scene("pan", seed, walkers, _times(rng, float(rng.choice([15, 25])), 6), pan=motion)


def exercise(seed: int) -> Scene:
    """A class: rows of people on their spots who overlap and swing their arms."""
    rng = np.random.default_rng(seed)
    walkers = []
    for i in range(int(rng.integers(4, 8))):
        x, z = rng.uniform(-2, 2), 4.5 + 0.8 * i
        path = _line((x, z), (0, 0), rng.uniform(0.1, 0.6), rng.uniform(0, 6))
        walkers.append(
            _walker(rng, path, exercise=rng.uniform(0.3, 0.8), facing=rng.uniform(-0.4, 0.4))
        )
    return Scene("exercise", seed, walkers, _times(rng, 25, 6))


def uneven(seed: int) -> Scene:
    """A live camera that drops a third of its frames."""
    rng = np.random.default_rng(seed)
    walkers = _crossers(rng, int(rng.integers(3, 6)), 6)
    return Scene("uneven", seed, walkers, _times(rng, 30, 6, dropped=0.35), ghosts=3)


KINDS = (crossings, occlusions, exits, low_rate, pan, exercise, uneven)


def scenes(each: int, first_seed: int = 100) -> list[Scene]:
    """`each` scenes of every kind, always the same ones."""
    return [kind(first_seed + 10 * i + n) for n, kind in enumerate(KINDS) for i in range(each)]
