"""Trials of `--cluster` on one machine, with the stand-in estimator. From the repository's root:

    PYTHONPATH=. python tests/measure/cluster.py NAME [FOLDER]

workers: a worker is killed -9 at ten moments. nodes: a node at three. driver: the command at five,
and started again. interrupt: the same by Ctrl-C, three times. token: a wrong token of Ray, none,
and wrong addresses. many: 200 inputs of which 7 are bad. efficiency: 16 workers that sleep. plan:
100,000 segments. Each prints what it found. The real network: cluster_real.py; clusters that grow:
cluster_grows.py; S3: stores.py.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest import mock

from app.cluster.connection import RayExecutor
from app.cluster.plan import print_plan
from app.cluster.process import process_on_cluster
from app.cluster.scheduler import POLL
from app.cluster.work import packed
from app.process.inputs import Job
from engine.settings import load_settings
from tests.support.clips import write_clip
from tests.support.process_tree import descendants, gone_after
from tests.support.ray_walkers import SECONDS, asleep, walkers
from tests.support.walkers_estimator import process

STORE = 100 << 20  # bytes of an object store
# Beside other work, Ray's workers, which have a nice level of 15, would not get on.
os.environ.setdefault("RAY_worker_niceness", "0")


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
    for attempt in range(3):  # on a busy machine a part of Ray may start too late for another
        try:
            ray.init(
                address="local",
                num_cpus=cpus,
                include_dashboard=False,
                object_store_memory=STORE,
                _node_ip_address="127.0.0.1",
                log_to_driver=False,
            )
            break
        except Exception as error:  # noqa: BLE001 - Ray has no type for it
            print(f"attempt {attempt} to start Ray: {error}", flush=True)
            ray.shutdown()
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
    with local(2, 0.03):
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


@contextmanager
def cluster_of(nodes: int, cpus: int):
    """A cluster that outlives its drivers: a head, and more nodes."""
    from ray.cluster_utils import Cluster

    args = {"num_cpus": cpus, "object_store_memory": STORE, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args={**args, "include_dashboard": False})
    try:
        yield cluster, args, [cluster.add_node(**args) for _ in range(nodes - 1)]
    finally:
        cluster.shutdown()


@contextmanager
def joined(address: str):
    import ray

    # Ray takes the loopback address for the machine's other one, where nothing listens.
    with mock.patch("ray._private.services.resolve_ip_for_localhost", lambda text: text):
        ray.init(address=address, log_to_driver=False, _node_ip_address="127.0.0.1")
    try:
        yield
    finally:
        ray.shutdown()


def nodes(folder: Path, times: int = 3) -> None:
    clip = write_clip(folder / "clip.mp4", 300, sound=True, options={"g": "20"})
    process([clip], folder / "one")
    os.environ[SECONDS] = "0.02"
    chance = random.Random(2)
    with cluster_of(3, 1) as (cluster, args, more), joined(cluster.address):
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


def interrupt(folder: Path) -> None:
    """As `driver`, by Ctrl-C."""
    driver(folder, 3, signal.SIGINT)


def driver(folder: Path, times: int = 5, by: signal.Signals = signal.SIGKILL) -> None:
    clip = write_clip(folder / "clip.mp4", 300, sound=True, options={"g": "20"})
    process([clip], folder / "one")
    os.environ[SECONDS] = "0.05"
    chance = random.Random(3)
    parts = folder / "killed" / ".posestream" / "clip.parts"
    stamps: dict[str, int] = {}
    with cluster_of(1, 2) as (cluster, _, _):
        command = [sys.executable, __file__, "driven", str(folder), cluster.address]
        for n in range(times):
            with subprocess.Popen(command) as running:
                end = time.monotonic() + 300
                while running.poll() is None and time.monotonic() < end and len(stored(parts)) <= n:
                    time.sleep(0.02)
                time.sleep(chance.uniform(0, 0.5))
                workers = processes(b"ray::guarded")
                began = time.monotonic()
                running.send_signal(by)
                code = running.wait()
                took = time.monotonic() - began
            spent = gone_after(workers, 120)
            again = sum(stored(parts).get(name) != stamp for name, stamp in stamps.items())
            stamps = stored(parts)
            print(
                f"{by.name} {n}: exit {code} after {took:.1f} s, {len(stamps)} segments kept, "
                f"{again} made again, {len(workers)} busy workers gone after {spent} s",
                flush=True,
            )
        with subprocess.Popen(command) as running:
            seen: dict[str, int] = {}
            while running.poll() is None:
                seen.update(stored(parts))
                time.sleep(0.02)
        again = sum(seen.get(name) != stamp for name, stamp in stamps.items())
        print(f"last run: exit {running.returncode}, {again} of {len(stamps)} made again")
        compare("after the last run", folder / "one", folder / "killed")
        family = descendants(os.getpid())
    print(f"{len(family)} processes of the cluster gone after {gone_after(family, 120)} s")


def driven(folder: Path) -> None:
    with joined(sys.argv[3]):
        summary = on_ray([folder / "clip.mp4"], folder / "killed", "cluster.segment=1")
    sys.exit(summary.exit_code)


def stored(parts: Path) -> dict[str, int]:
    """When each segment's detections were written, in ns."""
    found = {}
    for part in parts.glob("detections-*[0-9]"):
        with suppress(OSError):
            found[part.name] = part.stat().st_mtime_ns
    return found


JOIN = """
import sys
from unittest import mock
from app.cluster.connection import connected
from engine.errors import PoseError
with mock.patch("ray._private.services.resolve_ip_for_localhost", lambda text: text):
    try:
        with connected(sys.argv[1]) as found:
            print("joined:", found)
    except PoseError as error:
        sys.exit(str(error))
"""


def token(folder: Path) -> None:
    """What the command says where Ray's token, or the address, is wrong."""
    mode = {"RAY_AUTH_MODE": "token", "HOME": str(folder)}
    os.environ |= {**mode, "RAY_AUTH_TOKEN": "a" * 32}

    def trial(name: str, address: str, **changes: str) -> None:
        wanted = {key: value for key, value in {**os.environ, **changes}.items() if value}
        began = time.monotonic()
        command = [sys.executable, "-c", JOIN, address]
        ended = subprocess.run(command, env=wanted, capture_output=True, text=True, timeout=200)
        spent = time.monotonic() - began
        print(
            f"{name}: exit {ended.returncode} after {spent:.0f} s\n  {ended.stdout}{ended.stderr}"
        )

    with cluster_of(1, 1) as (cluster, _, _):
        trial("the right token", cluster.address)
        trial("a wrong token", cluster.address, RAY_AUTH_TOKEN="b" * 32)
        trial("no token", cluster.address, RAY_AUTH_TOKEN="")
        trial("token mode off", cluster.address, RAY_AUTH_MODE="disabled")
        trial("nothing set", cluster.address, RAY_AUTH_MODE="", RAY_AUTH_TOKEN="")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        trial("a port that says nothing", f"127.0.0.1:{silent.getsockname()[1]}")
    trial("no such host", "nowhere.invalid:6379")


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
    clip = write_clip(folder / "clip.mp4", 1920, size=(64, 48), options={"g": "30"})
    short = write_clip(folder / "short.mp4", 120, size=(64, 48), options={"g": "30"})
    seconds, changes = 0.25, ("output.overlay=false", "cluster.segment=2")
    spent: dict[int, float] = {}
    # The second start of Ray in a process leaves it with more threads, which take time too.
    for count, one, frames in ((cpus, clip, 1920), (1, short, 120)):
        with local(count, seconds) as ray:
            with sizes_of_arguments() as sizes:
                on_ray([one], folder / f"warm{count}", *changes)
            began, used = time.monotonic(), time.process_time()
            on_ray([one], folder / f"e{count}", *changes)
            spent[count] = (time.monotonic() - began) / frames
            segments = frames // 60
            if count > 1:
                ours = (time.process_time() - used) / segments * 1e3
                floor = bare(ray, segments, 60 * seconds, max(sizes)) * 1e3
                waiting = idle(10.0) * frames * spent[count] / segments * 1e3
    print(f"frame costs {spent[1] * 1e3:.1f} ms with 1 worker, {spent[cpus] * 1e3:.2f} with {cpus}")
    print(
        f"efficiency {spent[1] / spent[cpus] / cpus:.2f}, of the ideal {seconds * 1e3:.0f} ms: "
        f"{seconds / spent[cpus] / cpus:.2f}; driver {ours:.1f} ms of CPU per segment, Ray alone "
        f"{floor:.1f} for tasks that sleep as long, with arguments of {max(sizes)} bytes: "
        f"{ours / floor:.2f} times; {waiting:.1f} of it is what Ray takes in that time to wait"
    )


@contextmanager
def sizes_of_arguments():
    """How many bytes each task is given."""
    sizes, start = [], RayExecutor.start

    def counted(executor, call):
        sizes.append(len(packed(call)))
        return start(executor, call)

    with mock.patch.object(RayExecutor, "start", counted):
        yield sizes


def bare(ray, count: int, seconds: float, size: int) -> float:
    """Processor time in s per task that this process spends on tasks of Ray that only sleep."""
    task, data, used = ray.remote(asleep), bytes(size), time.process_time()
    running = [
        task.options(scheduling_strategy="SPREAD").remote(seconds, data) for _ in range(count)
    ]
    while running:
        ended, running = ray.wait(running, num_returns=1, timeout=POLL)
        ray.get(ended)
    return (time.process_time() - used) / count


def idle(seconds: float) -> float:
    """Processor time in s per second that this process spends while nothing runs."""
    used = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - used) / seconds


def plan(folder: Path) -> None:
    """A thousand videos of a hundred minutes, by an index that is made up."""
    from array import array

    from engine.sources.segments import Index

    frames = 100 * 60 * 30

    index = Index(array("q", range(frames)), array("q", range(0, frames, 60)), True, 30.0)
    jobs = [Job(f"v{n}.mp4", f"v{n}") for n in range(1000)]
    with (
        mock.patch("app.cluster.plan.index_of", return_value=index),
        mock.patch("app.cluster.plan.plan", return_value=(jobs, {})),
    ):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.monotonic()
        with Path(os.devnull).open("w") as nowhere, mock.patch("sys.stdout", nowhere):
            print_plan(["x"], load_settings())
        spent = time.monotonic() - began
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(f"100,000 segments of 1,000 videos in {spent:.1f} s, {grown / 1024:.1f} MB more memory")


if __name__ == "__main__":
    chosen = sys.argv[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        where = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(made)
        globals()[chosen](where)
