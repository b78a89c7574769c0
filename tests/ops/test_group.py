"""Peaks grouped by the kernel: the people of engine.decoding.grouping, bit by bit."""

import numpy as np
import pytest
import torch

from engine.decoding.assignment import assign
from engine.decoding.decode import as_groups
from engine.decoding.grouping import group_by_definition
from engine.settings import PAPER_GROUPING
from engine.skeleton import COCO
from gpu_ops import cuda_ops as ops
from tests.support.emulated_device import emulated
from tests.support.emulation import (
    FORWARD,
    REVERSE,
    SHUFFLED,
    Deadlock,
    EmulatedKernels,
    compile_together,
    need_compiler,
)
from tests.support.golden import SCENES, golden_json, load_scene
from tests.support.peak_scenes import peaks_of, random_peaks

SCHEDULES = (FORWARD, REVERSE, SHUFFLED)


def by_host(peaks, order, settings):
    pairs = zip(peaks.score, peaks.tag, strict=True)
    rows = [group_by_definition(s, t, order, settings) for s, t in pairs]
    return as_groups(peaks, rows)


def by_kernel(peaks, order, settings, schedule=FORWARD, edits=()):
    with emulated(kernels=EmulatedKernels(schedule, edits)) as device, device.lane() as lane:
        lane._decoder.found = [torch.from_numpy(a) for a in (peaks.cell, peaks.score, peaks.tag)]
        lane.group_peaks(
            order,
            tag_distance=settings.tag_distance,
            ignore_too_much=settings.ignore_too_much,
        )
        return lane.groups()


def equal(a, b):
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("image", "cell", "tag"))


@pytest.mark.parametrize("ignore_too_much", [False, True], ids=["all-groups", "first-30"])
@pytest.mark.parametrize("tags", [1, 2], ids=["T1", "T2"])
@pytest.mark.parametrize("grain", [None, 0.5, 0.25], ids=str)
def test_a_random_crowd_is_grouped_as_by_the_host(grain, tags, ignore_too_much):
    need_compiler()
    settings = PAPER_GROUPING.model_copy(update={"ignore_too_much": ignore_too_much})
    for seed in range(6):
        peaks = random_peaks(seed, tags=tags, grain=grain)
        wanted = by_host(peaks, range(5), settings)
        assert equal(by_kernel(peaks, range(5), settings), wanted)
        assert len(wanted.image) > 2


@pytest.mark.parametrize("tags", [1, 2], ids=["T1", "T2"])
def test_long_tag_lists_are_averaged_in_the_order_of_numpy(tags):
    need_compiler()
    peaks = random_peaks(3, images=1, joints=20, most=6, tags=tags, people=4)
    wanted = by_host(peaks, range(20), PAPER_GROUPING)
    assert ((wanted.cell >= 0).sum(axis=1) > 9).any()
    assert equal(by_kernel(peaks, range(20), PAPER_GROUPING), wanted)


def test_more_than_thirty_groups_take_part():
    need_compiler()
    peaks = random_peaks(4, images=1, joints=4, most=30, people=40, tags=1)
    for ignore_too_much in (False, True):
        settings = PAPER_GROUPING.model_copy(update={"ignore_too_much": ignore_too_much})
        wanted = by_host(peaks, range(4), settings)
        assert len(wanted.image) > 30
        assert equal(by_kernel(peaks, range(4), settings), wanted)


def test_images_without_people_give_none():
    need_compiler()
    peaks = random_peaks(5)
    peaks.score[0] = 0
    got = by_kernel(peaks, range(5), PAPER_GROUPING)
    assert equal(got, by_host(peaks, range(5), PAPER_GROUPING))
    assert set(got.image) == {1}
    nothing = peaks_of(np.zeros((2, 5, 8), np.float32), peaks.tag)
    assert by_kernel(nothing, range(5), PAPER_GROUPING).cell.shape == (0, 5)


@pytest.mark.parametrize("name", SCENES)
def test_golden_scenes_are_grouped_as_by_the_host(name):
    need_compiler()
    _, _, scene = load_scene(name)
    score = np.where(scene["topk_val"] > 0.1, scene["topk_val"], 0).astype(np.float32)
    peaks = peaks_of(score[None], scene["topk_tag"].astype(np.float32)[None])
    wanted = by_host(peaks, COCO.order, PAPER_GROUPING)
    assert equal(by_kernel(peaks, COCO.order, PAPER_GROUPING), wanted)


def assigned(cost, groups, schedule=FORWARD):
    """What the kernel's matching makes of a cost matrix with columns beyond `groups` padded.

    A text around the kernel's own functions, because the kernel computes its costs from tags.
    """
    rows, size = cost.shape
    square = np.zeros((size, size))
    square[:rows] = cost - cost.min(axis=1, keepdims=True)
    star, ints = np.zeros(size, np.int32), np.zeros((4, size), np.int32)
    kernels = EmulatedKernels(schedule, (("group.cu", *SOLVE_ALONE),))
    arrays = [square, star, ints]
    kernels.launch(
        "group.cu",
        "solve_alone",
        (1,),
        (128,),
        (*(np.uint64(a.ctypes.data) for a in arrays), np.int32(size)),
    )
    return star[:rows]


MARK = "// Puts a joint into the group with its first tag"
SOLVE_ALONE = (
    MARK,
    'extern "C" __global__ void solve_alone(double* cost, int* star, int* ints, int n) {\n'
    "    Matching m = {cost, star, ints, ints + n, ints + 2 * n, ints + 3 * n, n};\n"
    "    solve(m);\n"
    "}\n" + MARK,
)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_golden_assignments_are_those_of_the_reference(schedule):
    need_compiler()
    cases = golden_json("dev/munkres.json")
    cases = cases["cases"] if isinstance(cases, dict) else cases
    for case in cases:
        cost = np.array(case["cost"], np.float64)
        wanted = assign(cost)
        assert assigned(cost, case["groups"], schedule).tolist() == wanted.tolist()
        assert [[r, int(c)] for r, c in enumerate(wanted)] == [list(p) for p in case["pairs"]]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_hard_ties_are_broken_as_on_the_host(schedule):
    need_compiler()
    rng = np.random.default_rng(6)
    for size in (1, 2, 7, 33, 40):
        cost = rng.integers(0, 4, (max(1, size - 3), size)) * 100.0 - rng.random((1, size))
        assert assigned(cost, size, schedule).tolist() == assign(cost).tolist()


SYNC = "    __syncthreads();\n"
FAULTS = {
    "stars are set before all costs are there": (
        SYNC + "    if (threadIdx.x < 32) first_stars(m);",
        "    if (threadIdx.x < 32) first_stars(m);",
    ),
    "means are read before all are there": (
        SYNC.replace("    ", "        ", 1) + "        if (known) {",
        "        if (known) {",
    ),
    "the smallest is read before all warps wrote it": (
        SYNC + "    double shift = smallest[0];",
        "    double shift = smallest[0];",
    ),
    "the smallest cost instead of half-even rounding": (
        "rint(away) * 100.0",
        "round(away) * 100.0",
    ),
    "distances that reach exactly count": ("tags_each) <\n", "tags_each) <=\n"),
    "the first zero instead of the last": (
        "before >= 0 ? before : anywhere",
        "anywhere",
    ),
    "covers that are not undone": ("m.covered_column[starred] = 0;", ""),
    "sums in another order": ("tags_each == 1 && n >= 8", "tags_each == 1 && n >= 800"),
}


def fault_scenes():
    half = random_peaks(7, images=2, joints=6, most=12, people=7, grain=0.5, tags=1)
    fine = random_peaks(8, images=1, joints=20, most=6, people=4, tags=1)
    wide = random_peaks(9, images=1, joints=5, most=30, people=12, tags=2)
    tied = random_peaks(10, images=2, joints=6, most=30, people=3, grain=0.25, tags=1)
    apart = np.array([0, 1], np.float32).reshape(1, 2, 1, 1)  # exactly the largest distance
    edge = peaks_of(np.full((1, 2, 1), 0.5, np.float32), apart)
    return half, fine, wide, tied, edge


@pytest.fixture(scope="module")
def compiled():
    need_compiler()
    compile_together([(("group.cu", *fault),) for fault in FAULTS.values()])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught(compiled, fault):
    edit = (("group.cu", *FAULTS[fault]),)
    for peaks in fault_scenes():
        order = range(peaks.score.shape[1])
        wanted = by_host(peaks, order, PAPER_GROUPING)
        for schedule in SCHEDULES:
            try:
                if not equal(by_kernel(peaks, order, PAPER_GROUPING, schedule, edit), wanted):
                    return
            except Deadlock:
                return
    pytest.fail("nothing noticed it")


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_order_of_threads_does_not_matter(schedule):
    need_compiler()
    for peaks in fault_scenes():
        order = range(peaks.score.shape[1])
        wanted = by_host(peaks, order, PAPER_GROUPING)
        assert equal(by_kernel(peaks, order, PAPER_GROUPING, schedule), wanted)


def test_too_many_joints_are_refused():
    with pytest.raises(AssertionError, match="at most 128 joints"):
        ops.group_peaks(
            None, [torch.zeros(1, 129, 1, 1)] * 3, torch.zeros(1), [], reach=1.0, most_known=None
        )
