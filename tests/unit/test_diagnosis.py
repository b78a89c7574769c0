"""The diagnosis finds what was planted, and its numbers agree with the judge's."""

import numpy as np
import pytest

from engine.coco.diagnosis.bootstrap import compare
from engine.coco.diagnosis.diagnose import diagnose
from engine.coco.diagnosis.keypoints import Kind, classify, kinds_of
from engine.coco.diagnosis.matching import match_people
from engine.coco.diagnosis.precision import average_precision, precision_at, ranking
from engine.coco.metrics import judge
from engine.skeleton import COCO
from tests.support import eval_scenes as scenes

WRIST, LEFT_KNEE, RIGHT_KNEE, ANKLE = 9, 13, 14, 15


@pytest.fixture
def truth(tmp_path):
    return scenes.load(tmp_path, scenes.two_people_each(6))


def shift_for(similarity, area, keypoint):
    """How far a keypoint must be off for its similarity to be this."""
    return np.sqrt(-2 * np.log(similarity) * area) * 2 * COCO.sigmas[keypoint]


def move(row, keypoint, xy):
    row["keypoints"][3 * keypoint : 3 * keypoint + 2] = [float(v) for v in xy]


def joints(row):
    return np.reshape(row["keypoints"], (17, 3))


def test_perfect_results_have_no_errors_and_nothing_to_gain(truth):
    found = diagnose(judge(truth, scenes.right_predictions(truth)))
    assert found.kinds == {"good": 12 * 17, "jitter": 0, "inversion": 0, "swap": 0, "miss": 0}
    assert (found.people, found.found, found.missed) == (12, 12, 0)
    assert (found.duplicates, found.fragments, found.background) == (0, 0, 0)
    assert found.costs == pytest.approx(dict.fromkeys(found.costs, 0.0), abs=1e-12)
    assert all(k.ap == pytest.approx(1.0) for k in found.keypoints)
    assert all(s.recall == 1.0 for s in found.slices if s.people)


def planted(truth):
    """Right answers with 5 jitters, 2 inverted pairs, 3 swaps and 4 misses."""
    rows = scenes.right_predictions(truth)
    area = [a["area"] for a in truth.annotations]
    for i in range(5):
        away = shift_for(0.7, area[i], WRIST)
        move(rows[i], WRIST, joints(rows[i])[WRIST, :2] + (away, 0))
    for i in (5, 6):
        left, right = joints(rows[i])[[LEFT_KNEE, RIGHT_KNEE], :2].copy()
        move(rows[i], LEFT_KNEE, right)
        move(rows[i], RIGHT_KNEE, left)
    for i in (7, 8, 9):
        other = rows[i + 1] if i % 2 == 0 else rows[i - 1]  # the other person of the image
        move(
            rows[i],
            ANKLE,
            np.reshape(truth.annotations[rows.index(other)]["keypoints"], (17, 3))[ANKLE, :2],
        )
    for i in (8, 9, 10, 11):
        move(rows[i], WRIST, (1000, 1000))
    return rows


def test_planted_keypoint_errors_are_counted_as_planted(truth):
    found = diagnose(judge(truth, planted(truth)))
    assert found.kinds == {
        "good": 12 * 17 - 5 - 4 - 3 - 4, "jitter": 5, "inversion": 4, "swap": 3, "miss": 4
    }  # fmt: skip
    by_name = {k.name: k for k in found.keypoints}
    assert by_name["left_wrist"].kinds == {
        "good": 3, "jitter": 5, "inversion": 0, "swap": 0, "miss": 4
    }  # fmt: skip
    assert by_name["left_knee"].kinds["inversion"] == 2
    assert by_name["left_ankle"].kinds["swap"] == 3
    assert by_name["left_wrist"].ap < by_name["nose"].ap == pytest.approx(1.0)


@pytest.mark.parametrize("kind", ["jitter", "inversion", "miss"])
def test_mending_the_only_kind_of_error_there_is_gains_all_that_is_lost(truth, kind):
    rows = scenes.right_predictions(truth)
    for row, annotation in zip(rows, truth.annotations, strict=True):
        right = joints(row)[:, :2].copy()
        for k in range(5, 17):
            away = shift_for(0.6, annotation["area"], k)
            place = {"jitter": right[k] + (away, 0), "inversion": right[COCO.mirror[k]]}
            move(row, k, place.get(kind, (999, 999)))
    judgement = judge(truth, rows)
    costs = diagnose(judgement).costs
    assert costs[kind] == pytest.approx(1.0 - judgement.metrics["AP"])
    assert costs[kind] > 0.1
    others = {name: cost for name, cost in costs.items() if name != kind}
    assert others == pytest.approx(dict.fromkeys(others, 0.0), abs=1e-12)


def test_duplicates_fragments_ghosts_and_missed_people_are_counted_as_planted(truth):
    rows = scenes.right_predictions(truth)
    copies = [dict(row, score=0.5) for row in rows[:3]]
    part = dict(rows[4], keypoints=list(rows[4]["keypoints"]), score=0.4)
    for k in range(4, 17):
        move(part, k, (2000, 2000))
    ghosts = [scenes.prediction(2, scenes.person(2000, 2000), 0.95) for _ in range(2)]
    found = diagnose(judge(truth, [*rows[:-2], *copies, part, *ghosts]))
    assert (found.duplicates, found.fragments, found.background, found.missed) == (3, 1, 2, 2)
    assert found.found == 10
    assert found.costs["missed people"] > 0
    assert found.costs["background"] > 0
    assert found.kinds["good"] == 10 * 17


def test_an_error_near_two_places_is_of_the_kind_of_the_nearer_one():
    similarity = np.zeros((2, 2, 3))  # (same or mirrored, person, keypoint)
    similarity[1, 0] = [0.9, 0.6, 0.0]  # own mirrored keypoint
    similarity[0, 1] = [0.6, 0.9, 0.4]  # the same keypoint of somebody else
    assert kinds_of(similarity, 0).tolist() == [Kind.INVERSION, Kind.SWAP, Kind.MISS]
    similarity[0, 0] = [0.5, 0.84, 0.85]  # near its own place it is no confusion
    assert kinds_of(similarity, 0).tolist() == [Kind.JITTER, Kind.JITTER, Kind.GOOD]


def test_unlabelled_keypoints_are_not_judged(tmp_path):
    content = scenes.two_people_each(1)
    hidden = scenes.person(20, 30)
    hidden[5:] = 0
    content["annotations"][0] = scenes.annotation(10, 1, hidden)
    truth = scenes.load(tmp_path, content)
    table = classify(match_people(judge(truth, scenes.right_predictions(truth))), COCO)
    assert len(table.row) == 5 + 17


def test_crowds_take_any_number_of_answers_without_harm(tmp_path):
    content = scenes.two_people_each(1)
    crowd = scenes.annotation(90, 1, scenes.person(100, 20), iscrowd=1, num_keypoints=0)
    crowd["keypoints"] = [0] * 51
    content["annotations"].append(crowd)
    truth = scenes.load(tmp_path, content)
    inside = [scenes.prediction(1, scenes.person(100, 20), s) for s in (0.99, 0.98)]
    found = diagnose(judge(truth, [*scenes.right_predictions(truth), *inside]))
    assert (found.people, found.found, found.background) == (2, 2, 0)
    assert found.keypoints[0].ap == pytest.approx(1.0)


def random_rows(truth, noise, seed):
    rng = np.random.default_rng(seed)
    rows = []
    for a in truth.annotations:
        if a["num_keypoints"] and rng.random() > 0.2:
            points = np.reshape(a["keypoints"], (17, 3)).astype(float)
            points[:, :2] += rng.normal(size=(17, 2)) * noise * np.sqrt(a["area"])
            rows.append(scenes.prediction(a["image_id"], points, float(rng.random())))
    ghosts = (scenes.person(*rng.uniform(0, 900, 2)) for _ in truth.images)
    return rows + [
        scenes.prediction(image.id, ghost, float(rng.random()))
        for image, ghost in zip(truth.images, ghosts, strict=True)
    ]


def test_own_average_precision_is_the_judges(shared):
    from engine.coco.ground_truth import load_ground_truth

    truth = load_ground_truth(shared / "data/coco/dev/person_keypoints_dev.json")
    judgement = judge(truth, random_rows(truth, 0.05, 1))
    at = precision_at(ranking(judgement))
    assert at.mean() == pytest.approx(judgement.metrics["AP"], abs=1e-12)
    assert at[0] == pytest.approx(judgement.metrics["AP50"], abs=1e-12)
    assert at[5] == pytest.approx(judgement.metrics["AP75"], abs=1e-12)


def test_weights_count_an_image_as_often_as_copies_of_it_would(tmp_path):
    content = scenes.two_people_each(3)
    truth = scenes.load(tmp_path, content)
    rows = random_rows(truth, 0.06, 3)
    weighted = precision_at(ranking(judge(truth, rows)), np.array([2.0, 0.0, 3.0]))
    copied, again = scenes.dataset([], 5), []
    for new, old in enumerate([1, 1, 3, 3, 3], start=1):
        copied["annotations"] += [
            dict(a, id=100 * new + a["id"], image_id=new)
            for a in content["annotations"]
            if a["image_id"] == old
        ]
        again += [dict(row, image_id=new) for row in rows if row["image_id"] == old]
    expanded = precision_at(ranking(judge(scenes.load(tmp_path / "copied", copied), again)))
    np.testing.assert_allclose(weighted, expanded, atol=1e-12)


def test_average_precision_by_hand():
    # right, wrong, right of 4 people: precision 1 up to recall .25, then 2/3 up to .5.
    ap = average_precision(np.array([1.0, 0, 1]), np.array([0.0, 1, 0]), 4)
    assert ap == pytest.approx((26 * 1 + 25 * 2 / 3) / 101)
    assert average_precision(np.zeros(0), np.zeros(0), 4) == 0.0
    assert average_precision(np.zeros(0), np.zeros(0), 0) == -1.0


def test_slices_hold_everybody_once_and_know_size_and_crowding(tmp_path):
    content = scenes.dataset(
        [
            scenes.annotation(1, 1, scenes.person(20, 20, 60)),  # small
            scenes.annotation(2, 2, scenes.person(20, 10, 200)),
            scenes.annotation(3, 2, scenes.person(40, 10, 200)),  # overlaps the other
        ],
        2,
    )
    truth = scenes.load(tmp_path, content)
    rows = scenes.right_predictions(truth)[1:]  # the small one is not found
    found = {(s.by, s.name): s for s in diagnose(judge(truth, rows)).slices}
    for by in ("size", "crowding", "keypoints"):
        assert sum(s.people for (b, _), s in found.items() if b == by) == 3
    assert found["size", "under 32 px"].recall == 0.0
    assert found["size", "64 to 96 px"].recall == 1.0
    assert found["crowding", "1 neighbour"].people == 2
    assert found["crowding", "none"].mean_oks == 0.0
    assert found["keypoints", "16 labelled or more"].found == pytest.approx(2 / 3)


def test_recall_over_all_slices_is_the_judges_ar(truth):
    judgement = judge(truth, random_rows(truth, 0.05, 5))
    by_size = [s for s in diagnose(judgement).slices if s.by == "size"]
    mean = sum(s.recall * s.people for s in by_size) / sum(s.people for s in by_size)
    assert mean == pytest.approx(judgement.metrics["AR"])


def test_a_calibrated_score_has_no_error_and_a_boastful_one_has(truth):
    half_right = [
        dict(row, score=0.5)
        if i % 2
        else scenes.prediction(row["image_id"], scenes.person(3e3, 0), 0.5)
        for i, row in enumerate(scenes.right_predictions(truth))
    ]
    honest, _ = diagnose(judge(truth, half_right)).calibration
    assert [(b.score, b.right, b.count) for b in honest.bins] == [(0.5, 0.5, 12)]
    assert honest.error == pytest.approx(0.0)
    boastful, _ = diagnose(judge(truth, [dict(r, score=0.95) for r in half_right])).calibration
    assert boastful.error == pytest.approx(0.45)


def test_the_worst_image_is_the_one_that_was_spoilt(truth):
    rows = [row for row in scenes.right_predictions(truth) if row["image_id"] != 4]
    worst = diagnose(judge(truth, rows), worst=2).worst
    assert worst[0].image == 4
    assert worst[0].errors == {"missed people": 2}
    assert worst[0].lost == pytest.approx(2.0)
    assert worst[1].errors == {}


def test_no_results_are_diagnosed_without_falling_over(truth):
    found = diagnose(judge(truth, []))
    assert (found.found, found.missed) == (0, 12)
    assert sum(found.kinds.values()) == 0
    assert "missed people" not in found.costs  # nobody would be left to look for


def test_comparing_a_result_with_itself_shows_no_difference(truth):
    judgement = judge(truth, random_rows(truth, 0.05, 7))
    same = compare(judgement, judgement, resamples=50)
    assert same.difference == 0.0
    assert same.interval == (0.0, 0.0)
    assert (same.wins, same.losses, same.draws) == ((), (), 6)


def test_a_clearly_better_result_is_told_apart_and_the_images_are_named(truth):
    good = scenes.right_predictions(truth)
    bad = [row for row in good if row["image_id"] not in (2, 5)]
    found = compare(judge(truth, bad), judge(truth, good), resamples=300)
    assert found.difference == pytest.approx(1.0 - judge(truth, bad).metrics["AP"])
    assert found.interval[0] >= 0.0
    assert found.interval[1] <= 1.0
    assert found.above_zero > 0.8
    assert set(found.wins) == {2, 5}
    assert found.losses == ()


def test_the_same_seed_draws_the_same_images(truth):
    a, b = judge(truth, random_rows(truth, 0.05, 8)), judge(truth, random_rows(truth, 0.05, 9))
    first, second, other = (compare(a, b, resamples=40, seed=s) for s in (0, 0, 1))
    assert first == second
    assert first.interval != other.interval
