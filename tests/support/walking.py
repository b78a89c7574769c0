"""Two people who walk past each other, with the right shank of one hidden from half-way on."""

import numpy as np

from engine.offline.recording import unseen_frame
from engine.skeleton import COCO
from engine.types import JointState, Poses, Result

RATE = 29.97
SIZE = (640, 360)
HEADER = {
    "source": "clip.mp4",
    "kind": "video",
    "size": list(SIZE),
    "rotation": 0,
    "rate": 25.0,
    "keypoints": list(COCO.names),
    "skeleton": [list(limb) for limb in COCO.limbs],
}
# Height above the ankles of a standing person of 100 pixels from ankle to shoulder.
_HEIGHT = {
    **dict.fromkeys(("nose", "left_eye", "right_eye", "left_ear", "right_ear"), 117.0),
    **dict.fromkeys(("left_shoulder", "right_shoulder"), 100.0),
    **dict.fromkeys(("left_elbow", "right_elbow"), 76.0),
    **dict.fromkeys(("left_wrist", "right_wrist"), 56.0),
    **dict.fromkeys(("left_hip", "right_hip"), 63.0),
    **dict.fromkeys(("left_knee", "right_knee"), 31.6),
    **dict.fromkeys(("left_ankle", "right_ankle"), 0.0),
}


def walking(frames: int = 30) -> list[Result]:
    """Two people with the ids 0 and 1 in every frame, at times of 29.97 frames per second."""
    return [_frame(t, frames) for t in range(frames)]


def _frame(t: int, frames: int) -> Result:
    heights = np.array([_HEIGHT[name] for name in COCO.names])
    xy = np.zeros((2, len(COCO), 2))
    for person, (x, side) in enumerate(((100.0 + 6 * t, 1.0), (500.0 - 6 * t, -1.0))):
        xy[person, :, 0] = x + side * np.sin(t / 5) * (heights < 60) * 8
        xy[person, :, 1] = 300.0 - heights
    state = np.full((2, len(COCO)), JointState.DETECTED, np.uint8)
    if t >= frames // 2:
        state[0, COCO.names.index("right_ankle")] = JointState.ABSENT  # COCO's last keypoint
    there = state != JointState.ABSENT
    xy = np.where(there[..., None], np.round(xy, 2), np.nan).astype(np.float32)
    score = np.where(there, 0.8, 0.0).astype(np.float32)
    ids = np.arange(2, dtype=np.int32)
    poses = Poses(xy, score, np.full(2, 0.75, np.float32), ids, state, xy)
    return Result(unseen_frame(SIZE, t, round(t / RATE, 6), source="clip.mp4"), poses)
