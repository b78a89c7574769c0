"""Parametric human bodies: joint angles and a build in, a posed mesh and exact COCO keypoints out.

The mesh comes from the package `anny` (extra `synth`); this module gives it a small set of named
joint angles in degrees with anatomical limits, so that poses can be written, sampled and fitted.
Body frame: x to the person's left, y to the back, z up, metres, origin at the pelvis; a body at
rest faces -y. Angles of the left and the right side mirror each other: equal values, equal poses.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, reduce

import anny
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.skeleton import COCO

# The reference pose of anny holds arms and legs out and the elbows bent; ours lets them hang.
ARM_OUT_DEG = 40.6
ELBOW_BEND_DEG = 41.0
LEG_OUT_DEG = 6.5

# name: (lowest, highest, usual, spread), degrees. Spread is the deviation of everyday poses.
_TRUNK: dict[str, tuple[float, float, float, float]] = {
    "spine_flex": (-25.0, 75.0, 4.0, 12.0),  # forward is positive
    "spine_side": (-30.0, 30.0, 0.0, 7.0),  # to the left is positive
    "spine_twist": (-40.0, 40.0, 0.0, 9.0),  # turning left is positive
    "neck_flex": (-40.0, 45.0, 2.0, 11.0),
    "neck_side": (-30.0, 30.0, 0.0, 8.0),
    "neck_twist": (-70.0, 70.0, 0.0, 18.0),
}
_SIDE: dict[str, tuple[float, float, float, float]] = {
    "shoulder_plane": (-70.0, 130.0, 45.0, 35.0),  # 0: sideways, 90: forward
    "shoulder_elevation": (0.0, 165.0, 14.0, 35.0),  # 0: hanging, 90: level
    "shoulder_twist": (-85.0, 90.0, 20.0, 25.0),  # inward is positive
    "elbow": (0.0, 148.0, 25.0, 35.0),  # 0: straight
    "wrist": (-50.0, 50.0, 0.0, 12.0),
    "hip_flex": (-25.0, 125.0, 6.0, 30.0),  # forward is positive
    "hip_out": (-20.0, 55.0, 4.0, 9.0),  # away from the other leg is positive
    "hip_twist": (-35.0, 45.0, -3.0, 12.0),  # inward is positive
    "knee": (0.0, 148.0, 8.0, 30.0),
    "ankle": (-30.0, 40.0, 0.0, 10.0),  # toes down is positive
}
ANGLES: dict[str, tuple[float, float, float, float]] = _TRUNK | {
    f"{side}_{name}": row for side in ("left", "right") for name, row in _SIDE.items()
}
ANGLE_NAMES = tuple(ANGLES)
BUILD_NAMES = ("gender", "age", "muscle", "weight", "height", "proportions")  # each in [0, 1]

# One factor of a bone's rotation: axis in the reference pose, angle name, gain, constant degrees.
_Turn = tuple[str, str | None, float, float]


def _turns() -> dict[str, list[_Turn]]:
    """For each moved bone, the rotations whose product, left to right, is its rotation."""
    turns: dict[str, list[_Turn]] = {}
    for part, bones in (
        ("spine", ["spine05", "spine04", "spine03", "spine02", "spine01"]),
        ("neck", ["neck01", "neck02", "neck03", "head"]),
    ):
        share = 1.0 / len(bones)
        for bone in bones:
            turns[bone] = [
                ("z", f"{part}_twist", share, 0.0),
                ("y", f"{part}_side", share, 0.0),
                ("x", f"{part}_flex", share, 0.0),
            ]
    for side, letter, sign in (("left", "L", 1.0), ("right", "R", -1.0)):
        plane, lift = f"{side}_shoulder_plane", f"{side}_shoulder_elevation"
        # The collar bone carries a sixth of the lift, as shoulders rise with the arm.
        turns[f"clavicle.{letter}"] = [("y", lift, -sign / 6, 0.0)]
        turns[f"upperarm01.{letter}"] = [
            ("z", plane, -sign, 0.0),
            ("y", lift, -sign * 5 / 6, 0.0),
            ("z", plane, sign, 0.0),
            ("z", f"{side}_shoulder_twist", -sign, 0.0),
            ("y", None, 0.0, sign * ARM_OUT_DEG),
        ]
        turns[f"lowerarm01.{letter}"] = [(f"elbow.{letter}", f"{side}_elbow", 1.0, -ELBOW_BEND_DEG)]
        turns[f"wrist.{letter}"] = [("x", f"{side}_wrist", -1.0, 0.0)]
        turns[f"upperleg01.{letter}"] = [
            ("x", f"{side}_hip_flex", -1.0, 0.0),
            ("y", f"{side}_hip_out", -sign, sign * LEG_OUT_DEG),
            ("z", f"{side}_hip_twist", -sign, 0.0),
        ]
        turns[f"lowerleg01.{letter}"] = [("x", f"{side}_knee", 1.0, 0.0)]
        turns[f"foot.{letter}"] = [("x", f"{side}_ankle", 1.0, 0.0)]
    return turns


_AXES = {
    "x": (1.0, 0.0, 0.0),
    "y": (0.0, 1.0, 0.0),
    "z": (0.0, 0.0, 1.0),
    "elbow.L": (-0.758, -0.062, -0.649),  # upper arm × forearm in the reference pose
    "elbow.R": (-0.758, 0.062, 0.649),
}


@dataclass(frozen=True, slots=True, eq=False)
class Bones:
    """What B builds need to move their keypoints without their meshes."""

    which: list[int]  # N bones of the model, parents first
    parents: list[int]  # for each its parent's place in `which`, -1 for the root
    heads: Tensor  # (B, N, 3) bone heads in the reference pose, metres
    arm: Tensor  # (B, 17, N, 3) keypoint offsets from each bone's head, times the bone's share
    share: Tensor  # (17, N) how much each bone carries each keypoint


def angles(**degrees: float) -> NDArray[np.float32]:
    """One pose (A,) float32 in degrees: the usual one, but for the angles named."""
    unknown = sorted(set(degrees) - set(ANGLES))
    if unknown:
        raise ValueError(f"unknown angles {unknown}; known: {', '.join(ANGLE_NAMES)}")
    values = [degrees.get(name, row[2]) for name, row in ANGLES.items()]
    return np.asarray(values, dtype=np.float32)


def rotation(axis: tuple[float, float, float], radians: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) about an axis by angles (...) (Rodrigues)."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = radians.new_tensor([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    eye = torch.eye(3, dtype=radians.dtype)
    sin, cos = radians.sin()[..., None, None], radians.cos()[..., None, None]
    return eye + sin * cross + (1 - cos) * (cross @ cross)


class Bodies:
    """The body model; build it once (a second, or minutes when anny fills its cache)."""

    def __init__(self) -> None:
        self._model = anny.Anny().to(dtype=torch.float32).requires_grad_(False)
        names = list(self._model.bone_labels)
        self.parents = [int(parent) for parent in self._model.bone_parents]
        self._turns = [(names.index(bone), turns) for bone, turns in _turns().items()]
        self._regressor = anny.KeypointsRegressor.coco(self._model, list(COCO.names))
        self.bone_names = names
        self.faces = self._model.faces.numpy().astype(np.int32)  # (F, 3)

    def bone_weights(self) -> NDArray[np.float32]:
        """How much each bone moves each vertex: (V, N), rows sum to 1."""
        model = self._model
        dense = torch.zeros(len(model.template_vertices), len(self.bone_names))
        dense.scatter_add_(1, model.vertex_bone_indices.long(), model.vertex_bone_weights)
        return dense.numpy()

    def usual_vertices(self) -> NDArray[np.float32]:
        """The reference pose of the middle build: (V, 3) float32 metres, body frame."""
        posed = self._model(phenotype_kwargs=dict.fromkeys(BUILD_NAMES, 0.5))
        return np.asarray(posed["vertices"][0].numpy())

    def usual_bone_heads(self) -> NDArray[np.float32]:
        """Where the bones of that body begin: (N, 3) float32 metres, body frame."""
        posed = self._model(phenotype_kwargs=dict.fromkeys(BUILD_NAMES, 0.5))
        return np.asarray(posed["bone_poses"][0, :, :3, 3].numpy())

    def _own_turns(self, degrees: Tensor) -> dict[int, Tensor]:
        """The rotation (B, 3, 3) of each bone that has one, for poses `degrees` (B, A)."""
        radians = torch.deg2rad(degrees)
        result: dict[int, Tensor] = {}
        for bone, turns in self._turns:
            factors = []
            for axis, name, gain, constant in turns:
                turn = degrees.new_full((len(degrees),), math.radians(constant))
                if name is not None:
                    turn = turn + gain * radians[:, ANGLE_NAMES.index(name)]
                factors.append(rotation(_AXES[axis], turn))
            result[bone] = reduce(torch.matmul, factors)
        return result

    @torch.no_grad()
    def posed(self, builds: Tensor, degrees: Tensor) -> tuple[Tensor, Tensor]:
        """Vertices (B, V, 3) and COCO keypoints (B, 17, 3), metres, body frame.

        Args:
            builds: (B, 6) in [0, 1], columns BUILD_NAMES.
            degrees: (B, A), columns ANGLE_NAMES.
        """
        pose = torch.eye(4).repeat(len(degrees), len(self.parents), 1, 1)
        for bone, turn in self._own_turns(degrees).items():
            pose[:, bone, :3, :3] = turn
        output = self._model(pose_parameters=pose, phenotype_kwargs=builds)
        return output["vertices"], self._regressor(output)

    @torch.no_grad()
    def bones(self, builds: Tensor) -> Bones:
        """Reduce meshes to what `keypoints` needs: exact, as skinning and regressor are linear."""
        output = self._model(phenotype_kwargs=builds)
        poses = output["rest_bone_poses"]
        weights = torch.from_numpy(self.bone_weights())
        which = self._carriers(self._regressor.regression_weights @ weights)
        regress = torch.einsum("kv,vn->knv", self._regressor.regression_weights, weights[:, which])
        flat = regress.flatten(0, 1).to_sparse()
        vertices = output["rest_vertices"].transpose(0, 1).flatten(1)  # (V, B·3)
        moment = (flat @ vertices).view(*regress.shape[:2], len(builds), 3).permute(2, 0, 1, 3)
        share = regress.sum(2)
        poses = poses[:, which]
        offset = moment - share[:, :, None] * poses[:, None, :, :3, 3]
        straighten = self._model.reference_bone_orientations[which] @ poses[:, :, :3, :3].mT
        arm = torch.einsum("bnij,bknj->bkni", straighten, offset)
        heads = output["bone_poses"][:, which, :3, 3]
        parents = [which.index(self.parents[bone]) if bone else -1 for bone in which]
        return Bones(which, parents, heads.expand(len(builds), -1, -1), arm, share)

    def keypoints(self, bones: Bones, degrees: Tensor) -> Tensor:
        """COCO keypoints (B, 17, 3), metres, body frame; differentiable in `degrees` (B, A)."""
        own = self._own_turns(degrees)
        turn: list[Tensor] = []
        head: list[Tensor] = []
        for i, (bone, parent) in enumerate(zip(bones.which, bones.parents, strict=True)):
            if parent < 0:
                turn.append(own.get(bone, torch.eye(3).expand(len(degrees), 3, 3)))
                head.append(bones.heads[:, i])
                continue
            step = bones.heads[:, i] - bones.heads[:, parent]
            head.append(head[parent] + (turn[parent] @ step[..., None])[..., 0])
            turn.append(turn[parent] @ own[bone] if bone in own else turn[parent])
        # (B, 17, N·3) times (B, N·3, 3): the offsets of all bones, turned and added up.
        carried = bones.arm.flatten(2) @ torch.stack(turn, 1).mT.flatten(1, 2)
        return carried + bones.share @ torch.stack(head, 1)

    def _carriers(self, share: Tensor) -> list[int]:
        """Bones that carry a keypoint, and their ancestors, parents first."""
        needed: set[int] = set()
        for start in torch.nonzero(share.abs().sum(0) > 1e-6).flatten().tolist():
            bone = start
            while bone >= 0:
                needed.add(bone)
                bone = self.parents[bone]
        return sorted(needed)


@cache
def bodies() -> Bodies:
    """The one body model of this process."""
    return Bodies()
