"""A packed data set trains as the folder it was made of, and says when a part is missing."""

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import app.data
from engine.errors import DataError, OutputError
from engine.training.annotations import load_annotations, load_pack
from engine.training.augment import Views
from engine.training.dataset import Batches, Phase
from engine.training.pack import Packing, pack
from engine.training.pack_scale import mask_of, run_lengths, scaled
from engine.training.pack_shards import find_shards
from tests.support.fresh_python import run_code
from tests.support.train_photos import write_photos

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    return write_photos(folder)


def batches_of(*sources, **options):
    phase = Phase(4, 3, ((64, 64),), Views(scene=0.5))
    whole = Batches(sources, [phase], seed=7, **options)
    return [whole[step] for step in range(4)]


def assert_same(some, others):
    for one, other in zip(some, others, strict=True):
        for name in one.__slots__:
            assert torch.equal(getattr(one, name), getattr(other, name)), name


def small(**changes):
    return Packing(**({"short_side": 96, "most": 8000} | changes))


def test_the_same_pixels_give_the_same_batches(photos, tmp_path):
    shards = pack(photos, photos.parent, tmp_path / "out", "dots", small())
    assert len(shards) > 1
    assert all(shard.stat().st_size <= 8000 for shard in shards)
    folder, packed = load_annotations(photos, photos.parent), load_pack(tmp_path / "out")
    assert packed.skeleton == folder.skeleton
    assert packed.people == folder.people == 4
    assert_same(batches_of(folder), batches_of(packed))


def test_a_shard_unpacked_with_any_tool_is_a_data_set_of_the_usual_kind(photos, tmp_path):
    pack(photos, photos.parent, tmp_path / "out", "dots", small(short_side=48, most=60_000))
    (shard,) = find_shards(tmp_path / "out")
    zipfile.ZipFile(shard).extractall(tmp_path / "unpacked")
    unpacked = load_annotations(tmp_path / "unpacked/annotations.json", tmp_path / "unpacked")
    assert_same(batches_of(unpacked), batches_of(load_pack(tmp_path / "out")))


def test_a_smaller_picture_takes_its_annotations_along(photos, tmp_path):
    pack(photos, photos.parent, tmp_path / "out", "dots", small(short_side=48, most=60_000))
    before = load_annotations(photos, photos.parent).pictures
    after = load_pack(tmp_path / "out").pictures
    for one, other in zip(before, after, strict=True):
        assert other.size == (64, 48)
        assert other.pixels().shape == (48, 64, 3)
        assert np.allclose(other.boxes, one.boxes / 2)
        assert np.allclose(other.unknown, one.unknown / 2)
        assert np.allclose(other.joints[..., :2], one.joints[..., :2] / 2)
        assert (other.joints[..., 2] == one.joints[..., 2]).all()
        half = cv2.resize(one.pixels(), (64, 48), interpolation=cv2.INTER_AREA)
        assert np.abs(other.pixels().astype(int) - half).mean() < 6


def test_areas_and_outlines_shrink_with_the_picture():
    person = {"area": 100, "segmentation": [[0, 0, 10, 0, 10, 20]], "score": 3}
    assert scaled(person, 0.5, 0.25) == {
        "area": 12.5,
        "segmentation": [[0, 0, 5, 0, 5, 5]],
        "score": 3,
    }


@pytest.mark.parametrize("as_text", [False, True])
def test_a_crowds_mask_shrinks_whichever_way_it_is_written(as_text):
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 20:50] = 1
    counts = run_lengths(mask)
    assert np.array_equal(mask_of(counts, 40, 60), mask)
    if as_text:
        from pycocotools import mask as judge  # the definition of the code as a string

        counts = judge.encode(np.asfortranarray(mask))["counts"].decode()
    outline = scaled({"segmentation": {"size": [40, 60], "counts": counts}}, 0.5, 0.5)
    half = outline["segmentation"]
    assert half["size"] == [20, 30]
    assert np.array_equal(mask_of(half["counts"], 20, 30), mask[::2, ::2])


def test_pictures_are_never_enlarged_and_others_become_jpegs(photos, tmp_path):
    content = json.loads(photos.read_text())
    pixels = cv2.imread(str(photos.parent / "0.jpg"))
    cv2.imwrite(str(photos.parent / "0.png"), pixels)
    content["images"][0]["file_name"] = "0.png"
    photos.write_text(json.dumps(content))
    pack(photos, photos.parent, tmp_path / "out", "dots", small(short_side=500, most=60_000))
    first, second, *_ = load_pack(tmp_path / "out").pictures
    assert first.member == "0.png.jpg"
    assert first.coded().startswith(b"\xff\xd8")
    assert first.pixels().shape == (96, 128, 3)
    assert second.coded() == (photos.parent / "1.jpg").read_bytes()


def test_several_packs_are_drawn_by_their_shares(photos, tmp_path):
    pack(photos, photos.parent, tmp_path / "a", "a", small())
    pack(photos, photos.parent, tmp_path / "b", "b", small(short_side=48))
    a, b = load_pack(tmp_path / "a"), load_pack(tmp_path / "b")
    assert_same(batches_of(a, b, shares=[1, 0]), batches_of(a, a, shares=[1, 1e-12]))
    with pytest.raises(AssertionError):
        assert_same(batches_of(a, b, shares=[1, 1]), batches_of(a, b, shares=[1, 0]))


def test_a_missing_shard_is_named(photos, tmp_path):
    shards = pack(photos, photos.parent, tmp_path / "out", "dots", small())
    shards[1].unlink()
    with pytest.raises(
        DataError, match=rf"1 of {len(shards)} shards are missing: bring dots-00002"
    ):
        load_pack(tmp_path / "out")


@pytest.mark.parametrize("spoil", [lambda b: b[:-200], lambda b: b[:2000], lambda b: b""])
def test_a_shard_that_is_cut_off_is_named(photos, tmp_path, spoil):
    shard = pack(photos, photos.parent, tmp_path / "out", "dots", small())[0]
    shard.write_bytes(spoil(shard.read_bytes()))
    with pytest.raises(DataError, match=r"00001-of-.*damaged or cut off .*copy it again"):
        load_pack(tmp_path / "out")


def test_a_wrong_byte_in_a_picture_is_noticed_when_it_is_read(photos, tmp_path):
    shard = pack(photos, photos.parent, tmp_path / "out", "dots", small())[0]
    content = bytearray(shard.read_bytes())
    content[content.index((photos.parent / "0.jpg").read_bytes()) + 700] ^= 1
    shard.write_bytes(content)
    with pytest.raises(DataError, match="the shard is damaged"):
        batches_of(load_pack(tmp_path / "out"))


def test_a_folder_without_shards_is_said(tmp_path):
    with pytest.raises(DataError, match="holds no packed data set; make one with `data pack`"):
        load_pack(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        load_pack(tmp_path / "gone")


def test_shards_of_other_keypoints_in_one_folder_are_refused(photos, tmp_path):
    pack(photos, photos.parent, tmp_path / "out", "a", small())
    content = json.loads(photos.read_text())
    content["categories"][0]["keypoints"][0] = "nose"
    photos.write_text(json.dumps(content))
    pack(photos, photos.parent, tmp_path / "out", "b", small())
    with pytest.raises(DataError, match=r"b-00001.*other keypoints"):
        load_pack(tmp_path / "out")


def test_a_pack_is_not_overwritten_and_a_picture_of_another_size_is_refused(photos, tmp_path):
    pack(photos, photos.parent, tmp_path / "out", "dots", small())
    with pytest.raises(OutputError, match="is there already"):
        pack(photos, photos.parent, tmp_path / "out", "dots", small())
    cv2.imwrite(str(photos.parent / "0.jpg"), np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(DataError, match="has 64x48 pixels, but its annotations are for 128x96"):
        pack(photos, photos.parent, tmp_path / "out", "again", small())


def test_forked_workers_read_the_same_shards(photos, tmp_path):
    pack(photos, photos.parent, tmp_path / "out", "dots", small())
    phase = Phase(6, 3, ((64, 64),), Views(scene=0.5))
    whole = Batches([load_pack(tmp_path / "out")], [phase], seed=7, cache_bytes=0)
    loader = torch.utils.data.DataLoader(
        whole, batch_size=None, sampler=range(6), num_workers=2, multiprocessing_context="fork"
    )
    here = [whole[step] for step in range(6)]  # opened before the workers are forked
    assert_same(here, loader)


def test_the_command_says_what_it_packed_and_how_to_train_on_it(photos, tmp_path):
    out = tmp_path / "out"
    words = ["pack", "--annotations", photos, "--images", photos.parent, "--out", out]
    outcome = CliRunner().invoke(app.data.app, [*map(str, words), "--short-side", "64"])
    assert outcome.exit_code == 0, outcome.exception
    assert "4 people in 4 images" in outcome.output
    assert f"train --data {out}" in outcome.output
    assert load_pack(out).pictures[0].pixels().shape == (64, 85, 3)


def test_packs_are_read_without_the_libraries_a_gpu_machine_lacks():
    lacking = ["av", "PyQt6", "pycocotools", "pyarrow", "tensorboard"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({lacking}));"
        "import app.train.command, engine.training.annotations, engine.training.pack, app.data"
    )
    run_code(code)


@pytest.mark.parametrize(
    "outline",
    [
        {"size": [40, 60], "counts": [-1]},
        {"size": [40, 60], "counts": "\x01"},
        {"size": [40, 60], "counts": "o" * 500},
        {"size": [1_000_000, 1_000_000], "counts": [1]},
        {"size": [0, 60], "counts": [1]},
        {"size": [40], "counts": [1]},
        {"counts": [1]},
        [["a"]],
        "outline",
    ],
)
def test_an_outline_that_is_none_is_refused_in_one_line(outline):
    with pytest.raises(DataError, match="annotation 7: segmentation"):
        scaled({"segmentation": outline}, 0.5, 0.5, "annotation 7")


def test_run_lengths_beyond_the_picture_end_with_it():
    outline = scaled({"segmentation": {"size": [40, 60], "counts": [0, 10**12]}}, 0.5, 0.5)
    assert mask_of(outline["segmentation"]["counts"], 20, 30).all()
