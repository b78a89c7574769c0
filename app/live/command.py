"""Mode: cameras and streams → a window, or lines of NDJSON without one.

The window's modules are imported only when a window is wanted, so `--headless` needs no Qt.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from app.overlay.look import Look
from app.user_settings import (
    Cluster,
    Device,
    Precision,
    Profile,
    Set,
    SettingsFile,
    Weights,
    changes,
    cluster_address,
    load_user_settings,
)
from engine.cores import draw_on_one_core
from engine.errors import SettingsError, SourceError
from engine.settings import Settings

if TYPE_CHECKING:
    from app.live.plan import Plan
    from app.live.protocol import Event
    from engine.sources.camera import CameraRequest


def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SOURCE]…",
            help='Cameras ("0", "camera:NAME"), files, folders, rtsp:// http:// udp:// streams, '
            '"screen", "-" for standard input. Several are shown side by side.',
        ),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="No window, only --out.")] = False,
    out: Annotated[
        str,
        typer.Option(
            help="Headless: - (standard output), a file, udp://…, ws://…, osc://…, lsl:…, camera:."
        ),
    ] = "-",
    seconds: Annotated[
        float | None, typer.Option(min=0, help="Headless: stop after so many seconds.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=1, help="Headless: stop after so many frames.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Headless: replace the file of --out.")
    ] = False,
    fast: Annotated[
        bool, typer.Option("--fast", help="Files as fast as possible, every frame.")
    ] = False,
    loop: Annotated[bool, typer.Option("--loop", help="Files begin again at their end.")] = False,
    list_sources: Annotated[bool, typer.Option("--list", help="List the cameras found.")] = False,
    camera_size: Annotated[
        str, typer.Option(help="Picture to ask cameras for, pixels.")
    ] = "1280x720",
    camera_rate: Annotated[float, typer.Option(min=1, help="Frames/s to ask cameras for.")] = 30,
    sources_file: Annotated[
        Path | None,
        typer.Option("--sources", help="With --cluster: a TOML file of streams; docs/cluster.md."),
    ] = None,
    cluster: Cluster = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --cluster: the status as JSON lines.")
    ] = False,
    weights: Weights = None,
    device: Device = None,
    precision: Precision = None,
    profile: Profile = None,
    settings_file: SettingsFile = None,
    set_: Set = None,
) -> None:
    """Watch cameras, streams and videos with skeletons."""
    draw_on_one_core()
    if list_sources:
        print_cameras()
        return
    chosen = {
        "engine.weights": weights,
        "engine.device": device,
        "engine.precision": precision,
        "engine.profile": profile,
    }
    given = changes(set_, chosen)
    settings = load_user_settings(settings_file, given)
    wanted = _wanted(camera_size, camera_rate)
    explicit = bool(settings_file or given)
    if sources_file is not None or cluster is not None:
        address = cluster_address(cluster, {})
        _watch_on_cluster(sources_file, address, headless, settings, as_json, seconds)
        return
    if not headless:
        _open_window(tuple(sources or ()), settings, wanted, fast, loop, explicit)
    if not sources:
        raise SettingsError("--headless needs a source: a camera's number, a file or an address")
    from app.live.plan import Plan

    run_headless(
        Plan(tuple(sources), settings, fast=fast, loop=loop),
        out,
        seconds=seconds,
        frames=frames,
        wanted=wanted,
        force=force,
    )


def _watch_on_cluster(
    file: Path | None,
    address: str | None,
    headless: bool,
    settings: Settings,
    as_json: bool,
    seconds: float | None,
) -> None:
    if file is None or address is None or not headless:
        raise SettingsError(
            "streams on a cluster need --headless, --sources FILE, and --cluster or RAY_ADDRESS"
        )
    from app.cluster.live import watch_on_cluster

    watch_on_cluster(file, settings, address=address, as_json=as_json, seconds=seconds)


def run_headless(
    plan: Plan,
    out: str,
    *,
    seconds: float | None = None,
    frames: int | None = None,
    wanted: CameraRequest | None = None,
    force: bool = False,
) -> int:
    """Write results to a sink until the sources end, a limit is reached or a person interrupts.

    A source that fails is said in one line, and the others go on.

    Args:
        out: what `app.live.outputs.open_output` takes.
        seconds: counted from the first result.
        frames: of all sources together.
        force: replace a file that is there.

    Returns:
        how many frames were written.

    Raises:
        PoseError: the engine or the sink cannot be used; or, at the end, sources have failed.
    """
    from app.live.outputs import Context, open_output
    from app.live.session import LiveSession
    from app.signals import stop_on_signal
    from engine.tracking.stages import smoothed

    def hear(event: Event) -> None:
        if len(plan.sources) > 1 or not session.failed:  # that of the only one is raised below
            _print_event(event)

    session = LiveSession(plan, hear, wanted=wanted)
    failed = session.failed  # it fills up later
    look = Look(display=plan.settings.display)
    context = Context(
        session.header,
        len(plan.sources) > 1,
        smoothed(plan.settings),
        inputs=plan.sources,
        force=force,
        failed=failed,
    )
    output = open_output(out, context)
    session.look(look)
    count, end, error = 0, None, None
    try:
        with stop_on_signal(_say, act=session.stop), closing(session.results()) as results:
            for result in results:
                output.write(result, look, session.traces[result.frame.source])
                count += 1
                end = end or (time.monotonic() + seconds if seconds else float("inf"))
                if count == frames or time.monotonic() >= end:
                    session.stop()
    except BaseException as failure:
        error = str(failure) or type(failure).__name__
        raise
    finally:
        everything = len(failed) == len(plan.sources)
        output.close(error or (_which(failed, plan.names) if everything else None))
    if failed:
        raise SourceError(_which(failed, plan.names))
    return count


def _which(failed: Mapping[str, str], names: Sequence[str]) -> str:
    """What is said at the end of sources that have failed, when each was said before."""
    if len(names) == 1:
        return failed[names[0]]
    which = ", ".join(name for name in names if name in failed)
    return f"{len(failed)} of {len(names)} sources failed: {which}"


def print_cameras() -> None:
    """One line per camera: its number, its name and its best modes."""
    from engine.sources.camera import cameras

    found = cameras()
    for camera in found:
        print(f"{camera.source}  {camera.name}  ({'; '.join(camera.modes[:3])})")
    if not found:
        print("no camera found")


def _print_event(event: Event) -> None:
    """Sentences go to standard error: standard output belongs to the results."""
    text = getattr(event, "text", "")
    if text and getattr(event, "status", "") != "opening":
        _say(text)


def _say(text: str) -> None:
    print(f"posestream: {text}", file=sys.stderr)


def _wanted(size: str, rate: float) -> CameraRequest:
    found = re.fullmatch(r"(\d+)x(\d+)", size)
    if not found:
        raise SettingsError(f"--camera-size must look like 1280x720, got {size!r}")
    from engine.sources.camera import CameraRequest

    return CameraRequest(int(found[1]), int(found[2]), rate)


def _open_window(
    sources: tuple[str, ...],
    settings: Settings,
    wanted: CameraRequest,
    fast: bool,
    loop: bool,
    explicit: bool,
) -> NoReturn:
    from app.gui.main import show
    from app.live.offer import offer
    from app.live.plan import Plan
    from app.live.protocol import Session, Tell
    from app.live.session import LiveSession  # torch is not loaded before a session runs

    def start(plan: Plan, tell: Tell) -> Session:
        return LiveSession(plan, tell, wanted=wanted)

    plan = Plan(sources, settings, fast=fast, loop=loop)
    show(plan, offer(), start, remembered=not explicit)
