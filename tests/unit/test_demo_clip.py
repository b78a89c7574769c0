"""The bundled demo clip and its ground truth belong together and show what they promise."""

import json
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from engine.skeleton import COCO

DEMO = Path(__file__).parents[2] / "assets" / "demo"


@pytest.fixture(scope="module")
def truth():
    return json.loads((DEMO / "people.json").read_text())


def test_the_clip_is_small_and_as_long_and_large_as_its_truth_says(truth):
    assert (DEMO / "people.mp4").stat().st_size < 2e6
    with av.open(str(DEMO / "people.mp4")) as container:
        frames = [(f.time, f.width, f.height) for f in container.decode(video=0)]
    assert len(frames) == len(truth["frames"]) == 200
    assert {frame[1:] for frame in frames} == {(truth["width"], truth["height"])} == {(640, 360)}
    times = [frame["time"] for frame in truth["frames"]]
    np.testing.assert_allclose([frame[0] for frame in frames], times, atol=1e-3)
    assert truth["names"] == list(COCO.names)


def test_two_to_four_people_of_decent_size_are_in_every_frame(truth):
    heights = []
    for frame in truth["frames"]:
        assert 2 <= len(frame["people"]) <= 4
        heights += [person["box"][3] for person in frame["people"]]
    assert 90 < np.percentile(heights, 2) < np.median(heights) < max(heights) <= 300


def test_every_keypoint_lies_inside_the_picture_or_is_marked_outside(truth):
    for frame in truth["frames"]:
        for person in frame["people"]:
            x, y, seen = np.asarray(person["keypoints"]).T
            assert len(x) == len(COCO)
            assert set(seen) <= {0, 1, 2}
            assert ((x >= 0) & (x <= 640) & (y >= 0) & (y <= 360)).all()
            assert ((x == 0) & (y == 0))[seen == 0].all()


def test_an_id_stays_with_a_person_who_moves_without_jumps(truth):
    seen = set()
    for before, now in pairwise(truth["frames"]):
        ids = [person["id"] for person in now["people"]]
        assert len(set(ids)) == len(ids)
        earlier = {person["id"]: np.asarray(person["keypoints"]) for person in before["people"]}
        for person in now["people"]:
            if person["id"] not in earlier:
                assert person["id"] not in seen or len(before["people"]) < len(now["people"])
                continue
            old, new = earlier[person["id"]], np.asarray(person["keypoints"])
            both = (old[:, 2] > 0) & (new[:, 2] > 0)
            assert (
                np.abs(old[both, :2] - new[both, :2]).max() < 40
            )  # pixels a frame: a swinging foot
        seen |= set(earlier)
    assert len({p["id"] for frame in truth["frames"] for p in frame["people"]}) == 10


def test_people_cross_and_hide_one_another(truth):
    order = {}
    for frame in truth["frames"]:
        for person in frame["people"]:
            order.setdefault(person["id"], {})[frame["index"]] = person["box"][0]
    crossings = 0
    for a in order:
        for b in order:
            shared = sorted(order[a].keys() & order[b].keys())
            signs = {order[a][i] < order[b][i] for i in shared}
            crossings += a < b and len(signs) == 2
    assert crossings >= 3
    hidden = [k[2] == 1 for f in truth["frames"] for p in f["people"] for k in p["keypoints"]]
    assert 0.02 < np.mean(hidden) < 0.5
