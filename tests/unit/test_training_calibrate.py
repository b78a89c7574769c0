"""Scaling tags changes nothing else; thresholds are chosen by the written criterion."""

import re
import tomllib
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import app.weights
from engine.network.higher_hrnet import HigherHRNet
from engine.network.thresholds import Thresholds, thresholds_of
from engine.skeleton import COCO
from engine.training.calibrate import Prediction, choose_thresholds, scale_tags
from engine.training.start import initialise
from engine.types import JointState, untracked
from tests.support.eval_scenes import save, two_people_each
from tests.support.train_dots import sizes


@pytest.mark.parametrize("slope", [(0.0, 0.0), (0.2, 0.1)])
def test_scaled_tags_leave_the_heatmaps_alone(slope):
    network = initialise(HigherHRNet(replace(sizes(3), tag_slope=slope)), seed=1).eval()
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        low, high = network(x)
        scaled_low, scaled_high = scale_tags(network, 2.5)(x)
    assert torch.allclose(scaled_high, high, atol=1e-5)
    assert torch.allclose(scaled_low[:, :3], low[:, :3], atol=1e-5)
    assert torch.allclose(scaled_low[:, 3:], 2.5 * low[:, 3:], atol=1e-4)
    assert network.sizes.tag_slope == (2.5 * slope[0], 2.5 * slope[1])


def person(x, y, score, *, joints=17, shift=0.0):
    """Somebody 40 x 40 pixels large; the rest of the joints is absent."""
    xy = np.stack((x + np.linspace(0, 40, 17), y + np.linspace(0, 40, 17)), 1) + shift
    state = np.where(np.arange(17) < joints, JointState.DETECTED, JointState.ABSENT)
    return xy.astype(np.float32), np.full(17, score, np.float32), score, state.astype(np.uint8)


def prediction(found, truth, crowds=()):
    xy, joint_score, score, state = (np.array(part) for part in zip(*found, strict=True))
    poses = untracked(xy, joint_score, score.astype(np.float32), state)
    annotations = []
    for x, y in truth:
        points = np.column_stack((person(x, y, 1)[0], np.full(17, 2))).ravel().tolist()
        annotations.append({"keypoints": points, "area": 1600, "bbox": [x, y, 40, 40]})
    annotations += [{"keypoints": [0] * 51, "area": 1, "bbox": box} for box in crowds]
    common = {"iscrowd": 0, "num_keypoints": 17}
    crowd = {"iscrowd": 1, "num_keypoints": 0}
    return Prediction(poses, [(common if any(a["keypoints"]) else crowd) | a for a in annotations])


def test_the_threshold_lies_between_ghosts_and_people():
    predictions = [
        prediction([person(0, 0, 0.5), person(100, 0, 0.31)], [(0, 0), (100, 0)]),
        prediction([person(0, 0, 0.45), person(100, 100, 0.2), person(200, 9, 0.29)], [(0, 0)]),
    ]
    choice = choose_thresholds(predictions, COCO)
    assert choice.min_score == 0.3
    assert choice.f1 == 1
    assert choice.thresholds("x").values == {"min_score": 0.3, "min_joints": 1}
    assert "1.000 on x" in choice.thresholds("x").source


def test_of_equally_good_scores_the_middle_one_is_taken_and_the_fewest_joints():
    found = [person(0, 0, 0.6), person(100, 100, 0.2)]
    choice = choose_thresholds([prediction(found, [(0, 0)])], COCO)
    assert (choice.min_score, choice.min_joints) == (0.4, 1)


def test_few_joints_tell_ghosts_where_the_score_does_not():
    ghosts = [person(100 * i, 0, 0.9, joints=2) for i in range(1, 4)]
    choice = choose_thresholds([prediction([person(0, 0, 0.5), *ghosts], [(0, 0)])], COCO)
    assert (choice.min_joints, choice.f1) == (3, 1)


def test_the_trade_between_missing_and_inventing_is_f1():
    """At 0.6: 1 of 2 found, none invented: F1 2/3. At 0.1: 2 found, 3 invented: F1 4/7."""
    found = [person(0, 0, 0.6), person(100, 0, 0.1)]
    found += [person(100 * i, 200, 0.3) for i in range(3)]
    choice = choose_thresholds([prediction(found, [(0, 0), (100, 0)])], COCO)
    assert choice.min_score == 0.45
    assert choice.f1 == pytest.approx(2 / 3)


def test_nobody_is_found_twice_and_a_person_must_be_alike():
    twice = [person(0, 0, 0.9), person(0, 0, 0.5, shift=12.0)]
    settings = choose_thresholds([prediction(twice, [(0, 0)])], COCO)
    assert settings.precision == 1
    assert settings.min_score > 0.5


def test_people_in_a_crowd_are_neither_right_nor_wrong():
    found = [person(0, 0, 0.5), person(100, 100, 0.5)]
    predictions = [prediction(found, [(0, 0)], crowds=[[90, 90, 80, 80]])]
    assert choose_thresholds(predictions, COCO).precision == 1
    assert choose_thresholds([prediction(found, [(0, 0)])], COCO).precision == 0.5


def calibrated(tmp_path, monkeypatch, by_height):
    """What `weights calibrate` prints for the table, of people found at each height of peaks."""

    def predict(validation, checkpoint, peak_threshold):
        return [prediction(by_height(peak_threshold), [(0, 0)])]

    monkeypatch.setattr("engine.training.calibrate.predict", predict)
    file = save(tmp_path, two_people_each(1))
    words = ["calibrate", "compact", "--annotations", str(file), "--images", str(tmp_path)]
    outcome = CliRunner().invoke(app.weights.app, words)
    assert outcome.exit_code == 0, outcome.exception
    (line,) = re.findall(r"for assets/weights.toml: (.*)", outcome.output)
    return Thresholds.model_validate(tomllib.loads(line)["defaults"]).values


def test_of_a_registered_checkpoint_the_line_for_the_table_is_shown(tmp_path, monkeypatch):
    people = [person(0, 0, 0.6), person(100, 100, 0.2)]
    row = calibrated(tmp_path, monkeypatch, lambda height: people)
    decoding = thresholds_of("compact").for_decoding.values  # what else the checkpoint says, stays
    assert row == {**decoding, "min_score": 0.4, "min_joints": 1, "peak_threshold": 0.1}


def test_the_height_of_peaks_that_finds_no_ghosts_is_chosen(tmp_path, monkeypatch):
    ghosts = [person(100, 100, 0.7), person(200, 100, 0.7)]
    by_height = {0.1: ghosts, 0.2: ghosts[:1], 0.3: [], 0.4: []}
    row = calibrated(tmp_path, monkeypatch, lambda height: [person(0, 0, 0.6), *by_height[height]])
    assert row["peak_threshold"] == 0.3
