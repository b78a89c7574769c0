"""Trials of `--cluster` on one machine, with the stand-in estimator. From the repository's root:

    PYTHONPATH=. python tests/measure/cluster.py NAME [FOLDER]

workers: a worker is killed -9 at ten moments. nodes: a node at three. driver: the command at five,
and started again. many: 200 inputs of which 7 are bad. efficiency: 16 workers that sleep. plan:
100,000 segments. s3: how much of a 200 MB video is read. Each prints what it found.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from app.cluster.process import print_plan, process_on_cluster
from app.process.inputs import Job
from engine.settings import load_settings
from tests.support.clips import write_clip
from tests.support.ray_walkers import SECONDS, walkers
from tests.support.walkers_estimator import process

STORE = 100 << 20  # bytes of an object store


def contents(folder: Path) -> dict[str, bytes]:
    files = [p for p in folder.rglob("*") if p.is_file() and ".posestream" not in p.parts]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def on_ray(inputs: list[Path], out: Path, *changes: str):
    texts = [str(path) for path in inputs]
    settings = load_settings(changes=changes)
    return process_on_cluster(texts, str(out), settings, address="local", open_estimator=walkers)


@contextmanager
def local(cpus: int, seconds: float):
    import ray

    os.environ[SECONDS] = str(seconds)
    ray.init(
        address="local",
        num_cpus=cpus,
        include_dashboard=False,
        object_store_memory=STORE,
        _node_ip_address="127.0.0.1",
        log_to_driver=False,
    )
    try:
        yield ray
    finally:
        ray.shutdown()


def processes(start: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if (entry / "cmdline").read_bytes().startswith(start):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def compare(name: str, one: Path, many: Path) -> bool:
    a, b = contents(one), contents(many)
    different = sorted(n for n in a.keys() | b.keys() if a.get(n) != b.get(n))
    print(f"{name}: {different or 'identical'}", flush=True)
    return not different


def workers(folder: Path, times: int = 10) -> None:
    clip = write_clip(folder / "clip.mp4", 300, sound=True, options={"g": "20"})
    process([clip], folder / "one")
    chance = random.Random(1)
    with local(2, 0.01):
        for n in range(times):
            killed: list[int] = []
            wait = chance.uniform(0.1, 4)

            def kill(wait: float = wait, killed: list[int] = killed) -> None:
                time.sleep(wait)
                end = time.monotonic() + 30
                while time.monotonic() < end and not killed:
                    for pid in processes(b"ray::guarded")[:1]:
                        os.kill(pid, signal.SIGKILL)
                        killed.append(pid)
                    time.sleep(0.005)

            thread = threading.Thread(target=kill)
            thread.start()
            summary = on_ray([clip], folder / f"w{n}", "cluster.segment=1")
            thread.join()
            state = f"worker kill {n} after {wait:.1f} s (killed {len(killed)}, "
            compare(f"{state}exit {summary.exit_code})", folder / "one", folder / f"w{n}")


def nodes(folder: Path, times: int = 3) -> None:
    import ray
    from ray.cluster_utils import Cluster

    clip = write_clip(folder / "clip.mp4", 300, sound=True, options={"g": "20"})
    process([clip], folder / "one")
    os.environ[SECONDS] = "0.02"
    chance = random.Random(2)
    args = {"num_cpus": 1, "object_store_memory": STORE, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args={**args, "include_dashboard": False})
    more = [cluster.add_node(**args) for _ in range(2)]
    # Ray takes the loopback address for the machine's other one, where nothing listens.
    with mock.patch("ray._private.services.resolve_ip_for_localhost", lambda text: text):
        ray.init(address=cluster.address, log_to_driver=False, _node_ip_address="127.0.0.1")
    try:
        for n in range(times):
            wait = chance.uniform(1, 5)

            def kill(wait: float = wait) -> None:
                time.sleep(wait)
                cluster.remove_node(more.pop(0), allow_graceful=False)

            thread = threading.Thread(target=kill)
            thread.start()
            summary = on_ray([clip], folder / f"n{n}", "cluster.segment=1")
            thread.join()
            state = f"node kill {n} after {wait:.1f} s (exit {summary.exit_code})"
            compare(state, folder / "one", folder / f"n{n}")
            more.append(cluster.add_node(**args))
    finally:
        ray.shutdown()
        cluster.shutdown()


def driver(folder: Path, times: int = 5) -> None:
    clip = write_clip(folder / "clip.mp4", 300, sound=True, options={"g": "20"})
    process([clip], folder / "one")
    command = [sys.executable, __file__, "driven", str(folder)]
    chance = random.Random(3)
    for n in range(times):
        with subprocess.Popen(command, env={**os.environ, SECONDS: "0.03"}) as running:
            parts = folder / "killed" / ".posestream" / "clip.parts"
            before = len(list(parts.glob("detections-*"))) if parts.is_dir() else 0
            end = time.monotonic() + 200
            while running.poll() is None and time.monotonic() < end:
                now = len(list(parts.glob("detections-*"))) if parts.is_dir() else 0
                if now > before:
                    time.sleep(chance.uniform(0, 1))
                    break
                time.sleep(0.02)
            running.kill()
            code = running.wait()
        stamps = {p.name: p.stat().st_mtime_ns for p in parts.glob("detections-*")}
        time.sleep(20)  # Ray's own processes notice within seconds that their driver is gone
        left = len(processes(b"ray::")) + sum(
            b"raylet" in p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()
        )
        print(f"driver kill {n}: exit {code}, {len(stamps)} segments kept, {left} processes left")
    subprocess.run(command, env={**os.environ, SECONDS: "0"}, check=True)
    compare("after the last run", folder / "one", folder / "killed")


def driven(folder: Path) -> None:
    with local(2, float(os.environ[SECONDS])):
        on_ray([folder / "clip.mp4"], folder / "killed", "cluster.segment=1")


def many(folder: Path, count: int = 200, bad: int = 7) -> None:
    inputs = folder / "in"
    inputs.mkdir()
    clip = write_clip(folder / "clip.mp4", 20, size=(64, 48))
    for n in range(count):
        path = inputs / f"{n:03}.mp4"
        path.write_bytes(b"Dear Sir" if n % (count // bad) == 3 and n < 196 else clip.read_bytes())
    expected = sum(p.stat().st_size == 8 for p in inputs.iterdir())
    with local(2, 0.0) as ray:
        sizes = []

        def watch() -> None:
            while not done:
                rss = int(Path("/proc/self/statm").read_text().split()[1]) * 4096
                used = ray.cluster_resources().get("object_store_memory", 0)
                free = ray.available_resources().get("object_store_memory", 0)
                sizes.append((rss / 1e6, (used - free) / 1e6))
                time.sleep(2)

        done: list[int] = []
        thread = threading.Thread(target=watch)
        thread.start()
        began = time.monotonic()
        summary = on_ray([inputs], folder / "out", "output.overlay=false")
        done.append(1)
        thread.join()
    good = sum(r.complete for r in summary.reports)
    print(
        f"{good} results, {len(summary.failed)} failed of {expected} bad, exit {summary.exit_code}"
    )
    print(f"{time.monotonic() - began:.0f} s; driver MB (first, middle, last), store MB:")
    for row in (sizes[0], sizes[len(sizes) // 2], sizes[-1]):
        print(f"  {row[0]:.0f}  {row[1]:.1f}")
    print(f"  largest {max(s[0] for s in sizes):.0f}  {max(s[1] for s in sizes):.1f}")


def efficiency(folder: Path, cpus: int = 16) -> None:
    clip = write_clip(folder / "clip.mp4", 1, size=(64, 48))
    clip = write_clip(folder / "clip.mp4", 1920, size=(64, 48), options={"g": "30"})
    seconds = 0.25
    spent: dict[int, float] = {}
    for count in (1, cpus):
        with local(count, seconds):
            shorter = (
                clip
                if count > 1
                else write_clip(folder / "short.mp4", 120, size=(64, 48), options={"g": "30"})
            )
            on_ray([shorter], folder / f"warm{count}", "output.overlay=false", "cluster.segment=2")
            began, used = time.monotonic(), time.process_time()
            on_ray([shorter], folder / f"e{count}", "output.overlay=false", "cluster.segment=2")
            spent[count] = (time.monotonic() - began) / (120 if count == 1 else 1920)
            driver_cost = (time.process_time() - used) / (1920 / 60) * 1e3
    print(f"frame costs {spent[1] * 1e3:.1f} ms with 1 worker, {spent[cpus] * 1e3:.2f} with {cpus}")
    print(
        f"efficiency {spent[1] / spent[cpus] / cpus:.2f}, of the ideal {seconds * 1e3:.0f} ms: "
        f"{seconds / spent[cpus] / cpus:.2f}; driver {driver_cost:.1f} ms of CPU per segment"
    )


def plan(folder: Path) -> None:
    """A thousand videos of a hundred minutes, by an index that is made up."""
    from array import array

    from engine.sources.segments import Index

    frames = 100 * 60 * 30

    index = Index(array("q", range(frames)), array("q", range(0, frames, 60)), True, 30.0)
    jobs = [Job(f"v{n}.mp4", f"v{n}") for n in range(1000)]
    with (
        mock.patch("app.cluster.process.index_of", return_value=index),
        mock.patch("app.cluster.process.plan", return_value=(jobs, {})),
    ):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.monotonic()
        with Path(os.devnull).open("w") as nowhere, mock.patch("sys.stdout", nowhere):
            print_plan(["x"], load_settings())
        spent = time.monotonic() - began
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"100,000 segments of 1,000 videos in {spent:.1f} s, {grown / 1024:.1f} MB more memory")


def s3(folder: Path) -> None:
    import fsspec
    import numpy as np
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=5123, verbose=False)
    server.start()
    os.environ.update(
        AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_ENDPOINT_URL="http://127.0.0.1:5123"
    )
    system = fsspec.filesystem("s3", use_listings_cache=False)
    system.mkdir("lab")
    clip = _noisy(folder / "large.mp4", np)
    size = clip.stat().st_size
    system.put_file(str(clip), "lab/large.mp4")
    read: list[int] = []

    class Counting:
        """The store, counting the bytes that are asked for."""

        def __getattr__(self, name: str) -> object:
            return getattr(system, name)

        def cat_file(self, path: str, start: int = 0, end: int = size) -> bytes:
            read.append(end - start)
            return system.cat_file(path, start=start, end=end)

    def opened(address: str) -> tuple[object, str]:
        return Counting(), address.partition("://")[2]

    with mock.patch("engine.sources.stored.open_store", opened):
        for overlay in ("false", "true"):
            read.clear()
            began = time.monotonic()
            wanted = f"output.overlay={overlay}"
            summary, _ = process(["s3://lab/large.mp4"], folder / overlay, wanted)
            part = f"{size / 1e6:.0f} MB with sound, overlay {overlay}: read {sum(read) / size:.3f}"
            spent = f"{time.monotonic() - began:.0f} s, exit {summary.exit_code}"
            print(f"{part} of it in {len(read)} requests, {spent}", flush=True)
    server.stop()


def _noisy(path: Path, np: object) -> Path:
    """About 200 MB: noise hardly compresses."""
    subprocess.run(
        [
            *("ffmpeg", "-v", "error", "-f", "lavfi", "-i"),
            "testsrc2=s=640x360:r=30,noise=alls=100:allf=t",
            *("-f", "lavfi", "-i", "sine=440", "-t", "42", "-c:v", "libx264", "-preset"),
            *("ultrafast", "-b:v", "40M", "-maxrate", "40M", "-bufsize", "8M", "-g", "60"),
            *("-c:a", "aac", "-y", str(path)),
        ],
        check=True,
    )
    return path


if __name__ == "__main__":
    chosen = sys.argv[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        where = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(made)
        globals()[chosen](where)
