"""Checkpoints of every layout come down to one set of names; what does not fit is named."""

import pytest
import torch

from engine.errors import WeightsError
from engine.network.convert import (
    check_and_fill,
    closest_network,
    differences,
    shapes_of,
    to_mmpose,
    to_ours,
    unwrap,
)
from engine.network.hrnet import SIZES
from tests.support.golden import golden_json


def empty_state(network):
    """Every tensor of a network, zero."""
    return {key: torch.zeros(shape) for key, shape in shapes_of(SIZES[network]).items()}


@pytest.fixture(scope="module")
def shallow():
    return empty_state("shallow")


def lists(layout, network):
    table = golden_json(f"keys_{layout}_{network}.json")
    return {
        key: tuple(row["shape"] if isinstance(row, dict) else row) for key, row in table.items()
    }


@pytest.mark.parametrize("network", ["w32", "w48"])
def test_all_1810_names_and_shapes_equal_both_reference_layouts(network):
    ours = shapes_of(SIZES[network])
    assert len(ours) == 1810
    assert ours == lists("original", network)
    meta = {key: torch.empty(shape, device="meta") for key, shape in ours.items()}
    mmpose = {key: tuple(tensor.shape) for key, tensor in to_mmpose(meta).items()}
    assert mmpose == lists("mmpose", network)


def test_mmpose_names_come_back_unchanged(shallow):
    assert to_ours(to_mmpose(shallow)).keys() == shallow.keys()


@pytest.mark.parametrize(
    "prefix", ["", "module.", "1.", "module.1.", "1.module.", "module.backbone."]
)
def test_prefixes_of_training_wrappers_are_stripped(shallow, prefix):
    assert list(to_ours({prefix + key: tensor for key, tensor in shallow.items()})) == list(shallow)


def test_two_parameters_under_one_name_are_refused(shallow):
    both = {**shallow, "backbone.conv1.weight": shallow["conv1.weight"]}
    with pytest.raises(WeightsError, match="1 parameters are there twice"):
        to_ours(both)


def test_a_training_checkpoint_gives_its_best_parameters():
    best, newest = {"a": torch.ones(1)}, {"a": torch.zeros(1)}
    content = {"epoch": 3, "state_dict": newest, "best_state_dict": best, "optimizer": {}}
    assert unwrap(content)["a"] == 1
    assert unwrap({"meta": {}, "state_dict": newest})["a"] == 0


@pytest.mark.parametrize(
    "content", [None, [], {}, {"a": 1}, {"state_dict": {"a": "text"}}, torch.ones(2)], ids=repr
)
def test_anything_else_is_no_checkpoint(content):
    with pytest.raises(WeightsError, match="no dictionary of parameters"):
        unwrap(content)


@pytest.mark.parametrize("network", SIZES)
def test_the_network_is_told_from_the_shapes(network):
    state = {
        key: torch.empty(shape, device="meta") for key, shape in shapes_of(SIZES[network]).items()
    }
    assert closest_network(state) == network
    for key in list(state)[:2]:
        del state[key]
    assert closest_network(state) == network


def test_missing_counters_are_added(shallow):
    old = {key: t for key, t in shallow.items() if not key.endswith("num_batches_tracked")}
    assert len(old) < len(shallow)
    fitted = check_and_fill(old, SIZES["shallow"], "shallow")
    assert fitted.keys() == shallow.keys()
    assert fitted["bn1.num_batches_tracked"].dtype == torch.int64


def test_all_faults_are_counted_and_the_first_named(shallow):
    state = {**shallow, "conv1.weight": torch.zeros(64, 3, 7, 7), "fc.weight": torch.zeros(1)}
    for key in ("bn1.weight", "bn1.bias", "conv2.weight", "bn2.weight"):
        del state[key]
    found = differences(state, SIZES["shallow"])
    assert len(found) == 6
    with pytest.raises(WeightsError) as told:
        check_and_fill(state, SIZES["shallow"], "shallow")
    text = str(told.value)
    assert "4 missing: bn1.weight, bn1.bias, conv2.weight, …" in text
    assert "1 unexpected: fc.weight" in text
    assert "1 of another shape: conv1.weight is (64, 3, 7, 7), not (32, 3, 3, 3)" in text


def test_a_backbone_without_head_is_told(shallow):
    backbone = {k: t for k, t in shallow.items() if not k.startswith(("final_", "deconv_"))}
    backbone["classifier.weight"] = torch.zeros(10, 10)
    with pytest.raises(WeightsError, match="backbone without the pose head"):
        check_and_fill(backbone, SIZES["shallow"], "shallow")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_told(shallow, value):
    spoilt = {**shallow, "bn1.bias": torch.full((32,), value)}
    with pytest.raises(WeightsError, match="1 tensors hold NaN or infinity: bn1"):
        check_and_fill(spoilt, SIZES["shallow"], "shallow")


def test_half_precision_is_raised_to_single(shallow):
    half = {key: t.half() if t.is_floating_point() else t for key, t in shallow.items()}
    assert check_and_fill(half, SIZES["shallow"], "shallow")["conv1.weight"].dtype == torch.float32
