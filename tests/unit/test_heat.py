"""A heatmap lies over its joint in every picture that carries it, and its name stands there."""

import numpy as np
import pytest

from app.live.picture import picture_of
from app.live.viewport import Viewport
from app.overlay.drawing import draw_frame
from app.overlay.heat import Heat, with_heat
from app.overlay.layout import scene_of
from app.overlay.look import Look
from app.overlay.marks import Plate, Target
from app.overlay.traces import Traces
from engine.geometry import fit
from engine.settings import DisplaySettings
from engine.types import Frame, no_people


def spot_of(image):
    """The heat of one joint at (0.7, 0.3) of the image."""
    placed = fit(image, 256)
    x, y = placed.to_input(np.float32([image[0] * 0.7, image[1] * 0.3])).astype(int)
    response = np.zeros((placed.size[1], placed.size[0]), np.float32)
    response[y - 4 : y + 5, x - 4 : x + 5] = 1
    return Heat.of("left_wrist", placed, response)


def warm(picture):
    """The middle of what is bright, as a share of (height, width)."""
    return np.argwhere(picture[..., :3].sum(-1) > 250).mean(0) / picture.shape[:2]


@pytest.mark.parametrize("image", [(640, 360), (200, 300)])
def test_it_lies_where_its_joint_is(image):
    black = np.zeros((image[1], image[0], 3), np.uint8)
    picture = picture_of(black, Viewport((320, 320)), spot_of(image))
    assert warm(picture) == pytest.approx((0.3, 0.7), abs=0.01)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("image", [(640, 360), (200, 300)])
def test_it_lies_there_in_a_part_of_the_picture(image, mirrored):
    black = np.zeros((image[1], image[0], 3), np.uint8)
    middle = 0.35 if mirrored else 0.65, 0.35
    viewport = Viewport((320, 320), 2.5, middle)
    picture = picture_of(black, viewport, spot_of(image), mirrored=mirrored)
    left, top, *_ = viewport.seen(image)
    x, y, wide, high = viewport.whole(image)
    there = 0.3 * high + y - top, (0.3 if mirrored else 0.7) * wide + x - left
    assert warm(picture) * picture.shape[:2] == pytest.approx(there, abs=0.01 * 2.5 * 320)


def test_videos_and_the_window_show_the_same_colours():
    image = (320, 180)
    pixels = np.full((image[1], image[0], 3), (10, 60, 200), np.uint8)
    shown = picture_of(pixels, Viewport(image), spot_of(image))
    saved = with_heat(pixels, spot_of(image))
    assert (shown[..., 2::-1] == saved).all()
    assert saved[5, 5].tolist() == [6, 36, 124], "darker where nothing was found"


@pytest.mark.parametrize("alone", [False, True])
def test_what_is_saved_carries_it_under_the_name_of_its_joint(alone):
    image = (640, 360)
    frame = Frame(np.zeros((360, 640, 3), np.uint8), 0, 0.0, 0.0, "a")
    look = Look(display=DisplaySettings(skeleton_only=alone))
    traces = Traces(heat=spot_of(image))
    scene = scene_of(no_people(17), look, "a", Target(image), traces)
    texts = [mark.text for mark in scene.marks if isinstance(mark, Plate)]
    assert texts == ([] if alone else ["heatmap: left wrist"])
    both = Look(display=DisplaySettings(count=True))
    narrow = Target((200, 300))
    count, name = scene_of(no_people(17), both, "a", narrow, Traces(heat=spot_of((200, 300)))).marks
    assert name.at[1] > count.at[1] + 20, "none covers the other"
    saved = draw_frame(frame, no_people(17), look, traces)
    assert (saved[60:].sum() > 0) == (not alone), "on black there are skeletons only"
    if not alone:
        assert warm(saved[60:]) * (300, 640) + (60, 0) == pytest.approx((108, 448), abs=2)
