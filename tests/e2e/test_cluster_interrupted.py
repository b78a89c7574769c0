"""Ctrl-C on `process --cluster local`, with Ray itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra `cluster`")

from app.cluster import tasks
from app.cluster.process import Task, run
from engine.settings import load_settings
from tests.support.clips import write_clip
from tests.support.folders import contents
from tests.support.inline_executor import Inline
from tests.support.process_tree import descendants, gone_after
from tests.support.ray_walkers import walkers
from tests.support.walkers_estimator import process

ROOT = Path(__file__).parents[2]
START = 200.0  # s that a busy machine may take until the first segment is stored


@pytest.mark.slow
def test_ctrl_c_ends_everything_and_keeps_what_is_done(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "clip.mp4", 320, options={"g": "20"})
    out = tmp_path / "many"
    script = ROOT / "tests" / "support" / "ray_interrupted.py"
    command = [sys.executable, str(script), str(clip), str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parts = out / ".posestream" / "clip.parts"
    with subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True) as running:
        end = time.monotonic() + START
        while not list(parts.glob("detections-*[0-9]")) and time.monotonic() < end:
            assert running.poll() is None
            time.sleep(0.05)
        family = descendants(running.pid)
        os.killpg(running.pid, signal.SIGINT)  # as a terminal does
        assert running.wait(60) == 130
    assert family
    assert gone_after(family, 60) is not None
    kept = {part.name for part in parts.glob("detections-*[0-9]")}
    assert 0 < len(kept) < 8
    written = []
    write = tasks.write_stored
    monkeypatch.setattr(
        tasks, "write_stored", lambda to, data: written.append(Path(to).name) or write(to, data)
    )
    settings = load_settings(changes=["cluster.segment=1"])
    task = Task((str(clip),), str(out), settings, open_estimator=walkers)
    assert run(task, Inline(), lambda: 2).exit_code == 0
    detected = {name for name in written if name.startswith("detections")}
    assert len(detected | kept) == 8
    assert not detected & kept
    process([clip], tmp_path / "one")
    assert contents(out) == contents(tmp_path / "one")
