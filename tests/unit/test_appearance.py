"""What people wear, and what the tracker makes of it."""

import numpy as np
import pytest

from app.cluster.detections import from_bytes, gather_detections, to_bytes
from engine.pipeline import Detection
from engine.settings import TrackingSettings
from engine.skeleton import COCO, skeleton_from_names
from engine.tracking.appearance import appearance, unlikeness, unseen
from engine.tracking.camera_motion import CameraMotion
from engine.tracking.tracker import Tracker
from engine.types import Frame, JointState, untracked

RED, BLUE, GREY = (220, 40, 30), (30, 60, 210), (90, 90, 90)
BODY = np.random.default_rng(3).random((17, 2)) * 100


def two(left, right=None, *, shirts=(RED, BLUE), light=1.0):
    """A frame with people at these x, each before a plain wall of the colour of its clothes."""
    pixels = np.zeros((140, 640, 3), np.uint8)
    xy = []
    for x, shirt in zip((left, right), shirts, strict=True):
        if x is not None:
            pixels[:, int(x) : int(x) + 101] = np.array(shirt) * light
            xy.append(BODY + np.array([x, 20]))
    xy = np.array(xy, np.float32)
    scores = np.full(xy.shape[:2], 0.8, np.float32)
    poses = untracked(xy, scores, scores.mean(1), np.full(scores.shape, JointState.DETECTED))
    return pixels, poses


def follow(steps, *, seen=True):
    """The ids of each step's people."""
    track, ids = Tracker(TrackingSettings(), COCO), []
    for index, (pixels, poses) in enumerate(steps):
        frame = Frame(pixels.copy(), index, index / 25, 0.0, "test")
        if seen:
            poses = replaced(poses, appearance(pixels, poses.xy, COCO))
        ids.append(track(frame, poses).ids.tolist())
    return ids


def replaced(poses, colours):
    return type(poses)(
        poses.xy, poses.joint_score, poses.score, poses.ids, poses.state, poses.raw_xy, colours
    )


def turned_back():
    """Two walk towards each other, one hides the other for a moment, and both turn back."""
    yield from (two(100 + 6 * i, 400 - 6 * i) for i in range(23))
    yield from (two(None, 268 + 6 * i) for i in range(4))
    yield from (two(208 - 6 * i, 292 + 6 * i) for i in range(20))


def test_the_colour_of_a_limb_is_the_mean_along_it_and_left_and_right_are_one():
    skeleton = skeleton_from_names(
        ("neck", "left_hand", "right_hand", "tail"), ((0, 1), (0, 2), (0, 3))
    )
    pixels = np.zeros((50, 100, 3), np.uint8)
    pixels[:, 50:] = 200
    pixels[30:] = (0, 100, 0)
    xy = np.array(
        [[[50, 10], [10, 10], [90, 10], [50, 45]], [[50, 10], [50, 90]] + [[np.nan] * 2] * 2]
    )
    found = appearance(pixels, xy, skeleton)
    assert found.shape == (2, 2, 3)
    np.testing.assert_allclose(found[0, 0], 100 / 255, atol=1e-6)  # half black, half grey
    assert found[0, 1, 1] > found[0, 1, 0]  # its end is green
    assert np.isnan(found[1, 1]).all()  # no tail was found
    np.testing.assert_allclose(appearance(pixels, xy + np.array([500, 0]), skeleton), np.nan)


def test_pictures_without_people_and_skeletons_without_limbs():
    pixels = np.zeros((4, 4, 3), np.uint8)
    bare = skeleton_from_names(("a", "b"))
    assert appearance(pixels, np.zeros((0, 17, 2)), COCO).shape == unseen(0, COCO).shape
    assert appearance(pixels, np.ones((3, 2, 2)), bare).shape == (3, 0, 3)


def test_unlikeness_counts_what_both_show():
    a = np.array([[[0.0, 0, 0], [1, 1, 1]]])
    b = np.array([[[0.0, 0.3, 0.4], [np.nan] * 3], [[np.nan] * 3] * 2])
    np.testing.assert_allclose(unlikeness(a, b), [[0.5, np.nan]])


def test_a_person_who_turned_back_while_hidden_is_known_again_by_the_clothes():
    ids = follow(turned_back())
    assert ids[-1] == ids[0]
    assert follow(turned_back(), seen=False)[-1] != ids[0]  # the motion said: farther on


def test_people_dressed_alike_are_followed_as_without_colours():
    def walk():
        yield from (two(100 + 6 * i, 400 - 6 * i, shirts=(GREY, GREY)) for i in range(23))
        yield from (two(None, 262 - 6 * i, shirts=(GREY, GREY)) for i in range(6))
        yield from (two(274 + 6 * i, 226 - 6 * i, shirts=(GREY, GREY)) for i in range(20))

    assert follow(walk()) == follow(walk(), seen=False)


@pytest.mark.parametrize("light", [0.15, 0.5])
def test_nobody_is_lost_when_the_light_goes_out(light):
    ids = follow(two(100, 400, light=1.0 if i < 20 else light) for i in range(40))
    assert all(one == ids[0] for one in ids)


def test_detections_of_a_segment_keep_the_colours():
    pixels, poses = two(100, 400)
    colours = appearance(pixels, poses.xy, COCO)
    frame = Frame(pixels, 0, 0.0, 0.0, "test")
    camera = CameraMotion()
    found = [Detection(frame, replaced(poses, colours), camera(pixels, poses.xy))]
    part = from_bytes(to_bytes(gather_detections(found, camera, 17), "key"), "key", "part")
    (back,) = part.detections("test", None)
    np.testing.assert_array_equal(back.poses.appearance, colours)
