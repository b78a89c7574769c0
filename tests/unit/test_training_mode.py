"""`train` as a user meets it: files in, a checkpoint out, clear words when something is wrong."""

import json
from dataclasses import replace

import pytest
import torch
from test_training_augment import NAMES, write_data

from app.train import Job, run
from engine.errors import DataError, DeviceError, OutputError, SettingsError
from engine.network.weights import load_checkpoint


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def job(tmp_path):
    write_data(tmp_path)
    return Job(
        annotations=(tmp_path / "dots.json",),
        images=(tmp_path,),
        out=tmp_path / "out",
        weights="random",
        steps=2,
        batch=2,
        input_size=64,
        save_every=1,
        device="cpu",
    )


def test_random_weights_become_a_checkpoint_that_loads_and_a_log(job):
    lines = []
    file = run(job, lines.append)
    found = load_checkpoint(file)
    assert found.skeleton.names == tuple(NAMES)
    assert (found.network_name, found.input_size) == ("compact", 64)
    assert any(line.startswith("step 2/2") for line in lines)
    log = [json.loads(line) for line in (job.out / "progress.ndjson").read_text().splitlines()]
    assert [entry["step"] for entry in log] == [1, 2]


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


@pytest.mark.parametrize(
    ("change", "error", "complaint"),
    [
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
