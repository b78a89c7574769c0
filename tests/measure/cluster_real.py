"""`--cluster` with the real network, against one machine. From the repository's root:

    PYTHONPATH=. python tests/measure/cluster_real.py NAME [FOLDER]

same: the demo clip and the beginnings of two real ones, one of them slower, so that it is longer
than 60 s; all formats and the overlay, in segments of 2 s and 60 s, by 1 and 4 workers. long: a
clip of 139 s at its own rate. evaluation: the 200 images of the dev split, in several shards.
cameras: three streams; one of them, RTSP, is switched off for a while, then the stations are
killed. Each prints what it found.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av

from app.cluster.plan import planned
from app.cluster.process import process_on_cluster
from app.process.batch import process_files
from app.process.inputs import plan
from engine.settings import load_settings
from tests.measure.cluster import compare, local, processes
from tests.support.rtsp_camera import RtspServer
from tests.support.stream_servers import MjpegServer

SHARED = Path("../shared") if Path("../shared").is_dir() else Path("/work/shared")
FORMATS = '["ndjson", "csv", "parquet", "coco", "openpose", "trc", "mot"]'
CHANGES = (f"output.formats={FORMATS}", "output.report=true", "engine.runtime=openvino")


def shortened(clip: Path, to: Path, frames: int, slower: int = 1) -> Path:
    """The beginning of a clip, `slower` times as long, not encoded again, with its sound."""
    with av.open(clip) as source, av.open(to, "w") as target:
        pairs = {s: target.add_stream_from_template(s) for s in source.streams}
        count = 0
        for packet in source.demux():
            if packet.dts is None:
                continue
            count += packet.stream.type == "video"
            if count > frames:
                break
            packet.dts, packet.pts = slower * packet.dts, slower * (packet.pts or 0)
            packet.duration *= slower
            packet.stream = pairs[packet.stream]
            target.mux(packet)
    return to


def same(folder: Path, demo: int = 200) -> None:
    video = SHARED / "video"
    crossing = video / "intel_one-by-one-person-detection.mp4"
    clips = [
        shortened(Path("assets/demo/people.mp4"), folder / "people.mp4", demo),
        shortened(crossing, folder / "crossing.mp4", 110, slower=10),  # 110 s
        shortened(video / "sports2d_demo.mp4", folder / "sports.mp4", 100),
    ]
    texts = [str(clip) for clip in clips]
    began = time.monotonic()
    summary = process_files(texts, folder / "one", load_settings(changes=CHANGES))
    frames = sum(report.frames for report in summary.reports)
    spent = time.monotonic() - began
    print(f"one machine: {frames} frames, {spent:.0f} s, exit {summary.exit_code}", flush=True)
    for workers in (4, 1):
        with local(workers, 0.0):
            for seconds in (2, 60):
                same_on_cluster(folder, texts, workers, seconds)


def long(folder: Path) -> None:
    """A real clip of 139 s in segments of 60 s."""
    texts = [str(SHARED / "video" / "intel_one-by-one-person-detection.mp4")]
    changes = ("engine.runtime=openvino", "engine.input_size=128", "output.overlay=false")
    summary = process_files(texts, folder / "one", load_settings(changes=changes))
    print(f"one machine: {summary.reports[0].frames} frames, exit {summary.exit_code}", flush=True)
    for workers in (4, 1):
        with local(workers, 0.0):
            same_on_cluster(folder, texts, workers, 60, changes)


def same_on_cluster(
    folder: Path, texts: list[str], workers: int, seconds: int, changes: tuple[str, ...] = CHANGES
) -> None:
    began = time.monotonic()
    out = folder / f"{workers}-{seconds}"
    settings = load_settings(changes=[*changes, f"cluster.segment={seconds}"])
    cuts = [len(list(planned(job, settings))) for job in plan(texts)[0]]
    found = process_on_cluster(texts, str(out), settings, address="local")
    notes = [note for report in found.reports for note in report.notes]
    spent = time.monotonic() - began
    state = (
        f"{workers} workers, {seconds} s: {cuts} segments (exit {found.exit_code}, {spent:.0f} s)"
    )
    compare(f"{state} {notes or ''}", folder / "one", out)


def posestream(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "posestream", *arguments]


def evaluation(folder: Path) -> None:
    data = SHARED / "data/coco/dev"
    arguments = ["eval", "--images", str(data / "images"), "--no-flip"]
    arguments += ["--annotations", str(data / "person_keypoints_dev.json")]
    arguments += ["--set", "engine.runtime=openvino", "--out"]
    results = []
    for name, more in (("one", []), ("many", ["--cluster", "local"])):
        began = time.monotonic()
        command = posestream(*arguments, str(folder / name), *more)
        code = subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode
        results.append((folder / name / "results.json").read_bytes())
        spent, size = time.monotonic() - began, len(results[-1])
        print(f"{name}: exit {code}, {size} bytes of results.json, {spent:.0f} s", flush=True)
    print("results.json:", "identical" if results[0] == results[1] else "DIFFERENT")


def cameras(folder: Path) -> None:
    servers = [MjpegServer(rate=10.0), RtspServer(), MjpegServer(rate=10.0)]
    outs = [folder / f"camera{n}.ndjson" for n in range(3)]
    tables = [
        f'[camera{n}]\nsource = "{server.url}"\nout = "{out}"\nrate = 1\n'
        for n, (server, out) in enumerate(zip(servers, outs, strict=True))
    ]
    (folder / "cameras.toml").write_text("\n".join(tables))
    for server in servers:
        server.start()
    command = posestream("live", "--headless", "--json", "--cluster", "local")
    command += ["--set", "engine.runtime=openvino", "--sources", str(folder / "cameras.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            until(running, "all live", lambda s: all(x["state"] == "live" for x in s))
            servers[1].kill()
            until(running, "camera1 off: noticed", lambda s: s[1]["state"] == "reconnecting")
            servers[1].start()
            until(running, "camera1 on again", lambda s: all(x["state"] == "live" for x in s))
            for pid in processes(b"ray::Station"):  # the first that is ready may have all streams
                os.kill(pid, signal.SIGKILL)
            until(
                running,
                "stations killed, all streams live in new ones",
                lambda s: all(x["restarts"] and x["rate"] for x in s),
            )
            running.send_signal(signal.SIGINT)
            print(f"Ctrl-C: exit {running.wait(120)}")
        finally:
            running.kill()
            for server in servers:
                server.kill()
    for file in sorted(folder.glob("*.ndjson")):
        kinds = [json.loads(line)["type"] for line in file.read_text().splitlines()]
        print(f"{file.name}: {len(kinds)} lines, each JSON, the last: {kinds[-1]}")


def until(running: subprocess.Popen[str], what: str, right: object, most: float = 300) -> None:
    """Read status lines until one is as wanted; print it."""
    began = time.monotonic()
    assert running.stdout is not None
    for line in running.stdout:
        streams = json.loads(line)["streams"]
        if right(streams):
            print(f"{what} after {time.monotonic() - began:.0f} s:", flush=True)
            for stream in streams:
                print(f"  {stream}", flush=True)
            return
        if time.monotonic() - began > most:
            raise SystemExit(f"{what}: not within {most:.0f} s; last: {line}")
    raise SystemExit(f"{what}: the command ended, exit {running.wait()}")


if __name__ == "__main__":
    chosen = sys.argv[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as made:
        where = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(made)
        globals()[chosen](where)
