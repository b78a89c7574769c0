"""Marks cover the pixels they lie on, by compiled loops and by OpenCV."""

from functools import partial

import numpy as np
import pytest

from app.overlay.marks import RIM, Discs, Lines, Plate
from app.overlay.strokes import CompiledStrokes, OpenCvStrokes, strokes
from gpu_ops.compiled_file import compiled_file
from tests.support.compiled import compiled_from_source

COLOUR = (250, 120, 30)
ENDS = [
    (20.0, 30.0, 90.0, 30.0),  # level
    (40.5, 10.0, 40.5, 70.0),  # upright
    (10.3, 80.9, 95.2, 12.4),
    (90.0, 75.0, 15.0, 50.0),
    (50.0, 40.0, 51.0, 42.5),  # short
]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    file = compiled_from_source(tmp_path_factory.mktemp("strokes"))
    return partial(CompiledStrokes, file=file)


@pytest.fixture(params=["compiled", "opencv"])
def pen(request, compiled):
    return compiled if request.param == "compiled" else OpenCvStrokes


def canvas(channels=3, ground=0):
    return np.full((100, 110, channels), ground, np.uint8)


def lines(*ends, width=4.0, rim=0.0, opacity=1.0):
    return Lines(np.array(ends, np.float64).reshape(-1, 4), COLOUR, width, rim, opacity)


def discs(*places, radius=5.0, ring=False, opacity=1.0):
    n = len(places)
    colours = np.full((n, 3), COLOUR, np.uint8)
    xy = np.array(places, np.float64).reshape(-1, 2)
    return Discs(xy, np.full(n, radius), colours, np.full(n, ring), 1.0, opacity)


def plate():
    rng = np.random.default_rng(2)
    return rng.integers(0, 256, (9, 31, 4), dtype=np.uint8)


def covered(picture):
    """How much of the picture has the colour, in pixels."""
    return picture[..., 0].astype(float).sum() / COLOUR[0]


def test_the_compiled_loops_are_used_where_they_were_built():
    wanted = CompiledStrokes if compiled_file() else OpenCvStrokes
    assert isinstance(strokes(canvas()), wanted)


@pytest.mark.parametrize("width", [0.4, 1.0, 2.5, 6.0])
@pytest.mark.parametrize("ends", ENDS)
def test_a_line_covers_its_own_area(compiled, ends, width):
    picture = canvas()
    compiled(picture).lines(lines(ends, width=width))
    length = np.hypot(ends[2] - ends[0], ends[3] - ends[1])
    assert covered(picture) == pytest.approx(length * width, rel=0.03, abs=1.0)


@pytest.mark.parametrize("radius", [2.0, 3.3, 9.0])
def test_a_disc_covers_its_own_area_and_stands_in_its_rim(compiled, radius):
    picture = canvas(ground=200)
    compiled(picture).discs(discs((40.25, 50.75), radius=radius))
    near = picture.astype(int).sum(-1)
    dark = ((600 - near) / (600 - sum(RIM))).clip(0, 1)
    assert picture[50, 40].tolist() == list(COLOUR)
    rows, columns = np.nonzero(near != 600)
    assert (rows + 0.5).mean() == pytest.approx(50.75, abs=0.15)
    assert (columns + 0.5).mean() == pytest.approx(40.25, abs=0.15)
    assert dark.sum() > 0
    plain = canvas()
    rimless = Discs(np.array([[40.25, 50.75]]), np.array([radius]),
                    np.array([COLOUR], np.uint8), np.array([False]), 0.0)  # fmt: skip
    compiled(plain).discs(rimless)
    assert covered(plain) == pytest.approx(np.pi * radius**2 + RIM[0] / COLOUR[0], rel=0.05)


def test_both_draw_the_same_but_for_edges(compiled):
    rng = np.random.default_rng(1)
    ground = rng.integers(60, 160, (100, 110, 3), dtype=np.uint8)
    pictures = []
    for pen in (compiled, OpenCvStrokes):
        picture = ground.copy()
        pen(picture).lines(lines(*ENDS, rim=1.0))
        pen(picture).lines(lines(*ENDS[:2], width=2.0, opacity=0.4))
        pen(picture).discs(discs((30.0, 30.0), (70.2, 60.7)))
        pen(picture).discs(discs((90.0, 90.0), radius=6.0, ring=True))
        pen(picture).plate(Plate("", (60.0, 20.0), COLOUR, COLOUR, 9.0), plate())
        pictures.append(picture.astype(int))
    apart = np.abs(pictures[0] - pictures[1]).max(-1)
    assert (np.abs(pictures[0] - ground).max(-1) > 30).sum() > 1500
    assert apart.mean() < 6
    assert (apart > 90).mean() < 0.01


@pytest.mark.parametrize("opacity", [1.0, 0.3])
def test_four_bytes_a_pixel_are_painted_in_the_order_of_qt(pen, opacity):
    rgb, bgrx = canvas(3, 90), canvas(4, 90)
    for picture in (rgb, bgrx):
        pen(picture).lines(lines(*ENDS, rim=1.0, opacity=opacity))
        pen(picture).discs(discs((30.0, 30.0), (70.2, 60.7), opacity=opacity))
        pen(picture).plate(Plate("", (60.0, 20.0), COLOUR, COLOUR, 9.0, opacity), plate())
    assert (rgb != 90).any()
    assert (bgrx[..., 2::-1] == rgb).all()


def test_opacity_mixes_with_what_is_below(pen):
    picture = canvas(ground=100)
    pen(picture).lines(lines((10.0, 50.0, 100.0, 50.0), width=8.0, opacity=0.25))
    assert picture[50, 50].tolist() == pytest.approx([137, 105, 82], abs=2)


def test_no_rim_crosses_a_line(pen):
    picture = canvas()
    pen(picture).lines(lines((10.0, 50.0, 100.0, 50.0), (55.0, 10.0, 55.0, 90.0), rim=2.0))
    assert picture[50, 10:100:9].tolist() == [list(COLOUR)] * 10


@pytest.mark.parametrize(
    ("ends", "seen"),
    [
        ((np.nan, 3, 4, 5), False),
        ((1, 2, np.inf, 5), False),
        ((-500, -400, -20, -30), False),
        ((5000, 10, 8000, 20), False),
        ((50, 40, 50, 40), False),
        ((-8000, 50, 8000, 50.5), True),
        ((50, -8000, 50.2, 8000), True),
    ],
)
def test_of_a_line_only_what_is_inside_is_drawn(compiled, ends, seen):
    whole = np.zeros((104, 120, 3), np.uint8)
    inner = whole[2:102, 5:115]
    compiled(inner).lines(lines(ends, rim=1.0))
    assert inner.any() == seen
    inner[...] = 0
    assert not whole.any()


@pytest.mark.parametrize("at", [(-3.0, 50.0), (113.0, 50.0), (40.0, -3.0), (40.0, 103.0)])
def test_of_a_disc_only_what_is_inside_is_drawn(compiled, at):
    whole = np.zeros((104, 120, 3), np.uint8)
    inner = whole[2:102, 5:115]
    compiled(inner).discs(discs(at, (np.nan, 20.0), (30.0, np.inf), ring=True))
    assert inner.any()
    inner[...] = 0
    assert not whole.any()


def test_plates_stay_inside_the_picture(pen):
    for at in ((-40.0, -40.0), (500.0, 500.0)):
        picture = canvas()
        pen(picture).plate(Plate("", at, COLOUR, COLOUR, 9.0), np.full((9, 31, 4), 255, np.uint8))
        assert (picture == 255).all(-1).sum() == 9 * 31
    tiny = np.zeros((4, 6, 3), np.uint8)
    pen(tiny).plate(Plate("", (3.0, 4.0), COLOUR, COLOUR, 9.0), np.full((9, 31, 4), 255, np.uint8))
    assert (tiny == 255).all()


def test_nothing_to_draw_is_no_error(pen):
    picture = canvas()
    pen(picture).lines(lines(rim=1.0))
    pen(picture).discs(discs())
    assert not picture.any()
