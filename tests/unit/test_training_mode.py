"""`train` as a user meets it: files in, a checkpoint out, clear words when something is wrong."""

import json
import os
import signal
from dataclasses import replace

import pytest
import torch

from app.train import run as train_run
from app.train.command import TrainingJob, run
from engine.errors import DataError, DeviceError, OutputError, SettingsError, WeightsError
from engine.network import storage
from engine.network.hrnet import SIZES
from engine.network.weights import load_checkpoint
from engine.training.pack import Packing, pack
from tests.support.tiny_checkpoint import TINY
from tests.support.train_dots import NAMES, write_data
from tests.support.train_photos import write_photos

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def job(tmp_path, monkeypatch):
    monkeypatch.setitem(SIZES, "tiny", TINY)
    write_data(tmp_path)
    return TrainingJob(
        annotations=(tmp_path / "dots.json",),
        images=(tmp_path,),
        out=tmp_path / "out",
        weights="random",
        network="tiny",
        steps=2,
        batch=2,
        input_size=64,
        save_every=1,
        device="cpu",
    )


def test_random_weights_become_a_checkpoint_that_loads_and_a_log(job):
    lines = []
    file = run(replace(job, network="shallow"), lines.append)
    found = load_checkpoint(file)
    assert found.skeleton.names == tuple(NAMES)
    assert (found.network_name, found.input_size) == ("shallow", 64)
    assert any(line.startswith("step 2/2") for line in lines)
    log = [json.loads(line) for line in (job.out / "progress.ndjson").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [1, 2]


def test_of_the_bundled_network_its_extractor_alone_can_be_the_start(job):
    lines = []
    found = load_checkpoint(run(replace(job, weights="pretrained"), lines.append))
    assert "starting from the feature extractor of compact" in lines
    bundled = load_checkpoint("compact")
    assert (found.network_name, found.skeleton.names) == ("compact", tuple(NAMES))
    ours, theirs = found.network.state_dict(), bundled.network.state_dict()
    kept = [key for key in theirs if key.startswith("extractor.")]
    assert kept
    assert all(torch.equal(ours[key], theirs[key]) for key in kept)
    assert not torch.equal(ours["necks.0.0.weight"], theirs["necks.0.0.weight"])


def test_of_a_pretrained_extractor_only_thawed_blocks_learn(job, tmp_path):
    before = load_checkpoint("compact").network.state_dict()
    moved = {}
    for thaw in (None, 15):
        begun = replace(job, weights="pretrained", thaw=thaw, out=tmp_path / f"thaw-{thaw}")
        after = load_checkpoint(run(begun, lambda line: None)).network.state_dict()
        keys = [key for key in before if key.startswith("extractor.blocks.")]
        changed = [key for key in keys if not torch.equal(before[key], after[key])]
        moved[thaw] = {key.split(".")[2] for key in changed}
    assert moved == {None: set(), 15: {"15", "16"}}


def test_thawing_a_network_without_an_extractor_is_refused(job):
    with pytest.raises(SettingsError, match="nothing to thaw: tiny has no pretrained"):
        run(replace(job, thaw=3), lambda line: None)


def test_a_network_on_a_pretrained_extractor_cannot_begin_from_random_weights(job):
    with pytest.raises(SettingsError, match="use --weights pretrained, or another --network"):
        run(replace(job, network="compact"), print)


def test_a_finished_run_goes_on_when_given_more_steps(job):
    run(job, lambda line: None)
    lines = []
    run(replace(job, steps=3, resume=True), lines.append)
    assert "continuing at step 2 of 3" in lines
    assert not any(line.startswith("step 2/") for line in lines)


def test_fine_tuning_begins_with_another_run_of_other_keypoints(job, tmp_path):
    first = run(job, lambda line: None)
    content = json.loads((tmp_path / "dots.json").read_text())
    content["categories"][0]["keypoints"][2] = "nose"
    (tmp_path / "other.json").write_text(json.dumps(content))
    lines = []
    other = replace(job, annotations=(tmp_path / "other.json",), weights=str(first))
    file = run(replace(other, out=tmp_path / "second"), lines.append)
    assert any("new to it: nose" in line for line in lines)
    assert load_checkpoint(file).skeleton.names == ("left_eye", "right_eye", "nose")


def test_what_was_understood_of_the_data_is_said(job, tmp_path):
    content = json.loads((tmp_path / "dots.json").read_text())
    names = ["left_eye", "right_eye", "left_tail"]
    content["categories"][0] |= {"keypoints": names, "skeleton": [[1, 2]]}
    (tmp_path / "dots.json").write_text(json.dumps(content))
    lines = []
    run(job, lines.append)
    said = "\n".join(lines)
    assert "2 people in 2 images, 3 keypoints (left_eye, right_eye, left_tail), 1 links" in said
    assert "mirror partners: left_eye and right_eye" in said
    assert "no mirror partner for left_tail: half of the views are mirrored" in said
    assert "similarity constant 0.05 for every keypoint" in said


def test_packed_and_plain_data_are_mixed_by_their_shares(job, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    pack(write_photos(photos), photos, tmp_path / "packed", "photos", Packing())
    lines = []
    run(replace(job, data=(tmp_path / "packed",), shares=(1, 3)), lines.append)
    assert any(line.startswith("6 people in 6 images") for line in lines)
    alone = replace(job, annotations=(), images=(), data=(tmp_path / "packed",))
    run(replace(alone, out=tmp_path / "alone"), lines.append)


def test_a_run_goes_on_where_its_first_checkpoint_is_not(job, tmp_path):
    first = run(job, lambda line: None)
    second = replace(job, out=tmp_path / "second", weights=str(first))
    run(second, lambda line: None)
    first.unlink()
    lines = []
    run(replace(second, resume=True, steps=3), lines.append)
    assert "continuing at step 2 of 3" in lines
    assert any(line.startswith("step 3/3") for line in lines)


def test_a_run_of_other_keypoints_is_not_continued(job, tmp_path):
    run(job, lambda line: None)
    content = json.loads((tmp_path / "dots.json").read_text())
    content["categories"][0]["keypoints"] = ["nose", "chin"]
    for annotation in content["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][:6]
    (tmp_path / "dots.json").write_text(json.dumps(content))
    with pytest.raises(WeightsError, match=r"state\.pt is of another network, other keypoints"):
        run(replace(job, resume=True, steps=3), lambda line: None)


def test_ctrl_c_saves_first_and_the_run_goes_on_to_the_same_bits(job, tmp_path, monkeypatch):
    job = replace(job, steps=12, save_every=12, batch=1)
    straight = run(job, lambda line: None)

    class Interrupted(train_run.Trainer):
        def learn(self, batch):
            if self.step == 4:
                os.kill(os.getpid(), signal.SIGINT)
            return super().learn(batch)

    lines = []
    job = replace(job, out=tmp_path / "stopped")
    with monkeypatch.context() as patch:
        patch.setattr(train_run, "Trainer", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(job, lines.append)
    assert any(line.startswith("stopping after a few steps") for line in lines)
    assert load_checkpoint(job.out / "weights.safetensors").skeleton.names == tuple(NAMES)
    run(replace(job, resume=True), lines.append)
    assert "continuing at step 10 of 12" in lines
    one, other = (storage.read(file)[0] for file in (straight, job.out / "weights.safetensors"))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_input_size_is_the_checkpoints_own_unless_it_is_given(job, tmp_path):
    first = run(job, lambda line: None)
    second = replace(job, weights=str(first), input_size=None, out=tmp_path / "second")
    assert load_checkpoint(run(second, lambda line: None)).input_size == 64


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
        ({"shares": (1, 2)}, SettingsError, "give a number from 0 up for each of the 1 data sets"),
        ({"shares": (-1,)}, SettingsError, "give a number from 0 up"),
        ({"annotations": (), "images": ()}, SettingsError, "or --data with a packed data set"),
        ({"images": ()}, SettingsError, "1 annotation files but 0 image folders"),
        ({"input_size": 100}, SettingsError, "input size 100: must be a multiple of 32"),
        ({"steps": 0}, SettingsError, "steps is 0"),
        ({"network": "w99"}, SettingsError, "no network 'w99'"),
        ({"device": "tpu"}, DeviceError, "cannot train on 'tpu' here"),
        ({"resume": True}, Exception, "no training state to resume from"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(job, change, error, complaint):
    with pytest.raises(error, match=complaint):
        run(replace(job, **change), lambda line: None)


def test_an_earlier_run_is_not_overwritten(job):
    run(job, lambda line: None)
    with pytest.raises(OutputError, match="holds a run already: add --resume"):
        run(job, lambda line: None)


def test_a_missing_annotation_file_is_named(job, tmp_path):
    with pytest.raises(DataError, match=r"gone\.json"):
        run(replace(job, annotations=(tmp_path / "gone.json",)), lambda line: None)
