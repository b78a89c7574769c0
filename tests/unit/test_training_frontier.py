"""The frontier table says what the estimator and pycocotools say, at every size asked for."""

import json
from dataclasses import replace

import cv2
import pytest

import assets
from engine.errors import DataError
from engine.network.weights import load_checkpoint
from engine.skeleton import COCO
from engine.training import frontier
from engine.training.measure import open_validation_set


@pytest.fixture(scope="module")
def compact():
    return load_checkpoint("compact")


@pytest.fixture(scope="module")
def validation(tmp_path_factory):
    """Two frames of the demo clip with their true people."""
    folder = tmp_path_factory.mktemp("validation")
    truth = json.loads(assets.path("demo/people.json").read_text(encoding="utf-8"))
    clip = cv2.VideoCapture(str(assets.path("demo/people.mp4")))
    images, annotations = [], []
    for number in (0, 100):
        clip.set(cv2.CAP_PROP_POS_FRAMES, number)
        assert cv2.imwrite(str(folder / f"{number}.png"), clip.read()[1])
        image = {"id": number + 1, "file_name": f"{number}.png", "width": 640, "height": 360}
        images.append(image)
        for person in truth["frames"][number]["people"]:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number + 1,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": person["box"],
                    "area": person["box"][2] * person["box"][3],
                    "keypoints": [v for k in person["keypoints"] for v in k],
                    "num_keypoints": sum(k[2] > 0 for k in person["keypoints"]),
                }
            )
    clip.release()
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO.names), "skeleton": []}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "validation.json").write_text(json.dumps(content))
    return open_validation_set(folder / "validation.json", folder, 256)


def test_the_work_of_the_bundled_network_is_what_its_card_says(compact):
    card = assets.path("weights/compact.md").read_text(encoding="utf-8")
    assert f"{frontier.gmac(compact.network):.2f} GMAC at 256 × 256" in card
    assert frontier.gmac(compact.network, 512, 512) == pytest.approx(
        4 * frontier.gmac(compact.network), rel=1e-3
    )


def test_every_checkpoint_and_size_has_a_line_with_its_own_figures(compact, validation):
    head, rule, *rows = frontier.table([compact], validation, [128, 256])
    assert head.count("|") == rule.count("|") == 9
    cells = [[cell.strip() for cell in row.strip("| ").split("|")] for row in rows]
    assert [(row[0], row[1]) for row in cells] == [
        ("compact.safetensors", "128"),
        ("compact.safetensors", "256"),
    ]
    for row, size in zip(cells, (128, 256), strict=True):
        sized = replace(validation, input_size=size)
        for cell, flip in ((row[2], False), (row[3], True)):
            ap = sized.ap(compact, flip=flip)
            assert float(cell) == pytest.approx(ap, abs=6e-4)
    assert float(cells[1][2]) > 0.05  # people are found at all


def test_without_judging_only_the_times_are_measured(compact, validation):
    *_, row = frontier.table([compact], validation, [64], judged=False)
    cells = [cell.strip() for cell in row.strip("| ").split("|")]
    assert cells[2:6] == ["–"] * 4
    network, whole = map(float, cells[6:])
    assert 0 <= network <= whole


def test_an_image_that_is_missing_is_an_error_and_not_left_out(validation):
    folder = validation.images[0].path.parent
    content = json.loads((folder / "validation.json").read_text())
    lost = dict(content["images"][0], id=999, file_name="lost.png")
    (folder / "more.json").write_text(json.dumps({**content, "images": [*content["images"], lost]}))
    with pytest.raises(DataError, match=r"1 of .* images .*lost\.png"):
        open_validation_set(folder / "more.json", folder, 256)
