"""What Ray prints and raises, and what the user sees of it."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra `cluster`")

import ray

from app.cluster.connection import connected
from engine.errors import SettingsError

ROOT = Path(__file__).parents[2]


def test_ray_that_does_not_start_is_one_line(monkeypatch):
    def init(**arguments):
        raise Exception("The current node timed out during startup.\nMore.")  # as Ray does

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    with (
        pytest.raises(
            SettingsError, match=r"cannot start Ray on this machine: .* startup\. Run it"
        ),
        connected("local"),
    ):
        pass


@pytest.mark.slow
def test_a_worker_that_dies_leaves_standard_output_to_us(tmp_path):
    script = ROOT / "tests" / "support" / "ray_dying.py"
    command = [sys.executable, str(script), str(tmp_path / "died")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert (tmp_path / "died").exists(), ended.stderr
    assert ended.stdout == "done\n"
