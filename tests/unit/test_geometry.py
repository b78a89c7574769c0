"""The fit into the network input equals the reference's, to the last pixel."""

import zlib

import cv2
import numpy as np
import pytest

from engine.geometry import MOST_PIXELS, fit
from tests.measure.golden_warps import picture
from tests.support.golden import golden_file, golden_json


def test_sizes_centres_and_matrices_equal_the_reference():
    cases = golden_json("preprocess_sizes.json")
    assert len(cases) == 112
    for case in cases:
        placed = fit((case["w"], case["h"]), case["input"], case["scales"])
        assert list(placed.size) == case["base"], case
        assert list(placed.center) == case["center"], case
        assert [extent / 200 for extent in placed.extent] == pytest.approx(case["scale"], abs=1e-15)
        for scale, w, h in case["sizes"]:
            assert placed.size_at(scale) == (w, h), case
        assert placed.affine_at().ravel() == pytest.approx(case["M"], abs=1e-12), case


def test_seeded_pictures_are_warped_as_with_the_matrices_of_the_reference():
    rows = golden_json("warps.json")
    assert len(rows) > 15
    for row in rows:
        size = (row["w"], row["h"])
        placed = fit(size, row["input"], row["scales"])
        got = cv2.warpAffine(picture(*size), placed.affine_at(), placed.size)
        assert zlib.crc32(got.tobytes()) == row["crc"], row


def test_warped_photographs_equal_the_reference_byte_for_byte():
    images = golden_json("preprocess_images.json")
    assert len(images) == 4
    for name, case in images.items():
        rgb = cv2.cvtColor(cv2.imread(str(golden_file(f"images/{name}"))), cv2.COLOR_BGR2RGB)
        assert zlib.crc32(rgb.tobytes()) == case["crc_rgb"]
        for warp in case["warps"]:
            placed = fit((rgb.shape[1], rgb.shape[0]), warp["input"], warp["scales"])
            got = cv2.warpAffine(rgb, placed.affine_at(warp["s"]), placed.size_at(warp["s"]))
            assert zlib.crc32(got.tobytes()) == warp["crc"], (name, warp["input"], warp["scales"])


@pytest.mark.parametrize("size", [(640, 425), (333, 500), (1280, 720), (64, 64), (7, 900)])
def test_going_to_the_input_and_back_ends_where_it_began(size):
    placed = fit(size, 512)
    xy = np.random.default_rng(0).uniform(0, size, (50, 2)).astype(np.float32)
    assert placed.to_image(placed.to_input(xy)) == pytest.approx(xy, abs=1e-3)


def test_the_image_centre_lands_on_the_input_centre():
    placed = fit((640, 480), 512)
    middle = placed.to_input(np.array([[320, 240]], np.float32))
    assert middle == pytest.approx(np.array([[352, 256]]), abs=1e-3)


@pytest.mark.parametrize("size", [(2000, 8), (20_000, 8), (8, 2000), (1, 1_000_000)])
@pytest.mark.parametrize("scales", [(1.0,), (2.0, 1.0, 0.5)])
def test_the_input_of_a_strip_is_bounded_and_holds_the_whole_image(size, scales):
    for input_size in (256, 512, 2048):
        placed = fit(size, input_size, scales)
        w, h = placed.size
        assert w * h <= MOST_PIXELS or w == h
        corners = placed.to_input(np.array([(0, 0), size], np.float32))
        assert (corners > -1).all()
        assert (corners < np.array(placed.size) + 1).all()
