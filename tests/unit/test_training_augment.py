"""Augmentation moves keypoints with the pixels, and a mirror swaps left and right."""

import json

import cv2
import numpy as np
import pytest

from engine.errors import DataError
from engine.training import augment
from engine.training.annotations import load_annotations
from engine.training.augment import Views
from engine.training.dataset import Batches, Phase
from tests.support.train_dots import COLOURS, centre_of, write_data


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_a_dot_is_found_where_its_keypoint_went(data, seed, flip):
    rng = np.random.default_rng(seed)
    picture = data.pictures[0]
    pixels = cv2.imread(str(picture.path))[..., ::-1].copy()
    size = (128, 160)
    if seed % 2:
        views = Views(scene_zoom=(0.6, 0.9), short_side=(None, 200)[seed % 3 == 0])
        affine = augment.scene_view(rng, views, pixels.shape[:2], size, picture.boxes[0])
    else:
        affine = augment.person_view(rng, Views(person_zoom=(0.5, 0.8)), picture.boxes[0], size)
    if flip:
        affine = augment.mirrored(affine, size[1])
    view = augment.warp(pixels, affine, size)
    moved = augment.move(picture.joints[0, :, :2], affine)
    found = 0
    for point, colour in zip(moved, COLOURS, strict=True):
        if (point > 12).all() and (point < (size[1] - 12, size[0] - 12)).all():
            centre, area = centre_of(view, colour)
            assert area > 20
            assert np.abs(centre - point).max() < 0.6
            found += 1
    assert found


def test_a_window_of_a_scene_stays_in_it_and_shows_the_person():
    rng = np.random.default_rng(0)
    views = Views(scene_zoom=(1, 1), short_side=200, rotation=0)
    box = np.array([10, 10, 20, 40], np.float32)
    for _ in range(50):
        affine = augment.scene_view(rng, views, (100, 150), (96, 96), box)
        corners = augment.move(np.array([[0, 0], [150, 100]], np.float32), affine)
        assert (corners[0] <= 1e-4).all()
        assert (corners[1] >= 96 - 1e-4).all()
        assert affine[0, 0] == pytest.approx(2)
        middle = augment.move(np.array([20, 30], np.float32), affine)
        assert ((middle >= 0) & (middle <= 96)).all()


def test_views_of_a_seed_differ_from_each_other_and_repeat_themselves(data):
    phases = [Phase(10, 2, ((64, 64), (96, 64)))]
    one, same, other = (Batches([data], phases, seed=seed) for seed in (1, 1, 2))
    assert one[3].pixels.equal(same[3].pixels)
    assert one[3].high.equal(same[3].high)
    assert one[3].pixels.shape != one[4].pixels.shape or not one[3].pixels.equal(one[4].pixels)
    assert not (one[3].pixels.shape == other[3].pixels.shape and one[3].low.equal(other[3].low))


def test_in_a_mirror_left_and_right_change_dots_and_the_tail_keeps_its_own(data):
    views = Views(scene=1.0, scene_zoom=(0.7, 0.8), rotation=10)
    batch = Batches([data], [Phase(4, 16, ((96, 128),), views)], seed=4)[0]
    dots = {True: [], False: []}  # the colours under left eye, right eye and tail
    for pixels, high in zip(batch.pixels.numpy(), batch.high.numpy(), strict=True):
        spots = [np.unravel_index(heat.argmax(), heat.shape) for heat in high]
        colours = [pixels[2 * row + 1, 2 * column + 1] for row, column in spots]
        assert spots[0][1] < spots[1][1]  # in both, the left eye is on the picture's left
        if all(np.ptp(colour.astype(int)) > 60 for colour in colours):  # hidden by no cut-out
            found = [int(colour.argmax()) for colour in colours]
            dots[found[0] == 1].append(found)
    assert len(dots[False]) > 2
    assert len(dots[True]) > 2
    assert all(found == [0, 1, 2] for found in dots[False])
    assert all(found == [1, 0, 2] for found in dots[True])


def test_each_process_of_a_run_prepares_its_own_part_of_the_same_batch(data):
    phases = [Phase(10, 4, ((64, 64), (96, 64)))]
    parts = [Batches([data], phases, rank=rank, ranks=2) for rank in (0, 1)]
    for step in range(4):
        one, other = (part[step].pixels for part in parts)
        assert len(one) == len(other) == 2
        assert one.shape == other.shape
        assert not one.equal(other)


def test_phases_follow_one_another_and_the_last_goes_on(data):
    phases = [Phase(2, 1, ((64, 64),)), Phase(3, 2, ((96, 64),))]
    batches = Batches([data], phases)
    shapes = [tuple(batches[step].pixels.shape[:3]) for step in (0, 1, 2, 4, 9)]
    assert shapes == [(1, 64, 64)] * 2 + [(2, 96, 64)] * 3
    assert len(batches) == 5


def test_pictures_beyond_the_cache_are_decoded_anew_to_the_same_pixels(data):
    phases = [Phase(2, 4, ((64, 64),))]
    kept, forgotten = (Batches([data], phases, cache_bytes=size) for size in (1 << 30, 0))
    assert kept[1].pixels.equal(forgotten[1].pixels)


def test_data_sets_of_different_keypoints_do_not_mix(data, tmp_path):
    content = json.loads((tmp_path / "dots.json").read_text())
    content["categories"][0]["keypoints"] = ["a", "b", "c"]
    (tmp_path / "other.json").write_text(json.dumps(content))
    other = load_annotations(tmp_path / "other.json", tmp_path)
    with pytest.raises(DataError, match="different keypoints"):
        Batches([data, other], [Phase(1, 1, ((64, 64),))])


def test_an_image_that_cannot_be_decoded_is_named(data):
    data.pictures[0].path.write_bytes(b"not an image")
    data.pictures[1].path.write_bytes(b"not an image")
    with pytest.raises(DataError, match=r"\.png is not an image, or a damaged one"):
        Batches([data], [Phase(1, 1, ((64, 64),))])[0]


def test_a_crowd_is_masked_but_for_the_labelled_joints_in_it(tmp_path):
    write_data(tmp_path, pictures=1)
    content = json.loads((tmp_path / "dots.json").read_text())
    content["annotations"].append({"id": 9, "image_id": 0, "bbox": [0, 0, 160, 120], "iscrowd": 1})
    (tmp_path / "dots.json").write_text(json.dumps(content))
    data = load_annotations(tmp_path / "dots.json", tmp_path)
    batch = Batches([data], [Phase(1, 8, ((96, 128),), Views(scene_zoom=(1.2, 1.4)))])[0]
    labelled = batch.high.amax(1) > 0
    assert batch.high_mask[labelled].all()
    assert batch.high_mask[~labelled].mean() < 0.3
