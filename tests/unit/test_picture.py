"""The picture for the screen: its size and its colours."""

import numpy as np
import pytest

from app.live.picture import fit_picture


@pytest.mark.parametrize(
    ("image", "screen", "picture"),
    [((640, 360), (320, 320), (320, 180)), ((100, 200), (400, 100), (50, 100)),
     ((1920, 1080), (300, 1000), (300, 169)), ((40, 30), (400, 400), (400, 300))],
)  # fmt: skip
def test_it_is_the_largest_that_fits(image, screen, picture):
    made = fit_picture(np.zeros((image[1], image[0], 3), np.uint8), screen)
    assert made.shape == (picture[1], picture[0], 4)
    assert made.flags.c_contiguous


def test_colours_arrive_in_the_order_of_qt():
    pixels = np.full((4, 4, 3), (250, 120, 3), np.uint8)
    assert fit_picture(pixels, (4, 4))[0, 0, :3].tolist() == [3, 120, 250]


def test_shrinking_averages_all_pixels():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200
    assert np.ptp(fit_picture(stripes, (8, 8))[..., :3]) <= 1
    assert fit_picture(stripes, (8, 8))[0, 0, 0] == pytest.approx(100, abs=1)
