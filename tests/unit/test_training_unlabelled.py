"""People without a label are found and marked as unknown; those with one are left alone."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import app.data
import engine.training.measure
from engine.training.annotations import load_annotations
from engine.training.unlabelled import marked, without_label
from engine.types import JointState, untracked
from tests.support.eval_scenes import Knowing, annotation, dataset, person, save


def poses(*people, score=0.6, joints=17):
    xy = np.array([one[:, :2] for one in people], np.float32)
    state = np.full(xy.shape[:2], JointState.DETECTED, np.uint8)
    state[:, joints:] = JointState.ABSENT
    scores = np.full(len(people), score, np.float32)
    return untracked(xy, np.full(xy.shape[:2], score, np.float32), scores, state)


LEFT, RIGHT = person(20, 30), person(190, 40, 160)


def test_who_has_no_label_gets_a_box_around_all_joints():
    ((x, y, w, h),) = without_label(poses(LEFT, RIGHT), [annotation(1, 1, LEFT)], min_score=0.25)
    assert x < RIGHT[:, 0].min()
    assert y < RIGHT[:, 1].min()
    assert x + w > RIGHT[:, 0].max()
    assert y + h > RIGHT[:, 1].max()
    assert x > LEFT[:, 0].max()


def test_a_person_found_a_little_beside_the_label_is_that_person():
    assert (
        without_label(poses(np.add(LEFT, (5, 5, 0))), [annotation(1, 1, LEFT)], min_score=0) == []
    )


def test_a_crowd_region_counts_as_a_label():
    crowd = {"bbox": [0, 0, 320, 240], "iscrowd": 1}
    assert without_label(poses(LEFT, RIGHT), [crowd], min_score=0) == []


@pytest.mark.parametrize("doubtful", [{"score": 0.2}, {"joints": 3}])
def test_doubtful_people_stay_background(doubtful):
    assert len(without_label(poses(RIGHT), [], min_score=0.25)) == 1
    assert without_label(poses(RIGHT, **doubtful), [], min_score=0.25) == []


def test_what_is_marked_is_read_as_unknown_by_training(tmp_path):
    content = dataset([annotation(7, 1, LEFT)], 1)
    file = save(tmp_path, marked(content, {1: [(180.0, 30.0, 100.0, 180.0)]}))
    (picture,) = load_annotations(file, tmp_path).pictures
    assert picture.unknown.tolist() == [[180, 30, 100, 180]]
    assert len(picture.joints) == 1
    assert [a["id"] for a in json.loads(file.read_text())["annotations"]] == [7, 8]


@pytest.mark.parametrize("written", [7, "7", " 7 ", 7.0, "7.0"])
def test_a_new_id_meets_none_of_the_file_however_that_is_written(written):
    content = dataset([annotation(1, 1, LEFT), {**annotation(2, 1, RIGHT), "id": written}], 1)
    boxes = {1: [(0.0, 0.0, 9.0, 9.0), (9.0, 9.0, 9.0, 9.0)]}
    assert [a["id"] for a in marked(content, boxes)["annotations"]] == [1, written, 8, 9]


@pytest.mark.parametrize("written", ["a3f", None, "7" * 5000, [7], {}, float("nan")])
def test_an_id_that_is_no_number_is_left_alone(written):
    content = dataset([annotation(1, 1, LEFT), {**annotation(2, 1, RIGHT), "id": written}], 1)
    assert marked(content, {1: [(0.0, 0.0, 9.0, 9.0)]})["annotations"][-1]["id"] == 2


def test_the_command_writes_a_file_to_train_on_and_replaces_none(tmp_path, monkeypatch):
    both = dataset([annotation(1, 1, LEFT), annotation(2, 1, RIGHT)], 1)
    knowing = lambda *_, **__: Knowing(both)  # noqa: E731
    monkeypatch.setattr(engine.training.measure, "PoseEstimator", knowing)
    file = save(tmp_path, dataset([annotation(1, 1, LEFT)], 1))
    out = tmp_path / "marked.json"
    call = ["unlabelled", "--annotations", str(file), "--images", str(tmp_path), "-o", str(out)]
    printed = CliRunner().invoke(app.data.app, call)
    assert printed.exit_code == 0, printed.output
    assert "1 people without a label in 1 of 1 images" in printed.output
    (picture,) = load_annotations(out, tmp_path).pictures
    assert len(picture.unknown) == 1
    before = out.read_bytes()
    again = CliRunner().invoke(app.data.app, call)
    assert again.exit_code != 0
    assert out.read_bytes() == before
