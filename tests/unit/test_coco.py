"""Result format and scores: equal to what the reference wrote and what pycocotools says."""

import json

import numpy as np
import pytest

from engine.coco.ground_truth import load_ground_truth
from engine.coco.metrics import METRICS, judge, overall_ap, result_rows
from engine.errors import DataError
from engine.geometry import fit
from engine.types import JointState, no_people, untracked
from tests.support import eval_scenes as scenes
from tests.support.fresh_python import loaded_after
from tests.support.golden import golden_file, golden_json


@pytest.fixture(scope="module")
def golden():
    return golden_json("dev/eval.json")


@pytest.fixture(scope="module")
def golden_truth():
    return load_ground_truth(golden_file("images/person_keypoints.json"))


def golden_rows(golden):
    rows = []
    for image in golden["input"]:
        found = np.array(image["preds"], np.float32).reshape(-1, 17, 3)
        state = np.full(found.shape[:2], JointState.DETECTED, np.uint8)
        score = np.array(image["scores"], np.float32)
        poses = untracked(found[..., :2], found[..., 2], score, state)
        rows += result_rows(image["image_id"], poses, fit((640, 480), 512))
    return rows


def test_all_ten_numbers_equal_the_reference(golden, golden_truth):
    metrics = judge(golden_truth, golden_rows(golden)).metrics
    expected = golden["metrics"]["pycocotools"]
    assert list(metrics) == list(METRICS)
    np.testing.assert_allclose(list(metrics.values()), expected, rtol=0, atol=1e-9)


def test_results_are_written_as_the_reference_writes_them(golden):
    rows = golden_rows(golden)
    assert len(rows) == golden["results_json_entries"]
    assert rows[0] == golden["results_json_first"]


def test_a_joint_that_was_not_found_lies_where_cell_zero_lies_and_counts_in_the_box():
    joints = np.full((1, 17, 2), 100, np.float32)
    state = np.full((1, 17), JointState.DETECTED, np.uint8)
    state[0, 3] = JointState.ABSENT
    score = np.where(state == JointState.ABSENT, 0, 0.5).astype(np.float32)
    fitted = fit((640, 425), 512)
    (row,) = result_rows(7, untracked(joints, score, np.float32([0.4]), state), fitted, 3)
    corner = fitted.to_image(np.zeros(2, np.float32))
    assert row["keypoints"][9:12] == [*corner.tolist(), 0.0]
    assert corner[0] < -20  # left of the image, as in the reference's results
    assert row["bbox"][:2] == corner.tolist()
    assert (row["image_id"], row["category_id"]) == (7, 3)
    json.dumps(row)


def test_nobody_gives_no_rows():
    assert result_rows(1, no_people(17), fit((320, 240), 64)) == []


def test_no_results_at_all_score_zero(golden_truth):
    judgement = judge(golden_truth, [])
    assert set(judgement.metrics.values()) == {0.0}
    assert list(judgement.metrics) == list(METRICS)


def test_the_truth_as_results_scores_one(tmp_path):
    truth = scenes.load(tmp_path, scenes.two_people_each(4))
    metrics = judge(truth, scenes.right_predictions(truth)).metrics
    assert metrics["AP"] == pytest.approx(1.0)
    assert metrics["AR"] == pytest.approx(1.0)


def test_judging_leaves_the_results_as_they_were(tmp_path):
    truth = scenes.load(tmp_path, scenes.two_people_each(2))
    rows = scenes.right_predictions(truth)
    before = json.dumps(rows)
    judge(truth, rows)
    assert json.dumps(rows) == before


def test_the_quick_ap_is_the_judges_ap(golden, golden_truth):
    rows = golden_rows(golden)
    assert overall_ap(golden_truth, rows) == judge(golden_truth, rows).metrics["AP"]


def test_images_without_people_count_against_false_alarms(tmp_path):
    content = scenes.two_people_each(3)
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] != 2]
    truth = scenes.load(tmp_path, content)
    rows = [*scenes.right_predictions(truth), scenes.prediction(2, scenes.person(50, 30), 0.99)]
    assert judge(truth, rows).metrics["AP"] < 0.99


def test_annotation_zero_can_be_matched(tmp_path):
    content = scenes.two_people_each(1)
    content["annotations"][0]["id"] = 0  # pycocotools alone takes a match with it for none
    truth = scenes.load(tmp_path, content)
    assert judge(truth, scenes.right_predictions(truth)).metrics["AP"] == pytest.approx(1.0)


def test_crowds_and_people_without_keypoints_do_not_count(tmp_path):
    content = scenes.two_people_each(1)
    nothing = np.zeros((17, 3))
    box = {"bbox": [0.0, 0.0, 100.0, 200.0], "area": 9000.0}
    content["annotations"] += [
        scenes.annotation(50, 1, scenes.person(5, 5)) | {"iscrowd": 1, "keypoints": [0] * 51} | box,
        scenes.annotation(51, 1, scenes.person(5, 5))
        | {"keypoints": nothing.ravel().tolist(), "num_keypoints": 0}
        | box,
    ]
    truth = scenes.load(tmp_path, content)
    assert truth.people == 2
    assert judge(truth, scenes.right_predictions(truth)).metrics["AP"] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("annotations"), "annotations: is missing"),
        (lambda c: c.update(images=[]), "lists no images"),
        (lambda c: c["categories"][0].pop("keypoints"), "person_keypoints_"),
        (lambda c: c["categories"].append(dict(c["categories"][0], id=2)), "exactly one must"),
        (
            lambda c: c["annotations"][0].update(keypoints="x"),
            "10: keypoints: .*got 'x'",
        ),
        (
            lambda c: c["annotations"][0]["keypoints"].pop(),
            "must be 3 x 17 = 51 numbers .* got 50",
        ),
        (
            lambda c: c["annotations"][0].update(
                keypoints=[5, 5, 2] * 17, area=0, bbox=[5, 5, 0, 0]
            ),
            "annotation 10: its area is 0.* is flat",
        ),
        (
            lambda c: c["annotations"][0].update(bbox=[1, 2, 3]),
            "10: bbox must be 4 numbers .* got 3",
        ),
        (lambda c: c["annotations"][0].update(image_id=99), "image_id 99 is no listed image"),
        (
            lambda c: c["annotations"][1].update(id=10),
            "annotation id 10 is there twice",
        ),
        (lambda c: c["images"][0].update(width="wide"), "image 1: width: .*got 'wide'"),
        (lambda c: c["images"][0].update(file_name="../../etc/x"), "file in the image folder"),
        (lambda c: c["annotations"].clear(), "no person in it has a labelled keypoint"),
        (lambda c: [a.update(category_id=2) for a in c["annotations"]], "nothing to measure"),
    ],
)
def test_unusable_annotations_are_refused_with_what_is_wrong(tmp_path, change, message):
    content = scenes.two_people_each(1)
    change(content)
    file = tmp_path / "people.json"
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=message) as caught:
        load_ground_truth(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["", "[1, 2]", "not json"])
def test_a_file_that_is_no_annotation_file_is_refused(tmp_path, content):
    file = tmp_path / "people.json"
    file.write_text(content)
    with pytest.raises(DataError, match="not a"):
        load_ground_truth(file)


def test_only_all_of_val2017_is_called_val2017(tmp_path, shared):
    dev = load_ground_truth(shared / "data/coco/dev/person_keypoints_dev.json")
    assert dev.name.startswith("the 200-image dev split of val2017")
    assert "dev split" not in dev.only([dev.images[0].id]).name
    renamed = tmp_path / "person_keypoints_val2017.json"
    renamed.write_text(json.dumps(scenes.two_people_each(1)))
    truth = load_ground_truth(renamed)
    assert not truth.is_val2017
    assert truth.name == "person_keypoints_val2017.json (1 images)"


def test_pycocotools_is_not_imported_before_something_is_judged():
    code = "import engine.coco.metrics, engine.coco.diagnosis.diagnose, app.evaluation.command"
    assert loaded_after(code, "pycocotools") == []
