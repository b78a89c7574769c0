"""The same on real Ray: one cluster for all tests, on the loopback device."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="needs the extra `cluster`")

from app.cluster.process import process_on_cluster
from engine.settings import load_settings
from tests.support.clips import write_clip
from tests.support.folders import contents
from tests.support.ray_walkers import SECONDS, walkers
from tests.support.walkers_estimator import process

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    """Two slots; workers that take 5 ms per frame."""
    import ray

    os.environ[SECONDS] = "0.005"
    ray.init(
        address="local",
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=100 << 20,
        _node_ip_address="127.0.0.1",
        log_to_driver=False,
    )
    yield
    ray.shutdown()
    del os.environ[SECONDS]


def on_ray(inputs, out, *changes):
    return process_on_cluster(
        [str(path) for path in inputs],
        str(out),
        load_settings(changes=changes),
        address="local",
        open_estimator=walkers,
    )


def workers():
    """Process ids of the cluster's workers that run a task of ours."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                line = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if line.startswith(b"ray::guarded"):
                found.append(int(entry.name))
    return found


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find the workers")
def test_a_killed_worker_changes_nothing(cluster, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", 160, sound=True, options={"g": "20"})
    process([clip], tmp_path / "one")
    killed = []

    def kill():
        end = time.monotonic() + 60
        while time.monotonic() < end and not killed:
            if list((tmp_path / "many").rglob("detections-*")):
                for pid in workers()[:1]:
                    os.kill(pid, signal.SIGKILL)
                    killed.append(pid)
            time.sleep(0.01)

    killer = threading.Thread(target=kill)
    killer.start()
    summary = on_ray([clip], tmp_path / "many", "cluster.segment=1")
    killer.join()
    assert killed
    assert [(r.error, r.missing) for r in summary.reports] == [(None, [])]
    assert contents(tmp_path / "many") == contents(tmp_path / "one")


def test_bad_inputs_are_a_line_each_and_the_others_are_done(cluster, tmp_path):
    clips = [write_clip(tmp_path / f"{name}.mp4", 40) for name in "abc"]
    letter = tmp_path / "letter.mp4"
    letter.write_text("Dear Sir or Madam")
    summary = on_ray([clips[0], letter, *clips[1:]], tmp_path / "out")
    errors = {Path(r.source).name: r.error for r in summary.reports}
    assert summary.exit_code == 1
    assert "not a video" in errors.pop("letter.mp4")
    assert set(errors.values()) == {None}
