"""Find poses of the body model that lie under annotated 2-D keypoints.

Gradient descent on joint angles, heading and position of many people at once. Angles stay inside
their anatomical limits by construction; a prior of everyday poses resolves what one view leaves
ambiguous. Every person is tried from several headings and the best fit is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.synthesis.bodies import ANGLES, Bodies, Bones, rotation

HEADINGS_DEG = (0.0, 90.0, 180.0, 270.0)
PULL = 0.00012  # weight of the everyday pose against the squared error in person sizes
UPRIGHT_DEG = 15.0  # usual deviation of a person's lean from the camera's up
# From the body frame (z up, facing -y) to a camera that a person at heading 0 looks into.
BODY_TO_CAMERA = ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """B people in front of a camera, each in their own picture's camera frame."""

    builds: NDArray[np.float32]  # (B, 6), columns BUILD_NAMES
    degrees: NDArray[np.float32]  # (B, A), columns ANGLE_NAMES
    turn: NDArray[np.float32]  # (B, 3, 3) body frame → camera frame
    place: NDArray[np.float32]  # (B, 3) the pelvis, metres, camera frame
    error: NDArray[np.float32]  # (B,) mean distance to the labels, in person sizes


def fit_bodies(
    bodies: Bodies, builds: Tensor, keypoints: Tensor, focal: Tensor, *, steps: int = 220
) -> Placed:
    """Pose B people so that their keypoints project onto labels.

    Args:
        bodies: the body model.
        builds: (B, 6) in [0, 1], columns BUILD_NAMES.
        keypoints: (B, 17, 3) x, y in pixels from the picture's centre, COCO visibility (0 ignored).
        focal: (B,) focal length of each person's camera, pixels.
        steps: of gradient descent.
    """
    tries = len(HEADINGS_DEG)
    bones = _repeated(bodies.bones(builds), tries)
    target, known = keypoints.repeat_interleave(tries, 0)[..., :2], keypoints[..., 2] > 0
    weight = (known.float() / known.sum(1, keepdim=True)).repeat_interleave(tries, 0)
    size = person_size(keypoints).repeat_interleave(tries)
    state = _start(target, weight, size, focal.repeat_interleave(tries))
    optimiser = torch.optim.Adam([state.raw, state.lean, state.place], lr=0.06)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 0.09, total_steps=steps)
    for _ in range(steps):
        optimiser.zero_grad()
        error, prior = _cost(bodies, bones, state, target)
        cost = (error.square() / (error.square() + 0.04) * 0.04 * weight).sum(1) + PULL * prior
        cost.sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
    with torch.no_grad():
        error, prior = _cost(bodies, bones, state, target)
        mean = (error * weight).sum(1)
        judged = (error.square() * weight).sum(1) + PULL * prior
        best = judged.view(-1, tries).argmin(1) + torch.arange(len(builds)) * tries
        turn, place = state.turn()[best], state.where()[best]
        degrees = state.degrees()[best]
    return Placed(*(part.numpy() for part in (builds, degrees, turn, place, mean[best])))


def person_size(keypoints: Tensor) -> Tensor:
    """The larger side (B,) of the box around the known keypoints (B, 17, 3), pixels, at least 1."""
    known = keypoints[..., 2:] > 0
    low = torch.where(known, keypoints[..., :2], torch.inf).amin(1)
    high = torch.where(known, keypoints[..., :2], -torch.inf).amax(1)
    return (high - low).amax(1).clamp(min=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """What is being fitted, unconstrained, and what it is measured by."""

    raw: Tensor  # (B, A) logits of the angles within their limits
    lean: Tensor  # (B, 3) change of heading, pitch, roll, radians
    place: Tensor  # (B, 3) the pelvis in the picture, person sizes; log metres per pixel there
    heading: Tensor  # (B,) the start's heading, radians
    size: Tensor  # (B,) person size, pixels
    focal: Tensor  # (B,) pixels

    def degrees(self) -> Tensor:
        low, high, _, _ = _limits()
        degrees: Tensor = low + (high - low) * self.raw.sigmoid()
        return degrees

    def turn(self) -> Tensor:
        """(B, 3, 3) body frame → camera frame."""
        yaw = rotation((0.0, 0.0, 1.0), self.heading + self.lean[:, 0])
        pitch = rotation((1.0, 0.0, 0.0), self.lean[:, 1])
        roll = rotation((0.0, 1.0, 0.0), self.lean[:, 2])
        turn: Tensor = torch.tensor(BODY_TO_CAMERA) @ pitch @ roll @ yaw
        return turn

    def where(self) -> Tensor:
        """(B, 3) the pelvis, metres, camera frame."""
        metres = self.place[:, 2:].exp()  # per pixel at the pelvis
        return torch.cat([self.place[:, :2] * self.size[:, None], self.focal[:, None]], 1) * metres


def _limits() -> Tensor:
    return torch.tensor(list(ANGLES.values())).T


def _start(target: Tensor, weight: Tensor, size: Tensor, focal: Tensor) -> _State:
    """Usual poses at the labels' centre, as large as the labels, headings in turn."""
    low, high, usual, _ = _limits()
    share = ((usual - low) / (high - low)).clamp(0.1, 0.9)
    centre = (target * weight[..., None]).sum(1) / size[:, None]
    place = torch.cat([centre, (1.5 / size).log()[:, None]], 1)
    headings = torch.tensor(HEADINGS_DEG).repeat(len(target) // len(HEADINGS_DEG))
    return _State(
        raw=share.logit().repeat(len(target), 1).requires_grad_(),
        lean=torch.zeros(len(target), 3, requires_grad=True),
        place=place.requires_grad_(),
        heading=torch.deg2rad(headings),
        size=size,
        focal=focal,
    )


def _cost(bodies: Bodies, bones: Bones, state: _State, target: Tensor) -> tuple[Tensor, Tensor]:
    """Distance of each keypoint to its label (B, 17), person sizes, and unlikeliness (B,)."""
    degrees = state.degrees()
    points = bodies.keypoints(bones, degrees) @ state.turn().mT + state.where()[:, None]
    depth = points[..., 2:].clamp(min=0.1)
    error = (points[..., :2] / depth * state.focal[:, None, None] - target) / state.size[
        :, None, None
    ]
    _, _, usual, spread = _limits()
    unusual = ((degrees - usual) / spread).square().sum(1)
    lean = (torch.rad2deg(state.lean[:, 1:]) / UPRIGHT_DEG).square().sum(1)
    return (error.square().sum(-1) + 1e-8).sqrt(), unusual + lean


def _repeated(bones: Bones, times: int) -> Bones:
    heads, arm = (part.repeat_interleave(times, 0) for part in (bones.heads, bones.arm))
    return Bones(bones.which, bones.parents, heads, arm, bones.share)
