"""The picture for the screen: its size, its colours, and that each spot lies where it should."""

import numpy as np
import pytest

from app.live.picture import drawn, picture_of, scene_in
from app.live.viewport import Viewport
from app.overlay.angles import ANGLES
from app.overlay.look import Look
from app.overlay.marks import Plate
from app.overlay.traces import NO_TRACES
from engine.settings import DisplaySettings
from engine.types import Frame, no_people
from tests.support.synthetic import people


@pytest.mark.parametrize(
    ("image", "screen", "picture"),
    [((640, 360), (320, 320), (320, 180)), ((100, 200), (400, 100), (50, 100)),
     ((1920, 1080), (300, 1000), (300, 169)), ((40, 30), (400, 400), (400, 300)),
     ((4000, 3), (200, 200), (200, 1)), ((3, 4000), (200, 200), (1, 200))],
)  # fmt: skip
def test_it_is_the_largest_that_fits(image, screen, picture):
    made = picture_of(np.zeros((image[1], image[0], 3), np.uint8), Viewport(screen))
    assert made.shape[:2] == pytest.approx((picture[1], picture[0]), abs=1)
    assert made.shape[2] == 4
    assert made.flags.c_contiguous


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("zoom", [1.0, 2.5])
def test_colours_arrive_in_the_order_of_qt(zoom, mirrored):
    pixels = np.full((4, 4, 3), (250, 120, 3), np.uint8)
    made = picture_of(pixels, Viewport((4, 4), zoom), mirrored=mirrored)
    assert (made[..., :3] == (3, 120, 250)).all()
    assert made.flags.c_contiguous


def test_shrinking_averages_all_pixels():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    made = picture_of(stripes, Viewport((8, 8)))
    assert np.ptp(made[..., :3]) <= 1
    assert made[0, 0, 0] == pytest.approx(100, abs=1)
    part = picture_of(stripes, Viewport((8, 8), 2.0))
    assert part[..., :3].astype(int) == pytest.approx(100, abs=1)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("middle", [(0.5, 0.5), (0.25, 0.7), (0.013, 0.99)])
@pytest.mark.parametrize("zoom", [1.0, 1.01, 1.7, 3.0, 16.0])
@pytest.mark.parametrize("image", [(160, 90), (91, 203), (1601, 901)])
def test_each_spot_of_the_frame_lies_where_the_viewport_says(image, zoom, middle, mirrored):
    w, h = image
    across, down = np.meshgrid((np.arange(w) + 0.5) / w, (np.arange(h) + 0.5) / h)
    pixels = np.stack([across * 250, down * 250, np.zeros_like(down)], -1).astype(np.uint8)
    viewport = Viewport((301, 200), zoom, middle if zoom > 1 else (0.5, 0.5))
    made = picture_of(pixels, viewport, mirrored=mirrored)[..., :3].astype(int)
    left, top, right, bottom = viewport.seen(image)
    assert made.shape[:2] == (bottom - top, right - left)
    x, y, wide, high = viewport.whole(image)
    column = (np.arange(left, right) + 0.5 - x) / wide
    row = (np.arange(top, bottom) + 0.5 - y) / high
    if mirrored:
        column = 1 - column
    # A step of colours, and half a pixel that is rounded where the whole is seen.
    near = 2 + 250 * max(1 / min(image), 1 / min(wide, high))
    assert np.abs(made[..., 2] - np.clip(column, 0, 1) * 250).max() <= near
    assert np.abs(made[..., 1] - np.clip(row, 0, 1)[:, None] * 250).max() <= near


def test_of_people_out_of_sight_nothing_is_drawn_not_even_their_numbers():
    frame = Frame(np.zeros((270, 480, 3), np.uint8), 0, 0.0, 0.0, "a")
    look = Look(display=DisplaySettings(angles=ANGLES, boxes=True))
    poses = people(3, (480, 270), 0.0)

    def texts(middle):
        scene = scene_in(frame, poses, Viewport((480, 270), 3.0, middle), look)
        return {mark.text for mark in scene.marks if isinstance(mark, Plate)} & {"0", "1", "2"}

    assert texts((0.17, 0.5)) == {"0"}
    assert texts((0.33, 0.5)) == {"0", "1"}
    assert texts((0.83, 0.5)) == {"2"}
    between = Viewport((480, 270), 16.0, (0.33, 0.5))
    empty = drawn(frame, no_people(17), between, look, NO_TRACES, plates)
    assert (drawn(frame, poses, between, look, NO_TRACES, plates) == empty).all()


def test_an_angle_is_shown_where_it_is_or_not_at_all():
    frame = Frame(np.zeros((270, 480, 3), np.uint8), 0, 0.0, 0.0, "a")
    look = Look(display=DisplaySettings(angles=("knee",), limbs=False, joints=False, ids=False))
    viewport = Viewport((480, 270), 4.0, (0.5, 0.3))  # the upper half of the second person
    asked = []

    def noted(text, *style):
        asked.append(text)
        return plates(text, *style)

    poses = people(3, (480, 270), 0.0)
    drawn(frame, poses, viewport, look, NO_TRACES, noted)
    assert not asked
    drawn(frame, poses, Viewport((480, 270)), look, NO_TRACES, noted)
    assert len(asked) == 6


def plates(text, *style):
    return np.full((10, 20, 4), 255, np.uint8)


def test_nothing_is_seen_beyond_the_area():
    viewport = Viewport((300, 200), 4.0, (0.5, 0.5))
    assert viewport.seen((160, 90)) == (0, 0, 300, 200)
    assert viewport.whole((160, 90)) == (-450.0, -237.5, 1200.0, 675.0)
    aside = Viewport((300, 200), 1.0, (2.0, 0.5))  # no view goes there, but none may crash
    assert picture_of(np.zeros((90, 160, 3), np.uint8), aside).size
