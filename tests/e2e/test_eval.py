"""`eval` with real networks: the reference's people in results.json, and a run that is killed."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.cli import main
from app.evaluation.command import paper_settings
from app.evaluation.run import EvaluationJob, evaluate
from engine.coco.ground_truth import load_ground_truth
from engine.coco.metrics import judge
from engine.estimator import PoseEstimator
from engine.network.weights import load_checkpoint
from engine.settings import PAPER_GROUPING, EngineSettings
from engine.types import Frame
from gpu_ops.cpu import CpuDevice
from tests.support.golden import golden_file, golden_json
from tests.support.golden_recipe import seeded_checkpoint

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def seeded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeded")

    def checkpoint(network):
        file = folder / f"{network}.pth"
        return file if file.exists() else seeded_checkpoint(network, file)

    return checkpoint


def annotations_of(folder, *images):
    """The golden images' annotation file, of these images only."""
    content = golden_json("images/person_keypoints.json")
    content["images"] = [image for image in content["images"] if image["id"] in images]
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in images]
    file = folder / "people.json"
    file.write_text(json.dumps(content))
    return file


def results(folder):
    return json.loads((folder / "results.json").read_text())


def same_people(rows, golden):
    """(P,) whether each reference person is among the results, to 0.01 px in all 17 joints."""
    ours = np.array([row["keypoints"] for row in rows]).reshape(-1, 17, 3)
    scores = np.array([row["score"] for row in rows])
    found = []
    for person, score in zip(golden["preds"], golden["scores"], strict=True):
        away = np.abs(ours[..., :2] - person[None, :, :2]).max(axis=(1, 2))
        best = away.argmin()
        found.append(away[best] < 0.01 and abs(scores[best] - score) < 1e-3)
    return np.array(found)


def read_golden(name, image):
    return np.load(golden_file(f"dev/pipe_{name}_{image:012d}.npz"))


@pytest.mark.slow
def test_w32_finds_the_people_of_the_reference(seeded, tmp_path, capsys):
    photographs = golden_file("images/000000000785.jpg").parent
    file = annotations_of(tmp_path, 785, 40083)
    with pytest.raises(SystemExit) as ended:
        main(
            [
                *("eval", "--annotations", str(file), "--images", str(photographs)),
                *("--weights", str(seeded("w32")), "--input-size", "512", "--device", "cpu"),
                *("--out", str(tmp_path / "out")),
            ]
        )
    assert ended.value.code == 0
    rows = results(tmp_path / "out")
    for image in (785, 40083):
        golden = read_golden("w32_512_ss_flip", image)
        here = [row for row in rows if row["image_id"] == image]
        assert abs(len(here) - len(golden["preds"])) <= 1
        found = same_people(here, golden)
        assert golden["stable"].sum() >= 3
        assert found[golden["stable"]].all()
        assert found.mean() >= 0.6
    printed = capsys.readouterr().out
    assert "HigherHRNet-w32" in printed
    assert "around the network" in printed
    judged = judge(load_ground_truth(file), rows).metrics
    assert json.loads((tmp_path / "out/report.json").read_text())["metrics"] == judged


@pytest.mark.parametrize(
    ("changes", "engine"),
    [
        (["engine.flip=false"], {"flip": False}),
        (["engine.input_size=320"], {"input_size": 320, "flip": True}),
        (["engine.scales=[2, 1, 0.5]"], {"scales": (2.0, 1.0, 0.5), "flip": True}),
    ],
)
def test_a_protocol_reaches_the_engine_as_it_was_asked_for(tmp_path, changes, engine):
    # That the engine then equals the reference's numbers: tests/unit/test_estimator.py.
    folder = golden_file("images/000000000785.jpg").parent
    job = EvaluationJob(
        annotations=annotations_of(tmp_path, 785),
        images=folder,
        settings=paper_settings(["engine.weights=compact", "engine.device=cpu", *changes]),
        out=tmp_path / "out",
    )
    evaluate(job)
    expected = EngineSettings(**engine)
    estimator = PoseEstimator(load_checkpoint("compact"), CpuDevice(), expected, PAPER_GROUPING)
    pixels = cv2.imread(str(folder / "000000000785.jpg"))[..., ::-1].copy()
    poses = estimator.collect(estimator.submit([Frame(pixels, 0, 0.0, 0.0, "785")]))[0]
    rows = results(tmp_path / "out")
    points = np.array([row["keypoints"] for row in rows]).reshape(-1, 17, 3)
    assert len(rows) == len(poses) > 0
    there = np.isfinite(poses.xy).all(axis=2)
    np.testing.assert_allclose(points[there, :2], poses.xy[there], atol=0.01)
    np.testing.assert_allclose([row["score"] for row in rows], poses.score, atol=1e-5)


KILLED = """
import sys, time
from pathlib import Path
from app.evaluation.command import paper_settings
from app.evaluation.run import EvaluationJob, evaluate
from tests.support import eval_scenes as scenes
content = scenes.two_people_each(40)
data, out = Path(sys.argv[1]), Path(sys.argv[2])
slow = scenes.Knowing(content, batch=4, shift=2.5, before=lambda image: time.sleep(0.02))
evaluate(EvaluationJob(annotations=data / "people.json", images=data,
             settings=paper_settings(), out=out, resume=True, open=scenes.opener(slow)))
"""


def test_a_run_killed_three_times_ends_with_the_bytes_of_an_unbroken_one(tmp_path):
    from tests.support import eval_scenes as scenes

    scenes.save(tmp_path / "data", scenes.two_people_each(40))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert _start(tmp_path / "data", whole).wait(timeout=120) == 0
    moments = sorted(random.Random(4).sample(range(2, 38), 3))
    for lines in moments:
        process = _start(tmp_path / "data", broken)
        _wait_for_lines(broken / "journal.jsonl", lines, process)
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=30) == -signal.SIGKILL
        assert not (broken / "results.json").exists()
    assert _start(tmp_path / "data", broken).wait(timeout=120) == 0
    assert (broken / "results.json").read_bytes() == (whole / "results.json").read_bytes()
    journal = (broken / "journal.jsonl").read_bytes().splitlines()
    assert len(journal) == 1 + 40  # nothing was noted twice


def _start(data, out):
    return subprocess.Popen([sys.executable, "-c", KILLED, str(data), str(out)], cwd=ROOT)


def _wait_for_lines(file, count, process):
    deadline = time.monotonic() + 120
    while not (file.exists() and file.read_bytes().count(b"\n") > count):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
