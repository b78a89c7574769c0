"""The measure of the demo clip counts what it says it counts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.offline.recording import concatenate
from engine.types import UNTRACKED, JointState, untracked
from tests.measure.demo import compare

DEMO = Path(__file__).parents[2] / "assets" / "demo"


@pytest.fixture(scope="module")
def truth():
    return json.loads((DEMO / "people.json").read_text())["frames"]


def perfect(truth, move=0.0):
    """Every true person, moved to the right by so many times the longer side of the box."""
    frames = []
    for frame in truth:
        people = frame["people"]
        points = np.array([person["keypoints"] for person in people], np.float32)
        xy, seen = points[..., :2], points[..., 2] > 0
        xy[..., 0] += move * np.array([[max(p["box"][2:])] for p in people])
        state = np.where(seen, JointState.DETECTED, JointState.ABSENT).astype(np.uint8)
        poses = untracked(
            np.where(seen[..., None], xy, np.nan).astype(np.float32),
            seen.astype(np.float32),
            np.ones(len(people), np.float32),
            state,
        )
        frames.append(replace(poses, ids=np.array([p["id"] for p in people], np.int32)))
    return frames


def test_the_truth_itself_is_followed_perfectly(truth):
    found = compare(perfect(truth), truth)
    assert (found.pck, found.pck_hidden) == (1, 1)
    assert (found.switches, found.ids, found.missed, found.false_people) == (0, 10, 0, 0)


@pytest.mark.parametrize(("move", "near"), [(0.09, True), (0.11, False)])
def test_near_means_a_tenth_of_the_longer_side_of_the_box(truth, move, near):
    found = compare(perfect(truth, move), truth)
    # Where two people stand a step apart, a moved one can be near the other.
    assert found.pck == 1 if near else found.pck < 0.1


def test_a_person_nobody_found_counts_with_all_joints(truth):
    frames = perfect(truth)
    frames[:100] = [frame.take(np.zeros(0, np.intp)) for frame in frames[:100]]
    found = compare(frames, truth)
    people = [len(frame["people"]) for frame in truth]
    assert found.missed == pytest.approx(sum(people[:100]) / sum(people))
    assert found.pck == pytest.approx(1 - found.missed, abs=0.05)


def test_each_change_of_an_id_is_a_switch_and_lost_ids_are_none(truth):
    frames = perfect(truth)
    for index in range(30, 60):  # people of the first shot exchange their ids for a while
        frames[index] = replace(frames[index], ids=frames[index].ids[::-1].copy())
    for index in range(65, 70):
        lost = np.full_like(frames[index].ids, UNTRACKED)
        frames[index] = replace(frames[index], ids=lost)
    shown = len(truth[30]["people"])
    assert compare(frames, truth).switches == 2 * (shown - shown % 2)


def test_somebody_who_is_not_there_is_a_false_person(truth):
    frames = perfect(truth)
    ghost = perfect(truth, move=5.0)[0].take(np.array([0]))
    frames[0] = concatenate([frames[0], ghost], 17)
    found = compare(frames, truth)
    assert found.pck == 1
    assert found.false_people == pytest.approx(1 / len(truth))
