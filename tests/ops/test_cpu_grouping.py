"""Peaks grouped by the compiled loop: the people of the definition, bit by bit."""

import numpy as np
import pytest

from engine.decoding import grouping
from engine.decoding.grouping import group, group_by_definition
from engine.settings import PAPER_GROUPING
from engine.skeleton import COCO
from gpu_ops.cpu_compiled import CompiledBlocks
from tests.support.compiled import compiled_from_source
from tests.support.golden import SCENES, load_scene
from tests.support.peak_scenes import random_peaks


@pytest.fixture(scope="module")
def blocks(tmp_path_factory):
    return CompiledBlocks(compiled_from_source(tmp_path_factory.mktemp("compiled")))


@pytest.fixture(autouse=True)
def compiled(blocks, monkeypatch):
    monkeypatch.setattr(grouping, "compiled_blocks", lambda: blocks)


def people(peaks, order, settings=PAPER_GROUPING):
    """Of both ways; they are equal."""
    found = []
    for score, tag in zip(peaks.score, peaks.tag, strict=True):
        found.append(group_by_definition(score, tag, order, settings))
        assert np.array_equal(group(score, tag, order, settings), found[-1])
    return found


@pytest.mark.parametrize("ignore_too_much", [False, True], ids=["all-groups", "first-30"])
@pytest.mark.parametrize("tags", [1, 2], ids=["T1", "T2"])
@pytest.mark.parametrize("grain", [None, 0.7, 0.5, 0.25], ids=str)
def test_a_random_crowd(grain, tags, ignore_too_much):
    settings = PAPER_GROUPING.model_copy(update={"ignore_too_much": ignore_too_much})
    for seed in range(40):
        found = people(random_peaks(seed, tags=tags, grain=grain), range(5), settings)
        assert sum(map(len, found)) > 2


@pytest.mark.parametrize("tags", [1, 2], ids=["T1", "T2"])
def test_long_tag_lists_are_averaged_in_the_order_of_numpy(tags):
    longest = 0
    for seed in range(20):
        peaks = random_peaks(seed, images=1, joints=20, most=6, tags=tags, people=4)
        found = people(peaks, tuple(reversed(range(20))))
        longest = max(longest, int((found[0] >= 0).sum(axis=1).max()))
    assert longest > 9


def test_more_than_thirty_groups_take_part():
    peaks = random_peaks(4, images=1, joints=4, most=30, people=40, tags=1)
    for ignore_too_much in (False, True):
        settings = PAPER_GROUPING.model_copy(update={"ignore_too_much": ignore_too_much})
        assert len(people(peaks, range(4), settings)[0]) > 30


def test_an_image_without_people_gives_none():
    peaks = random_peaks(5, images=1)
    peaks.score[:] = 0
    assert people(peaks, range(5))[0].shape == (0, 5)


@pytest.mark.parametrize("name", SCENES)
def test_golden_scenes(name):
    _, _, scene = load_scene(name)
    score = np.where(scene["topk_val"] > 0.1, scene["topk_val"], 0).astype(np.float32)
    tag = scene["topk_tag"].astype(np.float32)
    found = group(score, tag, COCO.order, PAPER_GROUPING)
    assert np.array_equal(found, group_by_definition(score, tag, COCO.order, PAPER_GROUPING))
