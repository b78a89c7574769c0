"""Clusters that grow while a command runs, with the stand-in estimator. From the repository's root:

    PYTHONPATH=. python tests/measure/cluster_grows.py NAME [FOLDER]

joins: a node with two slots joins a cluster of one slot that processes a video. stations: likewise,
while three streams are watched, of which a station has room for one. demand, streams: the same
commands on a cluster without a slot, whose machines Ray's autoscaler starts when they are asked
for, up to four of one slot. Each prints what changed, and when. FOLDER: its name must be short,
because Ray puts sockets there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from pathlib import Path

from app.cluster.connection import connected, resources_now
from app.cluster.live import watch_on_cluster
from engine.settings import load_settings
from tests.measure.cluster import STORE, cluster_of, compare, joined, on_ray, processes
from tests.support.clips import write_clip
from tests.support.process_tree import descendants
from tests.support.ray_walkers import SECONDS, walkers
from tests.support.stream_servers import free_port
from tests.support.walkers_estimator import process

LATER = 20.0  # s after which the node joins
# Ray's stand-in for a cloud starts nodes on this machine, and wants this to be the head's id.
CLOUD = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
HEAD = "f" * 51 + "00000"


def joins(folder: Path) -> None:
    os.environ[SECONDS] = "0.3"
    with cluster_of(1, 1) as (cluster, args, _), joined(cluster.address):
        meanwhile(lambda: video(folder, 300), lambda: cluster.add_node(**{**args, "num_cpus": 2}))


def stations(folder: Path) -> None:
    os.environ[SECONDS] = "0.1"
    with cluster_of(1, 1) as (cluster, args, _), joined(cluster.address):
        meanwhile(lambda: watch(folder, 60), lambda: cluster.add_node(**{**args, "num_cpus": 2}))


def demand(folder: Path) -> None:
    os.environ[SECONDS] = "0.1"
    with on_demand(folder) as address, connected(address):
        video(folder, 1200)


def streams(folder: Path) -> None:
    os.environ[SECONDS] = "0.1"
    with on_demand(folder) as address, connected(address):
        watch(folder, 60)


def meanwhile(work: Callable[[], None], add: Callable[[], object]) -> None:
    """Do the work in a thread: Ray wants the main one for a new node."""
    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(LATER)
    print("a node is added", flush=True)
    add()
    thread.join()


def video(folder: Path, frames: int) -> None:
    """Process a video; print how many tasks run at once, and how many slots there are."""
    clip = write_clip(folder / "clip.mp4", frames, size=(64, 48), options={"g": "20"})
    process([clip], folder / "one", "output.overlay=false")
    ended = threading.Event()

    def look() -> None:
        began, before = time.monotonic(), None
        while not ended.wait(0.2):
            now = (len(processes(b"ray::guarded")), round(resources_now().cpus))
            if now != before:
                spent = time.monotonic() - began
                print(f"{spent:.0f} s: {now[0]} tasks at once, {now[1]} slots", flush=True)
            before = now

    thread = threading.Thread(target=look)
    thread.start()
    try:
        summary = on_ray([clip], folder / "many", "cluster.segment=1", "output.overlay=false")
    finally:
        ended.set()
        thread.join()
    compare(f"exit {summary.exit_code}", folder / "one", folder / "many")


def watch(folder: Path, seconds: float) -> None:
    """Watch three streams; print their states when one changes."""
    tables = [
        f'[stream{n}]\nsource = "lavfi:testsrc2=size=64x48:rate=5"\nrate = 6\n'
        f'out = "{folder}/stream{n}.ndjson"\n'
        for n in range(3)
    ]
    file = folder / "streams.toml"
    file.write_text("\n".join(tables))
    began, before = time.monotonic(), [""]

    def say(line: str) -> None:
        now = [f"{stream['name']} {stream['state']}" for stream in json.loads(line)["streams"]]
        if now != before:
            print(f"{time.monotonic() - began:.0f} s: {', '.join(now)}", flush=True)
        before[:] = now

    settings = load_settings()
    watch_on_cluster(
        *(file, settings),
        address="local",  # what was joined
        as_json=True,
        seconds=seconds,
        open_estimator=walkers,
        say=say,
    )


@contextmanager
def on_demand(folder: Path, most: int = 4):
    """A head without a slot, and an autoscaler; its address."""
    os.environ |= {
        "RAY_AUTH_MODE": "disabled",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_FAKE_CLUSTER": "1",
        "RAY_enable_autoscaler_v2": "1",
    }
    import ray  # it reads these

    address = f"{ray.util.get_node_ip_address()}:{free_port()}"
    config = folder / "autoscaling.json"
    config.write_text(json.dumps(autoscaling(address, most)))
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    command += [f"--port={address.rpartition(':')[2]}", "--num-cpus=0", f"--temp-dir={folder}/ray"]
    command += [f"--autoscaling-config={config}", "--include-dashboard=false"]
    command += [f"--object-store-memory={STORE}", "--disable-usage-stats"]
    head_only = {"RAY_CLOUD_INSTANCE_ID": HEAD, "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD}
    head = subprocess.Popen(command, env={**os.environ, **head_only}, stdout=subprocess.DEVNULL)
    try:
        time.sleep(10)
        yield address
    finally:
        for pid in [*descendants(head.pid), head.pid]:
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        head.wait()


def autoscaling(address: str, most: int) -> dict[str, object]:
    """The configuration that `ray up` would send to the head."""
    provider = {
        "type": "external",
        "module": CLOUD,
        "gcs_address": address,
        "head_node_id": HEAD,
        "launch_multiple": True,
        "disable_node_updaters": True,
        "disable_launch_config_check": True,
        "foreground_node_launch": True,
    }
    slot = {"CPU": 1, "object_store_memory": STORE}
    kinds = {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "worker": {"resources": slot, "node_config": {}, "min_workers": 0, "max_workers": most},
    }
    steps = ("initialization", "setup", "head_setup", "worker_setup")
    steps += ("head_start_ray", "worker_start_ray")
    return {
        **{f"{step}_commands": [] for step in steps},
        "cluster_name": "on-demand",
        "upscaling_speed": 1.0,
        "idle_timeout_minutes": 1,
        "docker": {},
        "auth": {},
        "file_mounts": {},
        "file_mounts_sync_continuously": False,
        "cluster_synced_files": [],
        "rsync_exclude": [],
        "rsync_filter": [],
        "max_workers": most,
        "provider": provider,
        "head_node_type": "ray.head.default",
        "available_node_types": kinds,
    }


if __name__ == "__main__":
    chosen = sys.argv[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        where = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(made)
        globals()[chosen](where)
