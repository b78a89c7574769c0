"""Decoding gives the reference's people, joint by joint."""

import numpy as np
import pytest
import torch

from engine.decoding.decode import collect_people, decode, find_people, finish
from engine.decoding.scoring import Scoring
from engine.settings import PAPER_GROUPING, GroupingSettings
from engine.skeleton import COCO
from gpu_ops import open_device
from gpu_ops.device import Maps, Peaks
from tests.support.golden import BESIDE, GOLDEN, SCENES, TIED, load_scene


def assert_same(joints, scores, wanted, wanted_scores):
    assert joints.shape[0] == wanted.shape[0]
    assert joints[..., :2] == pytest.approx(wanted[..., :2], abs=1e-4)
    assert joints[..., 2] == pytest.approx(wanted[..., 2], rel=1e-6)
    assert scores == pytest.approx(wanted_scores, rel=1e-6)


def test_every_recorded_scene_is_listed():
    recorded = {p.stem.removeprefix("parse_") for p in GOLDEN.glob("dev/parse_*.npz")}
    assert recorded <= set(SCENES)
    beside = {p.stem.removeprefix("parse_") for p in BESIDE.glob("dev/parse_*.npz")}
    assert not beside or beside == set(SCENES)


@pytest.mark.parametrize("name", [s for s in SCENES if s not in TIED])
def test_people_equal_the_reference(name):
    heat, tags, scene = load_scene(name)
    joints, scores = decode(heat, tags)
    assert_same(joints, scores, scene["refined"][..., :3], scene["scores"])


@pytest.mark.parametrize("name", [s for s in SCENES if s not in TIED])
def test_people_without_refine_equal_the_reference(name):
    heat, tags, scene = load_scene(name)
    joints, scores = decode(heat, tags, refine=False)
    assert_same(joints, scores, scene["adjusted"][..., :3], scene["scores"])


@pytest.mark.parametrize("name", sorted(TIED))
def test_tied_candidates_in_the_recorded_order_give_the_reference_people(name):
    heat, tags, scene = load_scene(name)
    score = np.where(scene["topk_val"] > 0.1, scene["topk_val"], 0).astype(np.float32)
    x, y = scene["topk_loc"][..., 0], scene["topk_loc"][..., 1]
    cell = (y * heat.shape[2] + x).astype(np.int32)
    peaks = Peaks(cell[None], score[None], scene["topk_tag"].astype(np.float32)[None])
    maps = Maps(torch.from_numpy(heat)[None], torch.from_numpy(tags).permute(3, 0, 1, 2)[None])
    with open_device("cpu") as device, device.lane() as lane:
        people = finish(lane, maps, peaks, COCO.order, PAPER_GROUPING)[0]
    joints = np.concatenate((people.xy, people.joint_score[..., None]), axis=2)
    assert_same(joints, people.score, scene["refined"][..., :3], scene["scores"])


@pytest.mark.parametrize("name", ["one", "thirty", "thirtyfive", "dense_noise"])
def test_matching_the_first_30_groups_only_equals_the_older_reference(name):
    heat, tags, scene = load_scene(name)
    old = "v06_" if "v06_refined" in scene else ""
    settings = PAPER_GROUPING.model_copy(update={"ignore_too_much": True})
    joints, scores = decode(heat, tags, settings=settings)
    assert_same(joints, scores, scene[f"{old}refined"][..., :3], scene[f"{old}scores"])


def test_people_who_will_not_be_shown_are_not_searched_for():
    heat, tags, _ = load_scene("fifteen")
    everybody, scores = decode(heat, tags)
    settings = PAPER_GROUPING.model_copy(update={"min_score": 0.3, "min_joints": 8})
    joints, strong = decode(heat, tags, settings=settings)
    detected = (decode(heat, tags, refine=False)[0][..., 2] > 0).sum(axis=1)
    kept = (scores >= 0.3) & (detected >= 8)
    assert 0 < kept.sum() < len(kept)
    assert np.array_equal(joints, everybody[kept])
    assert np.array_equal(strong, scores[kept])


@pytest.mark.parametrize(("joints", "people"), [(1.0, 0), (0.4, 1)])
def test_a_half_hidden_person_is_kept_by_the_score_that_the_checkpoint_gives(joints, people):
    """Peaks of 0.9 for 4 of 17 joints: 0.21 by the paper, 0.9 * (4 / 17)^0.4 = 0.50 with 0.4."""
    heat = np.zeros((17, 64, 64), np.float32)
    heat[:4, 20, 30] = 0.9
    maps = Maps(torch.from_numpy(heat)[None], torch.zeros((1, 1, 17, 64, 64)))
    settings = GroupingSettings(min_score=0.4)
    scoring = Scoring(joints=joints)
    with open_device("cpu") as device, device.lane() as lane:
        find_people(lane, maps, COCO.order, settings)
        (found,) = collect_people(lane, maps, COCO.order, settings, images=1, scoring=scoring)
    assert len(found.score) == people
    assert found.score == pytest.approx([0.9 * (4 / 17) ** 0.4] * people)
