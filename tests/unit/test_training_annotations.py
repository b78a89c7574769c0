"""Annotations of any skeleton are read; bad ones are named in one line."""

import json

import cv2
import numpy as np
import pytest

from engine.errors import DataError
from engine.training.annotations import load_annotations


@pytest.fixture
def content(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 60, 3), np.uint8))
    return {
        "images": [{"id": 7, "file_name": "a.png", "width": 60, "height": 40}],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "bbox": [5, 5, 20, 30],
                "keypoints": [10, 10, 2, 20, 12, 1, 0, 0, 0],
            },
            {"id": 2, "image_id": 7, "bbox": [30, 0, 20, 30], "keypoints": [0] * 9},
            {"id": 3, "image_id": 7, "bbox": [0, 0, 9, 9], "iscrowd": 1, "keypoints": [0] * 9},
        ],
        "categories": [
            {"id": 1, "name": "cat"},
            {"id": 2, "keypoints": ["left_paw", "right_paw", "tail"], "skeleton": [[1, 3], [2, 3]]},
        ],
    }


def load(tmp_path, content):
    file = tmp_path / "a.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return load_annotations(file, tmp_path)


def test_any_skeleton_is_read_from_the_annotated_category(tmp_path, content):
    found = load(tmp_path, content)
    assert found.skeleton.names == ("left_paw", "right_paw", "tail")
    assert found.skeleton.mirror == (1, 0, 2)
    assert found.skeleton.limbs == ((0, 2), (1, 2))
    assert found.people == 1
    assert found.pictures[0].joints.tolist() == [[[10, 10, 1], [20, 12, 1], [0, 0, 0]]]


def test_crowds_and_people_without_keypoints_become_unknown_regions(tmp_path, content):
    assert load(tmp_path, content).pictures[0].unknown.tolist() == [[30, 0, 20, 30], [0, 0, 9, 9]]


def test_a_missing_box_is_drawn_around_the_labelled_keypoints(tmp_path, content):
    del content["annotations"][0]["bbox"]
    assert load(tmp_path, content).pictures[0].boxes.tolist() == [[10, 10, 10, 2]]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"keypoints": [1, 2, 2]}, r"1: keypoints must be 3 x 3 = 9 numbers .*, got 3"),
        ({"keypoints": ["x"] * 9}, r"1: keypoints\[0\]: .* valid number.*, got 'x'"),
        ({"keypoints": [float("nan"), 1, 2] * 3}, r"annotation 1: keypoints\[0\]: .*got nan"),
        ({"keypoints": [1e400, 1, 2] * 3}, r"annotation 1: keypoints\[0\]: .*got inf"),
        ({"bbox": "here"}, r"annotation 1: bbox: .*, got 'here'"),
        ({"image_id": 99}, r"annotation 1: its image_id 99 is no listed image"),
    ],
)
def test_a_bad_annotation_is_named(tmp_path, content, change, complaint):
    content["annotations"][0].update(change)
    with pytest.raises(DataError, match=complaint):
        load(tmp_path, content)


def test_what_other_tools_write_is_read(tmp_path, content):
    one = content["annotations"][0]
    plain = load(tmp_path, content).pictures[0]
    one.update(id=str(one["id"]), image_id=float(one["image_id"]), iscrowd="0", bbox=None, area="")
    one["keypoints"] = [one["keypoints"][i : i + 3] for i in range(0, 9, 3)]
    content["annotations"].append(
        {"id": 77, "image_id": one["image_id"], "keypoints": [], "bbox": []}
    )
    content["images"][0].update(width=-1, height=-1)
    content["categories"][1]["id"] = str(content["categories"][1]["id"])
    picture = load(tmp_path, content).pictures[0]
    assert picture.joints.tolist() == plain.joints.tolist()
    assert (picture.boxes[:, 2:] > 0).all()
    assert len(picture.unknown) == len(plain.unknown)
    assert picture.size is None


def test_a_flat_box_is_that_around_the_keypoints(tmp_path, content):
    content["annotations"][0]["bbox"] = [1, 2, 50, 0]
    left, top, width, height = load(tmp_path, content).pictures[0].boxes[0]
    points = load(tmp_path, content).pictures[0].joints[0]
    known = points[points[:, 2] > 0]
    assert (left, top) == tuple(known[:, :2].min(0))
    assert width >= 1
    assert height >= 1


def test_backslashes_and_a_byte_order_mark_are_read(tmp_path, content):
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.png").rename(tmp_path / "sub" / "a.png")
    content["images"][0]["file_name"] = "sub\\a.png"
    assert load(tmp_path, "\ufeff" + json.dumps(content)).pictures[0].path == tmp_path / "sub/a.png"


@pytest.mark.parametrize("name", ["/etc/x.png", "C:\\x.png", "..\\x.png", ".", "a\0b.png"])
def test_a_file_name_that_leads_elsewhere_is_refused(tmp_path, content, name):
    content["images"][0]["file_name"] = name
    with pytest.raises(DataError, match="image 7: file_name: must lead to a file in the image"):
        load(tmp_path, content)


def test_annotations_of_other_categories_are_left_alone(tmp_path, content):
    content["annotations"].append({"id": 4, "image_id": 7, "category_id": 1, "bbox": [0, 0, 5, 5]})
    content["annotations"][0]["category_id"] = 2
    picture = load(tmp_path, content).pictures[0]
    assert len(picture.boxes) == 1
    assert len(picture.unknown) == 2


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"keypoints": ["a", "b", "a"]}, "keypoints: 'a' is there twice"),
        ({"keypoints": ["a", 2, "c"]}, r"keypoints\[1\]: input should be a valid string, got 2"),
        ({"skeleton": [[1, 4]]}, r"skeleton has \(1, 4\); .* keypoint numbers from 1 to 3"),
        ({"skeleton": [[0, 1]]}, r"skeleton has \(0, 1\)"),
        ({"id": None}, "the category with keypoints: id: .* got None"),
    ],
)
def test_a_skeleton_that_cannot_be_is_refused(tmp_path, content, change, complaint):
    content["categories"][1].update(change)
    with pytest.raises(DataError, match=complaint):
        load(tmp_path, content)


def test_a_picture_resized_without_its_annotations_is_refused(tmp_path, content):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 30, 3), np.uint8))
    picture = load(tmp_path, content).pictures[0]
    with pytest.raises(DataError, match=r"a\.png has 30x20 pixels, .* for 60x40"):
        picture.pixels()


def test_a_picture_annotated_before_its_tag_turned_it_lies_as_annotated(tmp_path, content):
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:, :10] = 255
    _, jpeg = cv2.imencode(".jpg", pixels)
    tag = b"\xff\xe1\x00\x22Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08"  # one entry: turn by 90 degrees
    tag += b"\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    (tmp_path / "a.jpg").write_bytes(jpeg.tobytes()[:2] + tag + jpeg.tobytes()[2:])
    content["images"][0]["file_name"] = "a.jpg"
    as_stored = load(tmp_path, content).pictures[0].pixels()
    assert as_stored.shape == (40, 60, 3)
    assert as_stored[:, :8].min() > 200
    content["images"][0] |= {"width": 40, "height": 60}
    turned = load(tmp_path, content).pictures[0].pixels()
    assert turned.shape == (60, 40, 3)
    assert turned[:8].min() > 200


def test_a_missing_image_is_named(tmp_path, content):
    content["images"][0]["file_name"] = "gone.png"
    with pytest.raises(DataError, match=r"image 7: there is no file .*gone\.png"):
        load(tmp_path, content)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "not a COCO keypoint file"),
        ('{"images": []}', "categories: is missing"),
        ('{"images": [], "annotations": [], "categories": []}', "0 categories have keypoints"),
    ],
)
def test_a_file_that_is_no_keypoint_file_is_refused(tmp_path, text, complaint):
    with pytest.raises(DataError, match=complaint):
        load(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"b\.json: cannot be read"):
        load_annotations(tmp_path / "b.json", tmp_path)


def test_nothing_labelled_is_said(tmp_path, content):
    content["annotations"] = content["annotations"][1:]
    with pytest.raises(DataError, match="nothing to train on"):
        load(tmp_path, content)
