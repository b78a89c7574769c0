"""S3 on the loopback device, served by moto. From the repository's root:

    PYTHONPATH=. python tests/measure/stores.py NAME [FOLDER]

bytes: how much of a 200 MB video is read. ray: from S3 to S3 by a real cluster. faults: a server
that answers 500 now and then; and what the command prints for wrong credentials, a missing bucket
and an output that may not be written.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from unittest import mock

import av
import fsspec
import numpy as np
from moto import server as moto
from rich.console import Console

from app.cluster.process import Task, process_on_cluster, run
from app.process.batch import process_files
from app.process.progress import Bars
from engine.errors import PoseError
from engine.files import HIDDEN
from engine.settings import load_settings
from tests.measure.cluster import contents, local
from tests.support.clips import write_clip
from tests.support.inline_executor import Inline
from tests.support.ray_walkers import walkers
from tests.support.stream_servers import free_port
from tests.support.walkers_estimator import process

LARGE = 200_000_000  # bytes
KEYS = {"AWS_ACCESS_KEY_ID": "lab", "AWS_SECRET_ACCESS_KEY": "secret"}


class Faulty:
    """moto's application; answers 500 to every `every`th request, and 403 to what it forbids."""

    def __init__(self, every: int = 0) -> None:
        self.every, self.forbid, self.key = every, "", ""
        self.requests = self.failed = 0
        self._app = moto.DomainDispatcherApplication(moto.create_backend_app)

    def __call__(self, environ: dict, start: object) -> Iterable[bytes]:
        self.requests += 1
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if self.every and self.requests % self.every == 0:
            self.failed += 1
            return _refuse(start, "500 Internal Server Error", "InternalError")
        if self.key and self.key not in environ.get("HTTP_AUTHORIZATION", ""):
            return _refuse(start, "403 Forbidden", "InvalidAccessKeyId")
        if self.forbid and method in ("PUT", "POST") and path.startswith(self.forbid):
            return _refuse(start, "403 Forbidden", "AccessDenied")
        return self._app(environ, start)


def _refuse(start: object, status: str, code: str) -> list[bytes]:
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    start(status, [("Content-Type", "application/xml")])
    return [text.encode()]


def serve() -> Faulty:
    """An S3 server with the bucket `lab`; the environment says where it is."""
    from threading import Thread

    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    faulty, port = Faulty(), free_port()
    running = make_server("127.0.0.1", port, faulty, threaded=True)
    Thread(target=running.serve_forever, daemon=True).start()
    os.environ.update(KEYS, AWS_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    fsspec.filesystem("s3", use_listings_cache=False).mkdir("lab")
    return faulty


def bytes_read(folder: Path) -> None:
    serve()
    system = fsspec.filesystem("s3", use_listings_cache=False)
    clip = _noise(folder / "large.mp4")
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


def _noise(path: Path) -> Path:
    """About 200 MB, with sound: noise hardly compresses."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (16, 360, 640, 3), np.uint8)
    with av.open(path, "w") as target:
        video = target.add_stream("mpeg4", rate=30, bit_rate=80_000_000)
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        sound = target.add_stream("aac", rate=48000)
        size = index = 0
        while size < LARGE:
            frame = av.VideoFrame.from_ndarray(noise[rng.integers(16)], format="rgb24")
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1600), np.float32), "fltp", "mono")
            frame.pts, tone.pts, tone.sample_rate = index, 1600 * index, 48000
            index += 1
            for packet in [*video.encode(frame), *sound.encode(tone)]:
                size += packet.size
                target.mux(packet)
        target.mux([*video.encode(None), *sound.encode(None)])
    return path


def ray(folder: Path) -> None:
    serve()
    system = fsspec.filesystem("s3", use_listings_cache=False)
    clips = [write_clip(folder / f"{n}.mp4", 160, sound=True, options={"g": "20"}) for n in "ab"]
    for clip in clips:
        system.put_file(str(clip), f"lab/in/{clip.name}")
    process(["s3://lab/in/"], folder / "one")
    settings = load_settings(changes=["cluster.segment=1"])
    with local(2, 0.0):  # the workers find the store by the same variables
        for turn in ("first", "second"):
            found = process_on_cluster(
                ["s3://lab/in/"], "s3://lab/out", settings, address="local", open_estimator=walkers
            )
            states = [(r.frames, r.skipped, r.error, r.missing) for r in found.reports]
            print(f"{turn} run: exit {found.exit_code}, {states}", flush=True)
    expected = contents(folder / "one")
    names = [n.removeprefix("lab/out/") for n in system.find("lab/out") if HIDDEN not in n]
    same = [system.cat_file(f"lab/out/{n}") == expected.get(n) for n in names]
    print(f"{sum(same)} of {len(expected)} files identical, {len(names)} in the store")


def faults(folder: Path) -> None:
    server = serve()
    system = fsspec.filesystem("s3", use_listings_cache=False)
    clip = write_clip(folder / "clip.mp4", 60, sound=True)
    process([clip], folder / "one")
    system.put_file(str(clip), "lab/in/clip.mp4")
    system.mkdir("attic")
    server.every = 5
    for on_cluster in (False, True):
        out = f"lab/out{on_cluster}"
        server.requests = server.failed = 0
        code = processed("s3://lab/in/clip.mp4", f"s3://{out}", on_cluster=on_cluster)
        names = [n for n in contents(folder / "one") if not n.endswith("ndjson")]
        right = [system.cat_file(f"{out}/{n}") == (folder / "one" / n).read_bytes() for n in names]
        print(
            f"every 5th request answered 500: exit {code}, {server.failed} of {server.requests} "
            f"failed, {sum(right)} of {len(right)} files identical",
            flush=True,
        )
    server.every, server.forbid = 0, "/attic"
    show("an output that may not be written", "s3://lab/in/clip.mp4", "s3://attic/out")
    show("no bucket for the output", "s3://lab/in/clip.mp4", "s3://nowhere/out")
    show("no bucket of the input", "s3://nowhere/clip.mp4", "s3://lab/o")
    show("no such file", "s3://lab/in/no.mp4", "s3://lab/o")
    show("an empty folder", "s3://lab/nothing/", "s3://lab/o")
    server.key = "somebody else"
    show("wrong credentials", "s3://lab/in/clip.mp4", "s3://lab/o")
    show("wrong credentials, a folder", "s3://lab/in/", "s3://lab/o")
    show("wrong credentials, the output", str(clip), "s3://lab/o")


def show(what: str, source: str, out: str) -> None:
    """Print all that is said, on one machine and on a cluster."""
    for on_cluster in (False, True):
        print(f"{what}{', cluster' if on_cluster else ''}:", flush=True)
        began = time.monotonic()
        code = processed(source, out, on_cluster=on_cluster)
        print(f"  exit {code}, {time.monotonic() - began:.1f} s", flush=True)


def processed(source: str, out: str, *, on_cluster: bool) -> int:
    """Process as the command does, with the stand-in for the network; the exit code."""
    settings, console = load_settings(), Console(width=200)
    try:
        if on_cluster:
            task = Task((source,), out, settings, open_estimator=walkers)
            return run(task, Inline(), lambda: 2, Bars(console)).exit_code
        return process_files(
            [source], out, settings, console=console, open_estimator=walkers
        ).exit_code
    except PoseError as error:
        print(f"error: {error}")
        return 1


if __name__ == "__main__":
    chosen = {"bytes": bytes_read, "ray": ray, "faults": faults}[sys.argv[1]]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        chosen(Path(sys.argv[2]) if len(sys.argv) > 2 else Path(made))
