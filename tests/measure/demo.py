"""How well `process` follows the people of the demo clip, whose true keypoints are known.

    python -m tests.measure.demo [WEIGHTS] [SECTION.KEY=VALUE ...]

prints it. PCK@0.1 is the share of joints found within a tenth of the longer side of the person's
box (of what shows of the person). A person nobody found counts with all joints; each found person
answers for one true person at most. Joints another body hides are counted apart.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

import assets
from app.process.batch import process_files
from app.tracks.ndjson import read
from engine.cores import share_the_cores
from engine.settings import load_settings
from engine.skeleton import COCO
from engine.types import UNTRACKED, Poses

NEAR = 0.1  # of the longer side of the box
SAME = 0.5  # of a person's visible joints near: that is the person
VISIBLE, HIDDEN = 2, 1


@dataclass(frozen=True, slots=True)
class Followed:
    """What `process` made of the clip."""

    pck: float  # of visible joints
    pck_hidden: float
    by_joint: dict[str, float]  # PCK of visible joints
    switches: int  # a true person's id is not the one it had when last seen
    ids: int  # given in all; there are ten people
    missed: float  # share of true people, frame by frame, that nobody answers for
    false_people: float  # per frame: those who answer for nobody


def compare(frames: list[Poses], truth: list[dict[str, Any]]) -> Followed:
    """Judge the people of every frame by the truth's."""
    assert len(frames) == len(truth)
    near, states, held, false = [], [], [], 0
    for poses, frame in zip(frames, truth, strict=True):
        people = frame["people"]
        match = [_near(poses, person) for person in people]  # each (found, 17)
        seen = [np.array(person["keypoints"])[:, 2] for person in people]
        answers = _answers(match, seen)
        for person, right, state, row in zip(people, match, seen, answers, strict=True):
            near.append(right[row] if row >= 0 else np.zeros(len(COCO), bool))
            states.append(state)
            sure = row >= 0 and right[row][state == VISIBLE].mean() >= SAME
            held.append((person["id"], int(poses.ids[row]) if sure else UNTRACKED))
        false += len(poses) - int((answers >= 0).sum())
    right, state = np.array(near), np.array(states)
    numbers = {int(number) for poses in frames for number in poses.ids} - {UNTRACKED}
    return Followed(
        pck=float(right[state == VISIBLE].mean()),
        pck_hidden=float(right[state == HIDDEN].mean()),
        by_joint={
            name: float(right[:, k][state[:, k] == VISIBLE].mean())
            for k, name in enumerate(COCO.names)
        },
        switches=_switches(held),
        ids=len(numbers),
        missed=float(np.mean([not row.any() for row in right])),
        false_people=false / len(frames),
    )


def _near(poses: Poses, person: dict[str, Any]) -> NDArray[np.bool_]:
    """(found, 17): which joints of each found person lie near those of a true one."""
    apart = np.linalg.norm(poses.xy - np.array(person["keypoints"])[:, :2], axis=-1)
    return np.asarray(np.nan_to_num(apart, nan=np.inf) <= NEAR * max(person["box"][2:]))


def _answers(match: list[NDArray[np.bool_]], seen: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Which found person answers for each true one, -1 for nobody; most joints right in all."""
    right = [one[:, state > 0].sum(1) for one, state in zip(match, seen, strict=True)]
    score = np.array(right).reshape(len(match), -1)
    out = np.full(len(match), -1)
    for row, column in zip(*linear_sum_assignment(-score), strict=True):
        if score[row, column] > 0:
            out[row] = column
    return out


def _switches(held: list[tuple[int, int]]) -> int:
    last: dict[int, int] = {}
    switches = 0
    for person, number in held:
        if number == UNTRACKED:
            continue
        switches += last.get(person, number) != number
        last[person] = number
    return switches


def measure(weights: str = "compact", changes: tuple[str, ...] = ()) -> Followed:
    """Process the demo clip, with the default settings unless told otherwise, and compare."""
    truth = json.loads(assets.path("demo/people.json").read_text(encoding="utf-8"))
    chosen = (f"engine.weights={json.dumps(weights)}", "output.overlay=false", *changes)
    with tempfile.TemporaryDirectory() as folder:
        summary = process_files(
            [str(assets.path("demo/people.mp4"))], Path(folder), load_settings(changes=chosen)
        )
        assert summary.exit_code == 0, summary
        tracks = read(Path(folder) / "people.ndjson")[1]
        return compare([result.poses for result in tracks], truth["frames"])


def main(arguments: list[str]) -> None:
    """Print the measure."""
    share_the_cores()
    weights = [a for a in arguments if "=" not in a] or ["compact"]
    found = measure(weights[0], tuple(a for a in arguments if "=" in a))
    for name, share in found.by_joint.items():
        print(f"{name:15} {share:.3f}")
    print(f"PCK@{NEAR} visible {found.pck:.3f}, hidden {found.pck_hidden:.3f}")
    print(f"id switches {found.switches}, ids {found.ids} (of 10 people)")
    print(f"people missed {found.missed:.3f}, false people per frame {found.false_people:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
