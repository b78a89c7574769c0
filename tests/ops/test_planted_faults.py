"""The emulation notices a missing barrier, and the contract tests' inputs notice wrong logic.

Every fault is an edit of the kernels' text. What the edited kernels compute is compared with what
the right ones do (and those with the CPU device), with the threads of a block run in several
orders: in order, in reverse, and shuffled. At least one must differ or stop in a deadlock.
"""

import numpy as np
import pytest

from gpu_ops import cuda_ops as ops
from gpu_ops.cpu import CpuDevice
from gpu_ops.cuda_maps import sources
from gpu_ops.device import Placing
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
from tests.support.map_scenes import dense, groups, heat_map, tag_map

SCHEDULES = (FORWARD, REVERSE, SHUFFLED, SHUFFLED + 1)
SYNC = "    __syncthreads();\n"

MISSING_BARRIERS = {
    "cells are read before they are written": (
        "peaks.cu",
        SYNC + "    for (row = threadIdx.y; row < side; row += ROWS) {",
    ),
    "row maxima are read before they are written": ("peaks.cu", SYNC + "    size_t tile ="),
    "the tile's top is read too early": (
        "peaks.cu",
        SYNC + "    if (thread == 0) tops[tile] = top;",
    ),
    "the list is filled before it is empty": ("peaks.cu", SYNC + "    int tile = threadIdx.x"),
    "the count changes between two readers": (
        "peaks.cu",
        "        __syncthreads();  // all threads read the count before any adds\n        if (now",
    ),
    "kept peaks are copied before they are ranked": (
        "peaks.cu",
        SYNC + "    int left = min(n, most);",
    ),
    "the kept count is read before it is set": ("peaks.cu", SYNC + "}\n\n// One block per (image"),
    "the best is read before all have raised it": ("refine.cu", SYNC + "}\n\n__device__ Rank best"),
}

WRONG_LOGIC = {
    "a window one cell too small": (
        "peaks.cu",
        "i <= 2 * radius; i++)\n            largest = fmaxf(largest, cells",
        "i < 2 * radius; i++)\n            largest = fmaxf(largest, cells",
    ),
    "a threshold that must be exceeded twice": (
        "peaks.cu",
        "value >= lowest);",
        "value > lowest);",
    ),
    "a barrier that half of the block reaches": (
        "peaks.cu",
        SYNC + "    size_t tile =",
        "    if (threadIdx.y < 4) __syncthreads();\n    size_t tile =",
    ),
    "peaks skipped within a row of a tile": ("peaks.cu", "bits &= bits - 1;", "bits = 0;"),
    "ties in reverse raster order": (
        "peaks.cu",
        "(0xffffffffu - (unsigned)cell)",
        "(unsigned)cell",
    ),
    "halves rounded away from zero": (
        "refine.cu",
        "heat - rintf(sqrtf(",
        "heat - roundf(sqrtf(",
    ),
    "a distance without its second tag": (
        "refine.cu",
        "sum += apart * apart;\n    }\n    return sum;\n}\n\n// The least",
        "sum = apart * apart;\n    }\n    return sum;\n}\n\n// The least",
    ),
    "tiles given up though they could hold an equal cell": (
        "refine.cu",
        "hope >= bound &&",
        "hope > bound &&",
    ),
    "the last row of a tile forgotten": (
        "refine.cu",
        "min(y + TILE, heat.H)",
        "min(y + TILE - 1, heat.H)",
    ),
    "ties of neighbours to the positive side": (
        "refine.cu",
        "after > before ? 0.25f",
        "after >= before ? 0.25f",
    ),
    "a top beyond its reach": ("refine.cu", ", -half), half);", ", -half), 9.0f);"),
    "a worth that is not squared": ("refine.cu", "heat * (left * left)", "heat * left"),
    "tags a cell too far to the left": ("tags.cu", "left + lane;", "left + lane + 1;"),
}


# A small room makes the peaks overflow it again and again.
SMALL_ROOM = (("peaks.cu", "#define ROOM 1024", "#define ROOM 32"),)


def scene(tags):
    rng = np.random.default_rng(21)
    heat = heat_map(rng, (1, 3, 70, 90), levels=7)
    heat[0, 0, 40:48, 20:60] = 0.5  # a plateau, just above the threshold used below
    for band in range(7):  # plateaus that rise along the map: the best peaks come last
        heat[0, 1, band * 10 : band * 10 + 10] = 0.3 + 0.1 * band
    tag = tag_map(rng, (1, tags, 3, 70, 90))
    tag[0, :, 1] = np.linspace(0, 9, 90, dtype=np.float32)  # tiles differ in their tags
    # Where two people's last joints are: in the last row of a tile, below a stronger stranger.
    heat[0, 2, 31, 10], heat[0, 2, 20, 10] = 0.9, 1.5
    tag[0, :, 2, 31, 10] = 50
    people = groups(rng, 12, 1, 3, 70 * 90, tags, missing=0.7)
    people.tag[:2], people.cell[:2, 2] = 50, -1
    return heat, tag, people


def computed(device, heat, tag, people):
    """Everything the kernels write, as one list of arrays."""
    maps = dense(heat, tag)
    lowest = float(np.nextafter(np.float32(0.5), np.float32(0)))
    with device.lane() as lane:
        lane.find_peaks(maps, radius=2, threshold=lowest, most=30)
        peaks = lane.peaks()
        results = [peaks.cell, peaks.score, peaks.tag]
        for placing in (Placing(), Placing(reach=2, tolerance=4)):
            joints = lane.refine(maps, people, placing)
            results += [joints.xy, joints.score]
        if device.name == "cpu":
            return results
        source, tags = sources(maps)
        launch = lane._driver.launch
        marks, tops = ops.mark_peaks(launch, source, radius=2, lowest=np.float32(0.5))
        ranges = ops.tag_ranges(launch, tags, source)
        return [*results, marks.numpy(), tops.numpy(), ranges.numpy()]


def is_caught(*edits) -> bool:
    for tags in (1, 2):
        inputs = scene(tags)
        wanted = computed(emulated(kernels=EmulatedKernels(edits=SMALL_ROOM)), *inputs)
        for schedule in SCHEDULES:
            kernels = EmulatedKernels(schedule, SMALL_ROOM + edits)
            try:
                got = computed(emulated(kernels=kernels), *inputs)
            except Deadlock:
                return True
            if not all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True)):
                return True
    return False


@pytest.mark.parametrize("room", [(), SMALL_ROOM], ids=["room", "small-room"])
@pytest.mark.parametrize("tags", [1, 2], ids=["T1", "T2"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_order_of_threads_does_not_matter(schedule, tags, room):
    need_compiler()
    inputs = scene(tags)
    got = computed(emulated(kernels=EmulatedKernels(schedule, room)), *inputs)
    for a, b in zip(got, computed(CpuDevice(), *inputs), strict=False):
        assert np.array_equal(a, b)


@pytest.fixture(scope="module")
def compiled():
    need_compiler()
    edits = [*map(removal, MISSING_BARRIERS.values()), *WRONG_LOGIC.values()]
    compile_together((*SMALL_ROOM, edit) for edit in edits)


def removal(barrier):
    file, place = barrier
    lines = place.split("\n")
    return file, place, "\n".join(line for line in lines if "__syncthreads();" not in line)


@pytest.mark.parametrize("fault", MISSING_BARRIERS)
def test_a_removed_barrier_is_caught(compiled, fault):
    assert is_caught(removal(MISSING_BARRIERS[fault]))


@pytest.mark.parametrize("fault", WRONG_LOGIC)
def test_wrong_logic_is_caught(compiled, fault):
    assert is_caught(WRONG_LOGIC[fault])
