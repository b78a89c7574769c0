"""Annotated images as a source: their order, and which pictures are not to be trusted."""

from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.coco.ground_truth import ImageEntry
from engine.errors import SourceError
from engine.geometry import fit
from engine.sources.coco_images import CocoImage, by_input_shape, named, read_annotated


def test_images_of_one_input_shape_follow_each_other():
    sizes = [(640, 480), (480, 640), (640, 470), (500, 333), (640, 480), (480, 640)]
    images = [CocoImage(ImageEntry(i, f"{i}.jpg", s), Path()) for i, s in enumerate(sizes)]
    order = by_input_shape(images, partial(fit, input_size=512))
    shapes = [fit(image.entry.size, 512).size for image in order]
    assert shapes == sorted(shapes)
    assert [image.entry.id for image in order] == [1, 5, 0, 2, 4, 3]


def test_a_jpeg_whose_end_is_missing_is_damaged(tmp_path):
    file = tmp_path / "cut.jpg"
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    coded = cv2.imencode(".jpg", noise)[1].tobytes()
    image = CocoImage(ImageEntry(1, "cut.jpg", (64, 64)), file)
    file.write_bytes(coded)
    assert read_annotated(image).shape == (64, 64, 3)
    file.write_bytes(coded[: len(coded) // 2])
    with pytest.raises(SourceError, match="damaged"):
        read_annotated(image)


def test_images_are_turned_as_their_exif_tag_says(tmp_path):
    file = tmp_path / "turned.jpg"
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:] = 255  # black left, white right
    coded = cv2.imencode(".jpg", picture)[1].tobytes()
    tag = (
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # 6: turn right
    )
    exif = b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag
    file.write_bytes(coded[:2] + exif + coded[2:])
    pixels = read_annotated(CocoImage(ImageEntry(1, "turned.jpg", (40, 80)), file))
    assert pixels.shape == (80, 40, 3)
    assert pixels[5].mean() < 20  # left became top
    assert pixels[-5].mean() > 235


def test_an_image_annotated_lying_on_its_side_is_read_with_a_warning(tmp_path, caplog):
    file = tmp_path / "a.png"
    cv2.imwrite(str(file), np.zeros((80, 40, 3), np.uint8))
    assert read_annotated(CocoImage(ImageEntry(1, "a.png", (80, 40)), file)).shape == (80, 40, 3)
    assert "EXIF" in caplog.text


def test_many_names_are_cut_short():
    assert named(list("abc")) == "a, b, c"
    assert named(list("abcdefgh")) == "a, b, c, d, e and 3 more"
