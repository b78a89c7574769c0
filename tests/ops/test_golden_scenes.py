"""Golden scenes and whole images through the emulated CUDA engine: the people of the CPU."""

import numpy as np
import pytest
import torch

from engine.decoding.decode import collect_people, find_people
from engine.estimator import PoseEstimator
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES
from engine.network.weights import TrainedNetwork
from engine.settings import PAPER_GROUPING, EngineSettings
from engine.skeleton import COCO
from engine.types import Frame
from gpu_ops.cpu import CpuDevice
from gpu_ops.device import Maps
from tests.support.emulated_device import emulated
from tests.support.emulation import need_compiler
from tests.support.golden import SCENES, load_scene

LARGE = {"fifteen", "thirty", "thirtyfive", "large", "dense_noise"}


def people_of(device, heat, tags):
    with device.lane() as lane:
        maps = Maps(torch.from_numpy(heat)[None], torch.from_numpy(tags).permute(3, 0, 1, 2)[None])
        find_people(lane, maps, COCO.order, PAPER_GROUPING)
        people = collect_people(lane, maps, COCO.order, PAPER_GROUPING, images=1)[0]
        peaks = lane.peaks()
    return [
        *(peaks.cell, peaks.score, peaks.tag),
        *(people.xy, people.joint_score, people.score, people.detected),
    ]


@pytest.mark.parametrize(
    "name", [pytest.param(s, marks=pytest.mark.slow) if s in LARGE else s for s in SCENES]
)
def test_a_golden_scene_has_the_people_of_the_cpu_bit_for_bit(name):
    need_compiler()
    heat, tags, _ = load_scene(name)
    got = people_of(emulated(), heat, tags)
    for a, b in zip(got, people_of(CpuDevice(), heat, tags), strict=True):
        assert np.array_equal(a, b)


def stub():
    torch.manual_seed(3)
    network = HigherHRNet(SIZES["compact"]).eval()
    for layer, gain in zip(network.final_layers, (3.0, 3.0), strict=True):
        torch.nn.init.normal_(layer.weight, 0, gain / layer.weight.shape[1] ** 0.5)
    return TrainedNetwork(network=network, skeleton=COCO, input_size=64)


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"flip": True},
        {"flip": True, "two_step_upsample": True},
        {"flip": True, "scales": (2.0, 1.0)},
    ],
    ids=["plain", "flip", "two-step", "two-scales"],
)
def test_frames_become_the_same_poses_as_on_the_cpu(settings):
    """From pixels to poses: two frames of different sizes and one input shape, in fp32."""
    need_compiler()
    frames = [blocky(0, 80, 48), blocky(1, 120, 72)]
    poses = []
    for device in (CpuDevice(), emulated()):
        engine = EngineSettings(batch=2, **settings)
        estimator = PoseEstimator(stub(), device, engine, PAPER_GROUPING)
        poses.append(estimator.collect(estimator.submit(frames)))
    assert sum(len(p.score) for p in poses[0]) > 5
    for wanted, got in zip(*poses, strict=True):
        assert len(got.score) == len(wanted.score)
        assert np.median(np.abs(got.score - wanted.score)) < 1e-5
        # A last bit of an interpolated value may decide where a joint is, of these random ones.
        same = np.isclose(got.xy, wanted.xy, atol=0.01, equal_nan=True).all(axis=2)
        assert same.mean() > 0.98


def blocky(seed, w, h):
    """A frame with something to see in it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (h // 8, w // 8, 3), np.uint8)
    return Frame(np.repeat(np.repeat(coarse, 8, axis=0), 8, axis=1), seed, 0.0, 0.0, "test")
