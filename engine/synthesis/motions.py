"""How people move: joint angles over time for walking, waving, sitting down and the like.

A motion is an array of poses (T, A) in degrees, columns ANGLE_NAMES, one row per frame. `steps`
turns poses into a path on the floor on which the standing foot stays where it is.
World frame: x right, y away from the camera, z up, metres, floor at z = 0. Heading 0 faces the
camera (-y), 90° walks to the right.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from engine.skeleton import COCO
from engine.synthesis.bodies import ANGLE_NAMES, Bodies, angles

JointAngles = NDArray[np.float32]  # (T, A) degrees
Track = NDArray[np.float64]  # (T,) one angle over time, degrees
LEFT_ANKLE, RIGHT_ANKLE = COCO.names.index("left_ankle"), COCO.names.index("right_ankle")


def motion(count: int, **tracks: Track | float) -> JointAngles:
    """Everyday poses, but for the angles whose course is given."""
    poses = np.tile(angles(), (count, 1))
    for name, track in tracks.items():
        poses[:, ANGLE_NAMES.index(name)] = track
    return poses


def walk(
    time: Track, *, period: float = 1.1, energy: float = 1.0, start: float = 0.0
) -> JointAngles:
    """Walking on level ground; a period is two steps. Curves after textbook gait analysis."""
    tracks: dict[str, Track | float] = {"spine_flex": 5.0}
    for side, late in (("left", 0.0), ("right", 0.5)):
        phase = (time / period + start + late) % 1.0  # 0: the heel touches the ground
        tracks[f"{side}_hip_flex"] = 9.0 + energy * 21.0 * np.cos(2 * np.pi * (phase + 0.03))
        bend = 13.0 * _bump(phase, 0.14, 0.07) + 56.0 * _bump(phase, 0.73, 0.115)
        tracks[f"{side}_knee"] = 5.0 + energy * bend
        push = 4.0 * _bump(phase, 0.06, 0.04) + 17.0 * _bump(phase, 0.62, 0.07)
        tracks[f"{side}_ankle"] = push - 9.0 * _bump(phase, 0.42, 0.13)
        tracks[f"{side}_hip_out"] = 0.5
        swing = 2.0 - energy * 22.0 * np.cos(2 * np.pi * phase)
        tracks |= _arm(side, forward=swing, out=9.0)
        tracks[f"{side}_elbow"] = 22.0 + 10.0 * energy * (1 - np.cos(2 * np.pi * phase))
    sway = np.cos(2 * np.pi * (time / period + start))
    tracks["spine_twist"], tracks["neck_twist"] = 5.0 * energy * sway, -4.0 * energy * sway
    return motion(len(time), **tracks)


def wave(time: Track, *, side: str = "right", beats: float = 1.6) -> JointAngles:
    """Standing and waving one hand beside the head; the other arm hangs."""
    swing = np.sin(2 * np.pi * beats * time)
    tracks = {
        f"{side}_shoulder_plane": 12.0 + 0 * time,
        f"{side}_shoulder_elevation": 78.0 + 5.0 * swing,
        f"{side}_shoulder_twist": -74.0 + 0 * time,
        f"{side}_elbow": 88.0 + 30.0 * swing,
    }
    shift = np.sin(2 * np.pi * 0.3 * time)
    return motion(len(time), spine_side=2.5 * shift, neck_side=-3 + 3 * shift, **tracks)


def cheer(time: Track) -> JointAngles:
    """Both arms up and down again, knees giving in a little."""
    up = 0.5 - 0.5 * np.cos(2 * np.pi * 0.7 * time)
    tracks: dict[str, Track] = {}
    for side in ("left", "right"):
        tracks[f"{side}_shoulder_plane"] = 15.0 + 20.0 * (1 - up)
        tracks[f"{side}_shoulder_elevation"] = 12.0 + 143.0 * up
        tracks[f"{side}_elbow"] = 45.0 - 35.0 * up
        tracks[f"{side}_shoulder_twist"] = 20.0 - 40.0 * up
        dip = 22.0 * np.sin(2 * np.pi * 0.7 * time) ** 2
        tracks[f"{side}_knee"], tracks[f"{side}_hip_flex"] = dip, 0.55 * dip
        tracks[f"{side}_ankle"] = -0.4 * dip
    return motion(len(time), spine_flex=4.0 - 8.0 * up, neck_flex=-12.0 * up, **tracks)


def sit(time: Track, *, begin: float, seconds: float = 1.3) -> JointAngles:
    """Standing, then sitting down from `begin` on; hands come to rest on the thighs."""
    down = smooth(time, begin, begin + seconds)
    on_the_way = np.sin(np.pi * down)
    tracks: dict[str, Track] = {}
    for side in ("left", "right"):
        tracks[f"{side}_hip_flex"] = 4.0 + 82.0 * down + 14.0 * on_the_way
        tracks[f"{side}_knee"] = 6.0 + 80.0 * down
        tracks[f"{side}_ankle"] = -10.0 * on_the_way
        tracks[f"{side}_hip_out"] = 3.0 + 6.0 * down
        tracks |= _arm(side, forward=4.0 + 24.0 * down + 14.0 * on_the_way, out=9.0)
        tracks[f"{side}_elbow"] = 18.0 + 45.0 * down
    return motion(len(time), spine_flex=4.0 + 4.0 * down + 24.0 * on_the_way, **tracks)


def talk(time: Track, *, start: float = 0.0) -> JointAngles:
    """Standing and talking with the hands, looking left and right."""
    slow, fast = np.sin(2 * np.pi * (0.35 * time + start)), np.sin(2 * np.pi * (0.9 * time + start))
    tracks: dict[str, Track] = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        tracks |= _arm(side, forward=22.0 + 12.0 * sign * fast, out=14.0 + 5.0 * slow)
        tracks[f"{side}_elbow"] = 72.0 + 22.0 * sign * fast
        tracks[f"{side}_shoulder_twist"] = 22.0 + 12.0 * slow
        tracks[f"{side}_hip_flex"] = 3.0 + 3.0 * sign * slow
        tracks[f"{side}_knee"] = 7.0 + 6.0 * sign * slow
    return motion(len(time), neck_twist=28.0 * slow, spine_twist=7.0 * slow, **tracks)


def bend_down(time: Track, *, begin: float, seconds: float = 2.2) -> JointAngles:
    """Bending down to the floor as if picking something up, and straightening again."""
    low = np.sin(np.pi * np.clip((time - begin) / seconds, 0, 1)) ** 2
    tracks: dict[str, Track] = {}
    for side in ("left", "right"):
        tracks[f"{side}_hip_flex"] = 5.0 + 72.0 * low
        tracks[f"{side}_knee"] = 7.0 + 48.0 * low
        tracks[f"{side}_ankle"] = -12.0 * low
        reach = 60.0 if side == "right" else 25.0
        tracks |= _arm(side, forward=4.0 + reach * low, out=9.0)
        tracks[f"{side}_elbow"] = 20.0 - 8.0 * low
    return motion(len(time), spine_flex=4.0 + 48.0 * low, neck_flex=2.0 - 12.0 * low, **tracks)


def blend(first: JointAngles, second: JointAngles, share: Track) -> JointAngles:
    """Go over from one motion to another, frame by frame; share 0 is the first."""
    weight = share[:, None]
    return (first * (1 - weight) + second * weight).astype(np.float32)


def smooth(time: Track, begin: float, end: float) -> Track:
    """From 0 before `begin` to 1 after `end`, without a jerk."""
    share = np.clip((time - begin) / (end - begin), 0, 1)
    return np.asarray(share * share * (3 - 2 * share))


def steps(
    bodies: Bodies,
    build: NDArray[np.float32],
    poses: JointAngles,
    heading_deg: float,
    start: tuple[float, float],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Meshes (T, V, 3) and keypoints (T, 17, 3) in the world of one person moving.

    The lower foot carries: it touches the floor and does not slide, so the body moves over it.
    `start` is the pelvis' first place on the floor.
    """
    builds = torch.from_numpy(np.tile(build, (len(poses), 1)))
    vertices, points = (part.numpy() for part in bodies.posed(builds, torch.from_numpy(poses)))
    cos, sin = np.cos(np.radians(heading_deg)), np.sin(np.radians(heading_deg))
    turn = np.asarray([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)
    vertices, points = vertices @ turn.T, points @ turn.T
    place = np.empty((len(poses), 3), np.float32)
    place[:, 2] = -vertices[:, :, 2].min(1)
    place[0, :2] = start
    ankles = points[:, (LEFT_ANKLE, RIGHT_ANKLE)]
    for now in range(1, len(poses)):
        move = ankles[now - 1, :, :2] - ankles[now, :, :2]  # that keeps each foot in place
        lift = ankles[now, 0, 2] - ankles[now, 1, 2]
        left = 1 / (1 + np.exp(lift / 0.01))  # both carry where they are level
        place[now, :2] = place[now - 1, :2] + left * move[0] + (1 - left) * move[1]
    return vertices + place[:, None], points + place[:, None]


def _arm(side: str, *, forward: Track | float, out: Track | float) -> dict[str, Track]:
    """Shoulder angles of an arm that hangs `forward` and `out` degrees off the vertical."""
    ahead, aside = np.sin(np.radians(forward)), np.sin(np.radians(out))
    return {
        f"{side}_shoulder_plane": np.degrees(np.arctan2(ahead, aside)),
        f"{side}_shoulder_elevation": np.degrees(np.arcsin(np.minimum(np.hypot(ahead, aside), 1))),
    }


def _bump(phase: Track, centre: float, width: float) -> Track:
    """A smooth hill of height 1 on the circle of phases."""
    away = (phase - centre + 0.5) % 1.0 - 0.5
    return np.asarray(np.exp(-((away / width) ** 2)))


Motion = Callable[[Track], JointAngles]
