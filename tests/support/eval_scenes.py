"""A small annotated data set of invented people, and an estimator that knows the answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from app.evaluation.command import paper_settings
from app.evaluation.run import EvaluationJob
from engine.coco.ground_truth import GroundTruth, load_ground_truth
from engine.decoding.scoring import PAPER_SCORING
from engine.geometry import fit
from engine.skeleton import COCO
from engine.types import Frame, JointState, untracked

# A standing person in a box of 1 x 2.6, as COCO orders the joints.
BODY = np.array(
    [
        *[(0.50, 0.20), (0.55, 0.15), (0.45, 0.15), (0.62, 0.18), (0.38, 0.18)],
        *[(0.75, 0.55), (0.25, 0.55), (0.88, 0.95), (0.12, 0.95), (0.95, 1.35), (0.05, 1.35)],
        *[(0.66, 1.40), (0.34, 1.40), (0.66, 1.95), (0.34, 1.95), (0.66, 2.50), (0.34, 2.50)],
    ]
)
SIZE = (320, 240)  # of every image


def person(x: float, y: float, height: float = 180.0) -> np.ndarray:
    """(17, 3) joints of somebody whose box begins at x, y; all labelled visible."""
    xy = BODY * (height / 2.6) + (x, y)
    return np.concatenate((xy, np.full((17, 1), 2.0)), axis=1)


def annotation(number: int, image: int, joints: np.ndarray, **changes: object) -> dict:
    seen = joints[joints[:, 2] > 0, :2]
    low, high = seen.min(axis=0), seen.max(axis=0)
    w, h = high - low
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "keypoints": joints.ravel().tolist(),
        "num_keypoints": int((joints[:, 2] > 0).sum()),
        "bbox": [*low.tolist(), float(w), float(h)],
        "area": float(w * h * 0.6),
        "iscrowd": 0,
        **changes,
    }


def dataset(annotations: Sequence[dict], images: int) -> dict:
    w, h = SIZE
    return {
        "images": [
            {"id": i, "file_name": f"{i:03d}.png", "width": w, "height": h}
            for i in range(1, images + 1)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO.names)}],
        "annotations": list(annotations),
    }


def two_people_each(images: int) -> dict:
    """Images 1 to `images`, two people in each."""
    people = [person(20, 30), person(190, 40, 160)]
    return dataset(
        [
            annotation(10 * i + k, i, joints)
            for i in range(1, images + 1)
            for k, joints in enumerate(people)
        ],
        images,
    )


def save(folder: Path, content: dict) -> Path:
    """Write the annotations and an image for every entry; its first pixel tells its id."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "people.json"
    file.write_text(json.dumps(content))
    for image in content["images"]:
        pixels = np.full((image["height"], image["width"], 3), 90, np.uint8)
        pixels[0, 0] = image["id"]
        cv2.imwrite(str(folder / image["file_name"]), pixels)
    return file


def job(folder: Path, content: dict, out: str = "out", open_estimator=None) -> EvaluationJob:
    """An evaluation by the paper's protocol; the data set is written below the folder."""
    data = folder / "data"
    return EvaluationJob(
        annotations=save(data, content),
        images=data,
        settings=paper_settings(),
        out=folder / out,
        open=open_estimator or opener(Knowing(content)),
    )


def load(folder: Path, content: dict) -> GroundTruth:
    return load_ground_truth(save(folder, content))


def prediction(image: int, joints: np.ndarray, score: float = 0.9) -> dict:
    """A result entry that says exactly this."""
    points = np.concatenate((joints[:, :2], np.full((len(joints), 1), score)), axis=1)
    return {
        "image_id": image,
        "category_id": 1,
        "keypoints": points.ravel().tolist(),
        "score": score,
    }


def right_predictions(truth: GroundTruth) -> list[dict]:
    """Every person who counts, exactly where they are, scores falling."""
    return [
        prediction(a["image_id"], np.reshape(a["keypoints"], (-1, 3)), 0.9 - 0.001 * i)
        for i, a in enumerate(truth.annotations)
        if a["num_keypoints"] and not a["iscrowd"]
    ]


class Knowing:
    """Stands in for PoseEstimator: finds the annotated people, `shift` pixels beside."""

    def __init__(
        self,
        content: dict,
        batch: int = 2,
        shift: float = 0.0,
        before: Callable[[int], None] = lambda image: None,
    ) -> None:
        self.batch, self.depth, self.input_size = batch, 2, 64
        self.skeleton = COCO
        self.times = {"network": 0.001}
        self.seen: list[list[int]] = []  # image ids of every batch
        weights = Path(__file__)
        self.checkpoint = SimpleNamespace(
            scoring=PAPER_SCORING,
            name="knowing",
            network_name="w32",
            path=weights,
            published=None,
        )
        self.device = SimpleNamespace(
            name="cpu", description="a test", precision="fp32", runtime="torch"
        )
        self._people: dict[int, list[np.ndarray]] = {}
        for a in content["annotations"]:
            joints = np.add(np.reshape(a["keypoints"], (17, 3)), (shift, 0, 0))
            self._people.setdefault(a["image_id"], []).append(joints)
        self._before = before

    def fit(self, size):
        return fit(size, self.input_size)

    def submit(self, frames: Sequence[Frame]):
        ids = [int(frame.pixels[0, 0, 0]) for frame in frames]
        self.seen.append(ids)
        heat = SimpleNamespace(rows=list(range(len(ids))), maps=SimpleNamespace(heat=_Heat(ids)))
        return SimpleNamespace(ids=ids, parts=[heat])

    def collect(self, ticket):
        for image in ticket.ids:
            self._before(image)
        return [self._poses(image) for image in ticket.ids]

    def _poses(self, image: int):
        people = np.array(self._people.get(image, []), np.float32).reshape(-1, 17, 3)
        score = np.full(people.shape[:2], 0.8, np.float32)
        state = np.full(people.shape[:2], JointState.DETECTED, np.uint8)
        return untracked(people[..., :2], score, score.mean(axis=1), state)


class _Heat(list):
    """Heatmaps of images: as many as there are ids, all zero."""

    def __getitem__(self, index):
        import torch

        return torch.zeros(17, 4, 4)


def opener(*estimators: Knowing):
    """For EvaluationJob.open: each call opens the next estimator, and the last one repeatedly."""
    left = list(estimators)

    @contextmanager
    def opened(settings):
        yield left.pop(0) if len(left) > 1 else left[0]

    return opened
