"""People pasted from other pictures keep their labels, and those underneath lose the right ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.skeleton import COCO, skeleton_from_names
from engine.training import paste
from engine.training.annotations import Annotations, Picture
from engine.training.augment import Views
from engine.training.dataset import Batches, Phase
from tests.support.train_dots import centre_of, write_data

RED = np.array([255, 0, 0])
STANDING = np.array(
    [
        *((50, 20), (52, 18), (48, 18), (55, 19), (45, 19)),
        *((60, 40), (40, 40), (65, 60), (35, 60), (68, 78), (32, 78)),
        *((56, 85), (44, 85), (58, 115), (42, 115), (60, 145), (40, 145)),
    ],
    np.float32,
)
BOX = np.array([25, 8, 50, 145], np.float32)


def standing(shift=(0, 0)):
    """(17, 3) joints of somebody who stands, all labelled."""
    return np.column_stack((STANDING + shift, np.ones(17))).astype(np.float32)


def scene_with(*people, size=(160, 240)):
    joints = np.array(people, np.float32).reshape(-1, 17, 3)
    return paste.Scene(np.zeros((*size, 3), np.uint8), joints, np.zeros(size, np.bool_))


def red_donor():
    """Somebody in a red picture whose nose is marked by a blue dot."""
    pixels = np.zeros((160, 100, 3), np.uint8)
    pixels[:] = RED
    pixels[17:23, 47:53] = (0, 0, 255)
    return paste.Donor(pixels, standing(), BOX)


def picture(joints, boxes, unknown=()):
    return Picture(
        Path("nowhere.jpg"),
        np.array(joints, np.float32),
        np.array(boxes, np.float32),
        np.array(unknown, np.float32).reshape(-1, 4),
    )


@pytest.mark.parametrize("seed", range(8))
def test_labels_come_along_with_the_pasted_pixels(seed):
    scene = scene_with(standing((120, 0)))
    after = paste.add(np.random.default_rng(seed), scene, red_donor(), COCO)
    assert after.joints.shape == (2, 17, 3)
    pasted = after.joints[1]
    assert (pasted[:, 2] == 1).all()
    nose = pasted[0, :2]
    if (nose > 6).all() and (nose < (234, 154)).all():
        centre, area = centre_of(after.pixels, np.array([0, 0, 255]))
        assert area > 0
        assert np.abs(centre - nose).max() < 1.0
    for x, y, _ in pasted[5:]:
        if 0 <= x < 240 and 0 <= y < 160:
            assert after.covered[int(y), int(x)]


def test_left_stays_left_when_somebody_is_pasted_mirrored():
    sides = set()
    for seed in range(12):
        after = paste.add(np.random.default_rng(seed), scene_with(), red_donor(), COCO)
        left, right = after.joints[0, 5, 0], after.joints[0, 6, 0]
        elbow_left, elbow_right = after.joints[0, 7, 0], after.joints[0, 8, 0]
        assert (elbow_left - elbow_right) * (left - right) > 0
        sides.add(bool(left > right))
    # An image of somebody who faces us has their left on the right; mirrored pixels would put it
    # on the left, but the names are exchanged with them.
    assert sides == {True}


def test_the_view_changes_only_where_somebody_was_pasted():
    scene = scene_with(standing())
    after = paste.add(np.random.default_rng(1), scene, red_donor(), COCO)
    assert after.covered.any()
    assert not scene.pixels.any()
    assert not scene.covered.any()
    far = np.ones_like(after.covered)
    rows, columns = np.nonzero(after.covered)
    top, left = max(0, rows.min() - 12), max(0, columns.min() - 12)
    far[top : rows.max() + 13, left : columns.max() + 13] = False
    assert not after.pixels[far].any()
    assert (after.pixels[after.covered].max(1) > 100).all()


def test_a_silhouette_holds_the_body_and_stays_in_the_box():
    box = np.array([(25, 8), (75, 8), (75, 153), (25, 153)], np.float32)
    share = paste.silhouette(standing(), box, COCO, (160, 100))
    for x, y in STANDING.astype(int):
        assert share[y, x] > 0.9
    assert share[12, 50] > 0.9  # the forehead, above the eyes
    assert share[60, 50] > 0.9  # the belly, between all joints
    assert share[25, 30] < 0.1  # beside the head, above the shoulder
    assert share[150, 50] < 0.5  # between the ankles
    assert share[:, :22].max() < 0.01
    assert share[:5].max() < 0.01


def test_hidden_limbs_stay_labelled_and_hidden_faces_do_not():
    covered = np.zeros((160, 100), np.bool_)
    covered[:50] = True  # face and shoulders: 7 of 17
    after = paste.hidden_behind(standing()[None], covered, COCO)
    assert (after[0, :5, 2] == 0).all()
    assert (after[0, 5:, 2] == 1).all()


def test_of_somebody_mostly_hidden_only_what_shows_stays_labelled():
    covered = np.zeros((160, 100), np.bool_)
    covered[:100] = True  # all but knees and ankles
    after = paste.hidden_behind(standing()[None], covered, COCO)
    assert (after[0, :13, 2] == 0).all()
    assert (after[0, 13:, 2] == 1).all()


def test_only_large_whole_people_who_stand_alone_are_cut_out():
    whole, headless = standing(), standing()
    headless[5:, 2] = 0
    small = BOX * 0.3
    beside = BOX + np.float32([80, 0, 0, 0])
    before = BOX + np.float32([20, 0, 0, 0])
    pictures = [
        picture([whole, whole], [BOX, beside]),
        picture([whole], [small]),
        picture([headless], [BOX]),
        picture([whole, whole], [BOX, before]),
        picture([whole], [BOX], unknown=[before]),
    ]
    assert paste.donors(pictures, COCO) == [(0, 0), (0, 1)]


def test_keypoints_of_the_users_own_are_cut_out_along_their_limbs():
    skeleton = skeleton_from_names(["tip", "middle", "end"], [(0, 1), (1, 2)])
    joints = np.array([(10, 20, 1), (50, 20, 1), (90, 20, 1)], np.float32)
    box = np.array([(0, 0), (100, 0), (100, 40), (0, 40)], np.float32)
    share = paste.silhouette(joints, box, skeleton, (60, 120))
    assert share[20, 30] > 0.9
    assert share[35, 50] < 0.1


def batches(folder, share, *, crowd=False, batch=4):
    """Views of two pictures of three dots, 96 pixels large, a share of them with pasted dots.

    With `crowd`, half the views come from copies in which everything is a crowd.
    """
    data = write_data(folder, size=(120, 160))
    skeleton = skeleton_from_names(data.skeleton.names, [(0, 1), (1, 2), (0, 2)])
    sources = [Annotations(skeleton, data.pictures)]
    if crowd:
        everywhere = np.array([(0, 0, 160, 120)], np.float32)
        crowded = (replace(one, unknown=everywhere) for one in data.pictures)
        sources.append(Annotations(skeleton, tuple(crowded)))
    views = Views(spoil=0, paste=share)
    return Batches(sources, [Phase(8, batch, ((96, 96),), views)], seed=2)


def people(batch):
    """How many people each view of a batch has."""
    return (batch.cells >= 0).any(2).sum(1)


def test_the_share_of_views_with_pasted_people_is_the_one_asked_for(tmp_path):
    counted = [people(batches(tmp_path, share)[0]).tolist() for share in (0.0, 1.0)]
    assert max(counted[0]) <= 1
    assert sum(counted[1]) >= sum(counted[0]) + 4


def test_a_batch_with_pasted_people_is_the_same_whoever_asks(tmp_path):
    first, again = batches(tmp_path, 0.5), batches(tmp_path, 0.5)
    _ = again[5]
    assert (first[3].pixels == again[3].pixels).all()
    assert (first[3].low == again[3].low).all()


def test_the_answer_is_known_where_somebody_was_pasted_on_a_crowd(tmp_path):
    without = batches(tmp_path, 0.0, crowd=True, batch=1)
    pasted = batches(tmp_path, 1.0, crowd=True, batch=1)
    more = 0
    for step in range(8):  # the first view of a step is the same window in both
        before, after = without[step].high_mask, pasted[step].high_mask
        more += int((after > before).sum())
    assert more > 0
