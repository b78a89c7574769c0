"""The lane's host code: staging, graphs, buckets, failures; kernels and CUDA are emulated."""

import gc
import weakref

import numpy as np
import pytest
import torch

from engine.geometry import fit
from gpu_ops.cuda_graphs import MOST_GRAPHS, Graphs, bucket
from gpu_ops.cuda_staging import Staging
from gpu_ops.device import DeviceFailure, OutOfMemory, Pass, Placing
from tests.support.emulated_device import EmulatedDriver, emulated
from tests.support.emulation import need_compiler
from tests.support.map_scenes import dense, groups, heat_map, tag_map


@pytest.fixture
def lane():
    need_compiler()
    with emulated() as device, device.lane() as lane:
        yield lane


def tiny(x):
    """A network of three joints that tells its inputs apart."""
    low = x[:, :1, ::4, ::4].repeat(1, 6, 1, 1) + torch.arange(6).view(1, 6, 1, 1)
    return low, x[:, :, ::2, ::2]


def frame(seed, w=60, h=40):
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


def warp(lane, frames, size=(128, 64)):
    placed = fit((60, 40), 64)
    return lane.warp(frames, [placed.affine_at()] * len(frames), size, mirror=False)


@pytest.mark.parametrize(("batch", "padded"), [(1, 1), (2, 2), (3, 4), (5, 8), (16, 16), (17, 32)])
def test_batches_are_padded_to_a_power_of_two(batch, padded):
    assert bucket(batch) == padded


def test_a_graph_is_captured_once_per_shape_and_bucket(lane):
    for count in (3, 4, 3, 1, 4, 1):
        lane.run(tiny, warp(lane, [frame(i) for i in range(count)]))
    assert lane._driver.captured == [(4, 3, 64, 128), (1, 3, 64, 128)]


def test_padding_does_not_reach_the_results(lane):
    frames = [frame(i) for i in range(3)]
    low, high = lane.run(tiny, warp(lane, frames))
    wanted = tiny(torch.cat([warp(lane, [one]).clone() for one in frames]))
    assert torch.equal(low, wanted[0])
    assert torch.equal(high, wanted[1])
    assert low.is_contiguous()
    assert high.is_contiguous()


def test_results_of_one_graph_survive_the_next_replay(lane):
    x = warp(lane, [frame(1)])
    low, _ = lane.run(tiny, x)
    kept = low.clone()
    lane.run(tiny, warp(lane, [frame(2)]))
    assert torch.equal(low, kept)


def test_any_tensor_can_be_run_not_only_the_lanes_own(lane):
    x = torch.randn(2, 3, 64, 64)
    low, high = lane.run(tiny, x)
    assert torch.equal(low, tiny(x)[0])
    assert torch.equal(high, tiny(x)[1])


def test_another_network_gets_its_own_graph(lane):
    x = warp(lane, [frame(1)])
    lane.run(tiny, x)
    low, _ = lane.run(lambda x: (tiny(x)[0] * 2, x), x)
    assert torch.equal(low, tiny(x)[0] * 2)


def test_the_number_of_graphs_is_bounded_and_the_oldest_goes_first():
    graphs = Graphs(EmulatedDriver(), torch.float32)
    for width in range(MOST_GRAPHS + 3):
        graphs.input(1, (32 * (width + 1), 32))
    assert len(graphs) == MOST_GRAPHS
    oldest = graphs.input(1, (32 * 4, 32)).data_ptr()
    graphs.input(1, (3200, 32))
    assert graphs.input(1, (32 * 4, 32)).data_ptr() == oldest  # used last, so still there
    graphs.clear()
    assert len(graphs) == 0


def test_an_image_is_uploaded_once_for_all_scales(lane):
    image = frame(1)
    placed = fit((60, 40), 64, (1.0, 0.5))
    for scale in (1.0, 0.5):
        lane.warp([image], [placed.affine_at(scale)], placed.size_at(scale), mirror=False)
    assert len(lane._uploaded) == 1
    assert lane._images._used < 2 * image.size


def test_staging_settles_and_starts_over_with_every_batch(lane):
    maps = dense(*random_maps())
    sizes = []
    for _ in range(4):
        warp(lane, [frame(1), frame(2)])
        lane.find_peaks(maps, radius=2, threshold=0.1, most=30)
        lane.peaks()
        people = groups(np.random.default_rng(1), 5, 1, 3, 40 * 40, 1)
        lane.refine(maps, people, Placing())
        sizes.append((lane._driver.pinned_bytes, lane._images._used, lane._lists._used))
    assert len(set(sizes)) == 1


def random_maps():
    rng = np.random.default_rng(3)
    return heat_map(rng, (1, 3, 40, 40)), tag_map(rng, (1, 1, 3, 10, 10))


def test_what_was_taken_stays_valid_when_staging_grows():
    staging = Staging(EmulatedDriver().pinned, torch.device("cpu"))
    first = staging.take(1000)
    first.bytes()[:] = 7
    first.up()
    staging.take(1 << 20)
    assert (first.bytes() == 7).all()
    assert bool((first.device == 7).all())


def test_results_do_not_change_when_the_lane_goes_on(lane):
    maps = dense(*random_maps())
    lane.find_peaks(maps, radius=2, threshold=0.1, most=30)
    peaks = lane.peaks()
    kept = peaks.score.copy()
    lane.find_peaks(dense(-maps.heat.numpy(), maps.tag.numpy()), radius=2, threshold=0.1, most=30)
    lane.peaks()
    assert np.array_equal(peaks.score, kept)


def test_two_lanes_share_no_memory():
    need_compiler()
    with emulated() as device:
        lanes = [device.lane(), device.lane()]
        inputs = []
        for number, lane in enumerate(lanes):
            with lane:
                x = warp(lane, [frame(number)])
                lane.find_peaks(dense(*random_maps()), radius=2, threshold=0.1, most=30)
                inputs.append(x)
        blocks = [
            {s._all.host.data_ptr(), s._all.device.data_ptr()}
            for lane in lanes
            for s in (lane._images, lane._lists)
        ]
        blocks += [{x.data_ptr()} for x in inputs]
        assert len(set.union(*blocks)) == sum(len(block) for block in blocks)


def test_maps_of_one_scale_are_not_written_out(lane):
    passes = [Pass(1.0, torch.randn(1, 6, 10, 12), torch.randn(1, 3, 20, 24))]
    maps = lane.aggregate(passes, (48, 40), None, two_step=False)
    lane.find_peaks(maps, radius=2, threshold=0.1, most=30)
    lane.peaks()
    lane.refine(maps, groups(np.random.default_rng(1), 4, 1, 3, 40, 1), Placing())
    launched = lane._driver.kernels.launched
    assert launched == ["mark_peaks", "best_peaks", "peak_tags", "tag_ranges", "place_joints"]


def test_running_out_of_memory_is_told_apart_from_other_failures(lane):
    def out_of_memory(x):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    with pytest.raises(OutOfMemory, match=r"network on \(1, 3, 64, 128\).*Tried to allocate"):
        lane.run(out_of_memory, warp(lane, [frame(1)]))


def test_running_out_of_memory_in_a_capture_counts_as_such(lane):
    def broken_capture(x):
        try:
            raise torch.OutOfMemoryError("CUDA out of memory")
        except torch.OutOfMemoryError:
            raise RuntimeError("CUDA error: operation failed due to a previous error") from None

    with pytest.raises(OutOfMemory):
        lane.run(broken_capture, warp(lane, [frame(1)]))


def test_after_running_out_of_memory_a_smaller_batch_goes_through():
    need_compiler()
    with emulated() as device:

        def at_most_two(x):
            if len(x) > 2:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return tiny(x)

        with device.lane() as lane, pytest.raises(OutOfMemory):
            lane.run(at_most_two, warp(lane, [frame(i) for i in range(4)]))
        with lane:
            low, _ = lane.run(at_most_two, warp(lane, [frame(0), frame(1)]))
        assert low.shape[0] == 2
        assert device.driver.freed == 1


def test_what_a_failed_call_held_is_let_go_at_once(lane):
    held = []

    def out_of_memory(x):
        large = torch.zeros(1000)
        held.append(weakref.ref(large))
        raise torch.OutOfMemoryError("CUDA out of memory")

    try:
        lane.run(out_of_memory, warp(lane, [frame(1)]))
    except OutOfMemory:
        assert held[0]() is None  # while the error is being handled


def test_a_device_error_says_what_was_being_done(lane):
    def broken(x):
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(DeviceFailure, match=r"network.*illegal memory access.*LAUNCH_BLOCKING"):
        lane.run(broken, warp(lane, [frame(1)]))


def test_a_bug_of_ours_is_not_called_a_device_failure(lane):
    def wrong(x):
        raise RuntimeError("The size of tensor a must match the size of tensor b")

    with pytest.raises(RuntimeError, match="size of tensor") as caught:
        lane.run(wrong, warp(lane, [frame(1)]))
    assert not isinstance(caught.value, DeviceFailure)


def test_a_closed_device_keeps_no_graph():
    need_compiler()
    with emulated() as device:
        lane = device.lane()
        with lane:
            lane.run(tiny, warp(lane, [frame(1)]))
        assert len(lane.graphs) == 1
    assert len(lane.graphs) == 0


def test_a_dropped_lane_is_forgotten_by_its_device():
    with emulated() as device:
        device.lane()
        gc.collect()
        assert len(device._lanes) == 0


def test_skeletons_too_large_for_the_kernel_are_grouped_by_the_host(lane):
    heat = np.zeros((1, 129, 8, 8), np.float32)
    lane.find_peaks(dense(heat, heat[:, None]), radius=2, threshold=0.1, most=2)
    lane.group_peaks(range(129), tag_distance=1.0, ignore_too_much=False)
    assert lane.groups() is None
