"""On a real GPU: nothing waits in submit, memory is steady, lanes overlap, people equal the CPU's.

The operations themselves run on the GPU in tests/ops. FAIL_WITHOUT_CUDA=1 makes a missing GPU a
failure.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from engine.decoding.decode import decode
from engine.estimator import PoseEstimator
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES
from engine.network.weights import TrainedNetwork, load_checkpoint
from engine.settings import PAPER_GROUPING, EngineSettings, GroupingSettings
from engine.skeleton import COCO
from engine.tracking.oks import similarity
from engine.types import Frame
from gpu_ops import open_device
from gpu_ops.cpu import CpuDevice
from tests.support.golden import SCENES, golden_file, load_scene
from tests.support.machine import need_cuda

pytestmark = pytest.mark.cuda


@pytest.fixture(scope="module")
def cuda():
    need_cuda()
    with open_device("cuda") as device:
        yield device


def random_network():
    torch.manual_seed(1)
    network = HigherHRNet(SIZES["compact"]).eval()
    for layer in network.final_layers:
        torch.nn.init.normal_(layer.weight, 0, 3 / layer.weight.shape[1] ** 0.5)
    return network


def estimator_on(device, **engine):
    checkpoint = TrainedNetwork(network=random_network(), skeleton=COCO, input_size=256)
    settings = EngineSettings(**{"batch": 4, **engine})
    return PoseEstimator(checkpoint, device, settings, PAPER_GROUPING)


def frames(count, seed=0, size=(320, 256)):
    rng = np.random.default_rng(seed)
    w, h = size
    return [
        Frame(rng.integers(0, 256, (h, w, 3), np.uint8), i, 0.0, 0.0, "test") for i in range(count)
    ]


def assert_equal(a, b):
    for one, other in zip(a, b, strict=True):
        assert np.array_equal(one.xy, other.xy, equal_nan=True)
        assert np.array_equal(one.joint_score, other.joint_score, equal_nan=True)
        assert np.array_equal(one.score, other.score)


@pytest.mark.parametrize("flip", [False, True])
def test_submit_never_waits_for_the_device(cuda, flip):
    estimator = estimator_on(cuda, flip=flip)
    batch = frames(4)
    for _ in range(2):  # both lanes: captures and first allocations do wait
        warm = [estimator.submit(batch) for _ in range(2)]
        for ticket in warm:
            estimator.collect(ticket)
    torch.cuda.set_sync_debug_mode("error")
    try:
        tickets = [estimator.submit(batch) for _ in range(2)]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for ticket in tickets:
        estimator.collect(ticket)


def test_memory_is_steady_once_warm(cuda):
    estimator = estimator_on(cuda)
    batch = frames(4)

    def run_some(count):
        for _ in range(count):
            tickets = [estimator.submit(batch) for _ in range(2)]
            for ticket in tickets:
                estimator.collect(ticket)
        return torch.cuda.memory_reserved(), torch.cuda.memory_allocated()

    run_some(5)
    first = run_some(5)
    assert run_some(50) == first


def test_batches_in_flight_do_not_disturb_each_other(cuda):
    estimator = estimator_on(cuda)
    batches = [frames(4, seed) for seed in range(6)]
    alone = [estimator.collect(estimator.submit(batch)) for batch in batches]
    tickets = [estimator.submit(batch) for batch in batches]
    together = [estimator.collect(ticket) for ticket in tickets]
    for a, b in zip(alone, together, strict=True):
        assert_equal(a, b)


def test_two_lanes_share_no_stream_and_no_memory(cuda):
    lanes = [cuda.lane(), cuda.lane()]
    images = [frame.pixels for frame in frames(1)]
    affine = np.array([[1.0, 0, 0], [0, 1, 0]])
    inputs = []
    for lane in lanes:
        with lane:
            inputs.append(lane.warp(images, [affine], (320, 256), mirror=False))
            inputs.append(lane._images.take(1).device)
            inputs.append(lane._images.take(1).host)
    assert len({tensor.data_ptr() for tensor in inputs}) == len(inputs)
    assert lanes[0]._stream.cuda_stream != lanes[1]._stream.cuda_stream


def test_the_same_frames_give_the_same_poses(cuda):
    batch = frames(3)
    runs = []
    for _ in range(2):
        estimator = estimator_on(cuda)
        runs.append(estimator.collect(estimator.submit(batch)))
    assert_equal(*runs)


def test_a_replayed_graph_computes_what_the_network_computes(cuda):
    network = cuda.prepare(random_network())
    x = torch.randn(3, 3, 128, 192, device=cuda.torch_device).to(cuda.dtype)
    x = x.to(memory_format=torch.channels_last)
    with torch.inference_mode():
        wanted = network(x)
    with cuda.lane() as lane:
        for _ in range(2):
            got = lane.run(network, x)
            torch.cuda.synchronize()
            for a, b in zip(got, wanted, strict=True):
                # Another batch size may be computed by another algorithm, in half precision.
                assert (a - b.float()).abs().max() < 0.02 * b.abs().max()


def test_running_out_of_memory_halves_the_batch_and_loses_no_frame(cuda, caplog):
    batch = frames(16, size=(512, 512))
    estimator = estimator_on(cuda, batch=16, input_size=512)
    wanted = estimator_on(cuda, batch=1, input_size=512)
    expected = [wanted.collect(wanted.submit([frame]))[0] for frame in batch]
    del wanted
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(cuda.torch_device).total_memory
    limit = torch.cuda.memory_reserved() + 300 * 2**20
    torch.cuda.set_per_process_memory_fraction(limit / total)
    try:
        poses = estimator.collect(estimator.submit(batch))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert len(poses) == len(expected)
    assert estimator.batch < 16
    assert "out of memory" in caplog.text


@pytest.mark.parametrize("name", SCENES)
def test_a_golden_scene_has_the_people_of_the_cpu(cuda, name):
    heat, tags, _ = load_scene(name)
    for got, wanted in zip(decode(heat, tags, device="cuda"), decode(heat, tags), strict=True):
        assert np.array_equal(got, wanted)


SURE = 0.3  # mean joint score; below it, rounding alone can move a joint to another place


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("image", ["000000000785", "000000040083", "000000196141", "000000197388"])
def test_half_precision_finds_the_people_of_the_cpu(cuda, image, flip):
    """The engine's tolerance: the same people one to one, each with OKS of at least 0.99."""
    rgb = cv2.cvtColor(cv2.imread(str(golden_file(f"images/{image}.jpg"))), cv2.COLOR_BGR2RGB)
    frame = Frame(rgb, 0, 0.0, 0.0, image)
    found = []
    for device in (CpuDevice(), cuda):
        settings = EngineSettings(flip=flip, batch=1)
        estimator = PoseEstimator(
            load_checkpoint("compact"), device, settings, GroupingSettings(min_score=0)
        )
        found.append(estimator.collect(estimator.submit([frame]))[0])
    wanted, got = found
    sure = np.flatnonzero(wanted.score >= SURE)
    alike = similarity(wanted.xy[sure], got.xy, COCO.sigmas)
    assert len(set(alike.argmax(axis=1))) == len(sure)
    assert (alike.max(axis=1) >= 0.99).all(), alike.max(axis=1)
