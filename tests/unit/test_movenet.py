"""The pretrained extractor computes what MoveNet computes, and learns only where it is let."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from engine.errors import WeightsError
from engine.network.higher_hrnet import HigherHRNet
from engine.network.hrnet import SIZES, Sizes
from engine.network.movenet import BLOCKS, CHANNELS, MoveNet, SameConv, from_published
from engine.training.augment import Views
from engine.training.dataset import Batches, Phase
from engine.training.loop import Recipe, Trainer
from engine.training.optimiser import optimisers
from engine.training.start import adopt_extractor, initialise
from tests.support.train_dots import write_data

MEAN = np.array([123.675, 116.28, 103.53], np.float32).reshape(3, 1, 1)
DEVIATION = np.array([58.395, 57.12, 57.375], np.float32).reshape(3, 1, 1)


@pytest.fixture(scope="module")
def network():
    return initialise(HigherHRNet(SIZES["compact"]), seed=1)


def test_every_feature_equals_the_published_network(shared):
    golden = np.load(shared / "golden/movenet_multipose.npz")
    extractor = MoveNet().eval()
    published = load_file(shared / "models/movenet_multipose.safetensors")
    extractor.load_state_dict(from_published(published))  # every name has its place
    seed, shape = int(golden["input_seed"]), tuple(golden["input_shape"])
    pixels = np.random.RandomState(seed).randint(0, 256, shape).astype(np.float32)
    with torch.inference_mode():
        seen = extractor(torch.from_numpy((pixels - MEAN) / DEVIATION))
    names = ("stride4", "heatmap", "regression", "stride8", "stride16", "stride32")
    for index, name in enumerate(names):
        wanted = golden[f"out{index}"]
        assert np.abs(getattr(seen, name).numpy() - wanted).max() < 1e-4 * wanted.std() + 1e-4, name
    heatmaps = nn.functional.conv2d(
        seen.heatmap,
        published["kpt_heatmap_0.conv2d_7.weight"].float(),
        published["kpt_heatmap_0.conv2d_7.bias"].float(),
    )
    assert np.abs(heatmaps.numpy() - golden["out6"]).max() < 1e-3


@pytest.mark.parametrize("training", [False, True])
def test_stride_2_pads_bottom_and_right_only(training):
    torch.manual_seed(0)
    conv = SameConv(3, 4).train(training)
    x = torch.randn(1, 3, 8, 10)
    padded = nn.functional.pad(x, (0, 1, 0, 1))
    wanted = nn.functional.conv2d(padded, conv.weight, conv.bias, stride=2)
    assert torch.allclose(conv(x), wanted, atol=1e-6)


def test_levels_are_as_wide_as_the_necks_expect():
    with torch.device("meta"):
        levels = MoveNet()(torch.empty(1, 3, 64, 96)).levels()
    assert tuple(level.shape[1] for level in levels) == CHANNELS
    assert [tuple(level.shape[2:]) for level in levels] == [(16, 24), (8, 12), (4, 6), (2, 3)]


def test_only_thawed_blocks_and_what_reads_them_learn(network):
    extractor = network.extractor
    extractor.thaw(None)
    assert not any(p.requires_grad for p in extractor.parameters())
    extractor.thaw(10)
    learning = {name for name, p in extractor.named_parameters() if p.requires_grad}
    assert {name.split(".")[1] for name in learning if name.startswith("blocks.")} == {
        str(block) for block in range(10, len(BLOCKS) + 1)
    }
    assert "stem.0.weight" not in learning
    assert {"last.0.weight", "pyramid.2.1.weight", "heatmap.1.weight"} <= learning


def test_a_frozen_extractor_stays_as_it_is_while_the_rest_learns(network):
    network.extractor.thaw(None)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    movers = optimisers(network, lr=1e-2, weight_decay=1e-2)
    low, high = network.train()(torch.randn(2, 3, 64, 64))
    (low.square().mean() + high.square().mean()).backward()
    for mover in movers:
        mover.step()
    moved = {key for key, old in before.items() if not torch.equal(old, network.state_dict()[key])}
    assert not {key for key in moved if key.startswith("extractor.")}
    assert {"necks.0.0.weight", "final_layers.1.weight"} <= moved


def test_a_thawed_extractor_starts_slowly_and_leaves_the_gradients_of_the_rest_alone(tmp_path):
    data = write_data(tmp_path)
    sizes = replace(SIZES["compact"], keypoints=3)
    recipe = Recipe(warm_up=2, backbone=0.01, thawed=16, thaw_at=10, clip=0.1)
    phases = [Phase(40, 2, ((64, 64),), Views(scene=0.5))]
    trainer = Trainer(
        initialise(HigherHRNet(sizes), seed=1), Batches([data], phases), recipe, torch.device("cpu")
    )
    shares = {}
    for trainer.step in (0, 10, 20, 30):
        trainer.learn(trainer.batches[0])
        trainer.step -= 1
        rates = [group["lr"] for each in trainer._optimisers for group in each.param_groups]
        shares[trainer.step] = min(rates) / max(rates)
    assert [shares[step] for step in (0, 10, 20, 30)] == pytest.approx([0, 0, 0.005, 0.01])
    extractor = trainer.network.extractor
    inside = [p for p in extractor.parameters() if p.grad is not None]
    outside = [p for n, p in trainer.network.named_parameters() if not n.startswith("extractor.")]
    for parameters in (inside, outside):  # each group fills the largest norm by itself
        assert nn.utils.get_total_norm([p.grad for p in parameters]) == pytest.approx(
            0.1, abs=0.001
        )


def test_an_extractor_is_taken_over_alone(network):
    other = initialise(HigherHRNet(SIZES["compact"]), seed=2)
    neck = other.necks[0][0].weight.clone()
    adopt_extractor(other, network)
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            other.extractor.state_dict().values(),
            network.extractor.state_dict().values(),
            strict=True,
        )
    )
    assert torch.equal(other.necks[0][0].weight, neck)
    with pytest.raises(WeightsError, match="no pretrained feature extractor"):
        adopt_extractor(other, HigherHRNet(Sizes(width=8, stem=8, blocks=1, modules=(1, 1, 1))))
