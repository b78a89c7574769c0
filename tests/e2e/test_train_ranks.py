"""`torchrun main.py train`: several processes train one network, and write it once."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.network.weights import load_checkpoint
from engine.training.checkpoint import load_state
from tests.support.train_photos import write_photos

ROOT = Path(__file__).parents[2]
STEPS = 12
pytestmark = pytest.mark.timeout(600)


def torchrun(script, *words):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2"]
    command += ["--master-addr", "127.0.0.1", "--master-port", str(port), str(script)]
    paths = os.pathsep.join(str(folder) for folder in (ROOT, ROOT / "tests"))
    return subprocess.run(
        [*command, *map(str, words)],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def ranks_train(folder, out, *more, signal_at=-1):
    """Both ranks' weights, and what was printed."""
    words = ["train", "--annotations", folder / "people.json", "--images", folder, "--out", out]
    words += ["--weights", "random", "--steps", STEPS, "--batch", 4, "--input-size", 64]
    words += ["--device", "cpu", "--save-every", STEPS, *more]
    outcome = torchrun(ROOT / "tests/support/train_ranks.py", folder, signal_at, *words)
    assert (folder / "rank0.pt").exists(), outcome.stderr
    weights = [torch.load(folder / f"rank{rank}.pt") for rank in (0, 1)]
    return weights, outcome


def same(some, others):
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))


@pytest.mark.slow
def test_two_processes_train_one_network_stop_together_and_go_on(tmp_path):
    write_photos(tmp_path)
    straight, outcome = ranks_train(tmp_path, tmp_path / "straight")
    assert outcome.returncode == 0, outcome.stderr
    assert same(*straight)
    assert outcome.stdout.count(f"step {STEPS}/{STEPS}") == 1
    assert outcome.stdout.count("the weights are in") == 1
    files = {file.name for file in (tmp_path / "straight").iterdir()}
    assert files == {"weights.safetensors", "state.pt", "progress.ndjson"}
    assert len(load_checkpoint(tmp_path / "straight/weights.safetensors").skeleton) == 3

    stopped, outcome = ranks_train(tmp_path, tmp_path / "stopped", signal_at=3)
    assert same(*stopped)
    assert not same(stopped[0], straight[0])
    assert load_state(tmp_path / "stopped/state.pt")["step"] == 10
    assert "the same with --resume continues" in outcome.stderr
    assert "train_run.py" not in outcome.stderr  # torchrun complains of exit codes, we do not

    resumed, outcome = ranks_train(tmp_path, tmp_path / "stopped", "--resume")
    assert f"continuing at step 10 of {STEPS}" in outcome.stdout
    assert same(*resumed)
    assert same(resumed[0], straight[0])
    notes = (tmp_path / "stopped/progress.ndjson").read_text().splitlines()
    assert [json.loads(line)["step"] for line in notes] == [STEPS]
