"""What is drawn lies where the joints are, and nothing else is touched."""

from dataclasses import replace

import numpy as np
import pytest

from app.overlay.drawing import draw
from app.overlay.palette import PALETTE, colour_of
from engine.settings import DisplaySettings
from engine.skeleton import COCO
from engine.types import JointState, Poses, no_people

GREY = 100
PLAIN = DisplaySettings(ids=False)


def picture(width=640, height=360):
    return np.full((height, width, 3), GREY, np.uint8)


def people(*places, state=JointState.DETECTED, score=0.9, ids=None):
    """Everyone as a star of joints 60 pixels wide around each place."""
    count = len(places)
    angle = np.arange(17) / 17 * 2 * np.pi
    star = np.stack([np.cos(angle), np.sin(angle)], -1) * 60
    xy = (np.array(places, float)[:, None] + star).astype(np.float32)
    return Poses(
        xy,
        np.full((count, 17), score, np.float32),
        np.full(count, score, np.float32),
        np.array(ids if ids is not None else range(count), np.int32),
        np.full((count, 17), state, np.uint8),
        xy,
    )


def changed(before, after):
    """(H, W) bool: where something was drawn."""
    return (before != after).any(-1)


def test_the_given_picture_is_left_alone():
    before = picture()
    before.flags.writeable = False
    after = draw(before, people((320, 180)), COCO, PLAIN)
    assert (before == GREY).all()
    assert changed(before, after).any()


def test_nobody_leaves_the_picture_as_it_is():
    assert (draw(picture(), no_people(17), COCO, PLAIN) == GREY).all()


def test_every_joint_is_under_its_disc():
    poses = people((320, 180))
    after = draw(picture(), poses, COCO, PLAIN)
    for x, y in poses.xy[0]:
        assert (after[int(y), int(x)] != GREY).any()


def test_a_joint_at_a_pixel_centre_is_drawn_symmetrically():
    poses = people((320, 180))
    only = np.zeros((1, 17), np.uint8)
    only[0, 0] = JointState.DETECTED
    xy = poses.xy.copy()
    xy[0, 0] = 300.5, 200.5  # the centre of pixel (300, 200)
    spot = changed(picture(), draw(picture(), replace(poses, xy=xy, state=only), COCO, PLAIN))
    rows, columns = np.nonzero(spot)
    assert rows.mean() == pytest.approx(200, abs=0.01)
    assert columns.mean() == pytest.approx(300, abs=0.01)


def test_scale_moves_the_drawing_with_the_picture():
    after = draw(picture(), people((160, 90)), COCO, PLAIN, scale=2.0)
    rows, columns = np.nonzero(changed(picture(), after))
    assert (columns.min(), columns.max()) == pytest.approx((200, 440), abs=8)
    assert (rows.min(), rows.max()) == pytest.approx((60, 300), abs=8)


def test_weak_joints_are_not_drawn():
    poses = people((320, 180), score=0.1)
    assert (draw(picture(), poses, COCO, PLAIN) == GREY).all()
    shown = PLAIN.model_copy(update={"min_joint_score": 0.05})
    assert changed(picture(), draw(picture(), poses, COCO, shown)).any()


def test_absent_joints_and_what_hangs_on_them_are_not_drawn():
    poses = people((320, 180))
    xy, state = poses.xy.copy(), poses.state.copy()
    xy[0, 9] = 600, 30  # the left wrist, far from everything else
    around = np.s_[20:40, 560:620]
    with_it = draw(picture(), replace(poses, xy=xy), COCO, PLAIN)
    assert (with_it[around] != GREY).any()
    state[0, 9] = JointState.ABSENT
    without = draw(picture(), replace(poses, xy=xy, state=state), COCO, PLAIN)
    assert (without[around] == GREY).all()


def test_not_a_number_and_far_away_joints_are_survived():
    poses = people((320, 180), (100, 100), (500, 100))
    xy = poses.xy.copy()
    xy[0] = np.nan
    xy[1, :4] = 1e30, -1e30
    xy[2, 3] = np.inf
    after = draw(picture(), replace(poses, xy=xy), COCO, DisplaySettings(boxes=True))
    assert changed(picture(), after).any()


def test_people_partly_outside_the_picture_are_cut_at_its_edge():
    after = draw(picture(), people((0, 0), (640, 360)), COCO, DisplaySettings(boxes=True))
    assert after.shape == (360, 640, 3)
    assert changed(picture(), after)[:40, :40].any()


def test_refined_joints_are_hollow():
    poses = people((320, 180), state=JointState.REFINED)
    x, y = poses.xy[0, 0]
    sure = draw(picture(), people((320, 180)), COCO, PLAIN)[int(y), int(x)]
    hollow = draw(picture(), poses, COCO, PLAIN)[int(y), int(x)]
    assert sure.max() > 150
    assert hollow.max() < 60


def test_a_person_keeps_the_colour_of_the_id_in_any_row():
    here, there = (160, 180), (480, 180)
    first = draw(picture(), people(here, there, ids=[3, 4]), COCO, PLAIN)
    second = draw(picture(), people(there, here, ids=[4, 3]), COCO, PLAIN)
    assert (first == second).all()


def test_neighbouring_ids_differ_in_colour():
    colours = np.array(PALETTE, float)
    apart = np.linalg.norm(colours[:, None] - colours[None], axis=-1) + 999 * np.eye(len(colours))
    assert apart.min() > 50
    assert colour_of(3) == colour_of(3 + len(PALETTE))


def test_ids_and_boxes_are_drawn_when_asked_for():
    poses = people((320, 180))
    counts = [
        int(changed(picture(), draw(picture(), poses, COCO, display)).sum())
        for display in (PLAIN, DisplaySettings(ids=True), DisplaySettings(ids=True, boxes=True))
    ]
    assert counts[0] < counts[1] < counts[2]


def test_untracked_people_have_no_label():
    poses = people((320, 180), ids=[-1])
    labelled = draw(picture(), poses, COCO, DisplaySettings(ids=True))
    assert (labelled == draw(picture(), poses, COCO, PLAIN)).all()


def test_lines_grow_with_the_thickness_setting():
    small = changed(picture(), draw(picture(), people((320, 180)), COCO, PLAIN)).sum()
    thick = PLAIN.model_copy(update={"thickness": 3.0})
    assert changed(picture(), draw(picture(), people((320, 180)), COCO, thick)).sum() > 1.2 * small


def test_blurred_heads_hide_the_face_of_everyone_found():
    rng = np.random.default_rng(2)
    before = rng.integers(0, 255, (360, 640, 3)).astype(np.uint8)
    poses = people((320, 180))
    xy = poses.xy.copy()
    xy[0, :5] = (320, 60), (314, 54), (326, 54), (308, 58), (332, 58)
    hidden = DisplaySettings(blur_heads=True, limbs=False, joints=False, ids=False)
    after = draw(before, replace(poses, xy=xy), COCO, hidden)
    face = after[45:70, 306:334]
    assert len(np.unique(face.reshape(-1, 3), axis=0)) <= 25, "a few squares of one colour each"
    assert (after[300:] == before[300:]).all()


def test_skeleton_only_leaves_nothing_of_the_picture_and_mirror_exchanges_its_sides():
    before = picture()
    before[:, :320] = 200
    nothing = DisplaySettings(skeleton_only=True)
    assert (draw(before, no_people(17), COCO, nothing) == 0).all()
    turned = draw(before, no_people(17), COCO, DisplaySettings(mirrored=True))
    assert (turned[:, :320] == GREY).all()
    assert (turned[:, 320:] == 200).all()
