"""The tutorial's commands, run as they stand in it, keep what it promises."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from app import cli
from engine.network.thresholds import thresholds_of
from engine.network.weights import load_checkpoint
from engine.training.annotations import load_pack

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs/tutorial-training.md"
NAMES = ("nose", "neck", "left_wrist", "right_wrist", "hips", "left_ankle", "right_ankle")


def commands():
    """The lines of all blocks marked `sh`."""
    blocks = re.findall(r"^ *```sh\n(.*?)^ *```$", TUTORIAL.read_text(), re.DOTALL | re.MULTILINE)
    return [line.strip() for block in blocks for line in block.strip().splitlines()]


def words_of(line):
    python, program, *words = shlex.split(line)
    assert (python, program) == ("python", "main.py"), line
    return words


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """What each of the tutorial's commands prints, run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))  # not the settings of who runs the tests
    printed = {}
    for line in commands():
        words = words_of(line)
        with pytest.raises(SystemExit) as end:
            cli.main(words)
        printed[words[0]] = capsys.readouterr().out
        assert not end.value.code, line
    return printed


@pytest.mark.slow
@pytest.mark.timeout(1800)  # three minutes on two quiet cores; elsewhere they are not quiet
def test_the_tutorial_keeps_what_it_promises(said, tmp_path):
    assert list(said) == ["data", "train", "eval", "weights", "process"]

    assert "starting from compact; new to it: neck, hips" in said["train"]
    runs = tmp_path / "runs/puppets"
    assert load_checkpoint(runs / "weights.safetensors").skeleton.names == NAMES

    report = json.loads((runs / "eval/report.json").read_text())
    assert report["images"]["count"] == 8
    assert report["metrics"]["AP"] >= 0.9

    assert "best F1" in thresholds_of(str(runs / "weights.safetensors")).source
    header, *frames, _ = (runs / "tracks/images.ndjson").read_text().splitlines()
    assert tuple(json.loads(header)["keypoints"]) == NAMES
    found = [len(json.loads(frame)["people"]) for frame in frames]
    assert found == [2, 1, 2, 1, 2, 1, 2, 1]
    assert len(list((runs / "tracks/images_overlay").glob("*.jpg"))) == 8

    assert len(load_pack(tmp_path / "puppets/packed").pictures) == 8


def test_the_drawn_data_set_is_labelled_where_it_is_drawn(tmp_path):
    program = [sys.executable, str(ROOT / "main.py"), *words_of(commands()[0])]
    subprocess.run(program, cwd=tmp_path, check=True)
    content = json.loads((tmp_path / "puppets/annotations.json").read_text())
    assert tuple(content["categories"][0]["keypoints"]) == NAMES
    for annotation in content["annotations"]:
        image = cv2.imread(
            str(tmp_path / f"puppets/images/puppets-{annotation['image_id']:02}.jpg")
        )
        points = annotation["keypoints"]
        x, y = (int(v) for v in points[:2])
        blue, green, red = (int(v) for v in image[y, x])  # the nose is red
        assert red > 150 > 110 > max(blue, green)
        left, right = points[2 * 3], points[3 * 3]
        assert left > right  # it faces us: its left hand is on the right
