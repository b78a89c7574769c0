"""Beginning: random weights as the losses need them, a checkpoint's, also of other keypoints."""

import torch

from engine.network.higher_hrnet import HigherHRNet
from engine.training.curriculum import fine_tuning, from_nothing
from engine.training.dataset import Phase
from engine.training.losses import tag_loss
from engine.training.start import adopt, initialise
from tests.support.train_dots import sizes


def test_random_heatmaps_begin_near_zero_and_tags_spread():
    network = initialise(HigherHRNet(sizes(4)), seed=3)
    torch.manual_seed(0)
    with torch.no_grad():
        low, high = network(torch.randn(2, 3, 64, 64))
    assert low[:, :4].abs().max() < 0.2
    assert high.abs().max() < 0.2
    assert low[:, 4:].std() > 0.1


def test_with_a_ramp_people_apart_differ_from_the_first_step():
    network = initialise(HigherHRNet(sizes(2, tag_slope=(0.2, 0.05))), seed=3)
    with torch.no_grad():
        low, _ = network(torch.randn(1, 3, 64, 128))
    left_and_right = torch.tensor([[[8 * 32 + 4, 9 * 32 + 4], [8 * 32 + 24, 9 * 32 + 24]]])
    push, pull = tag_loss(low[:, 2:], left_and_right)
    assert push < 1e-3
    assert pull < 0.01


def test_the_same_seed_gives_the_same_weights():
    one, same, other = (initialise(HigherHRNet(sizes(4)), seed=s) for s in (1, 1, 2))
    assert torch.equal(one.conv1.weight, same.conv1.weight)
    assert not torch.equal(one.conv1.weight, other.conv1.weight)


def test_a_checkpoint_of_the_same_keypoints_is_taken_over_whole():
    old = initialise(HigherHRNet(sizes(3)), seed=1).eval()
    new = initialise(HigherHRNet(sizes(3)), seed=2).eval()
    assert adopt(new, ["a", "b", "c"], old.state_dict(), ["a", "b", "c"]) == ()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert all(torch.equal(p, q) for p, q in zip(old(x), new(x), strict=True))


def test_of_other_keypoints_the_shared_ones_keep_their_heatmaps_and_tags():
    old = initialise(HigherHRNet(sizes(3)), seed=1).eval()
    new = initialise(HigherHRNet(sizes(2)), seed=2).eval()
    assert adopt(new, ["c", "d"], old.state_dict(), ["a", "b", "c"]) == ("d",)
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before, after = old(x)[0], new(x)[0]
    assert torch.allclose(before[:, 2], after[:, 0], atol=1e-5)
    assert torch.allclose(before[:, 5], after[:, 2], atol=1e-5)


def test_a_curriculum_has_the_steps_asked_for_and_ends_at_the_input_size():
    for plan in (from_nothing, fine_tuning):
        phases = plan(1003, 16, 256)
        assert sum(phase.steps for phase in phases) == 1003
        assert phases[-1].sizes == ((256, 256),)
        assert all(isinstance(phase, Phase) for phase in phases)
        assert all(side % 32 == 0 for phase in phases for size in phase.sizes for side in size)


def test_from_nothing_the_first_views_are_of_single_people_and_cheaper():
    first, *_, last = from_nothing(1000, 16, 256)
    assert first.views.scene == 0
    pixels = [max(h * w for h, w in phase.sizes) for phase in (first, last)]
    assert 3 * pixels[0] <= pixels[1]
