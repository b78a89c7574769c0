"""Mode: what this machine has, what is missing, and the command that fixes it."""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from app.extras import EXTRAS

if TYPE_CHECKING:
    from rich.console import Console

Status = Literal["ok", "missing", "broken"]

PACKAGES: Final = {  # distribution -> the module it brings
    "torch": "torch",
    "numpy": "numpy",
    "scipy": "scipy",
    "opencv-python-headless": "cv2",
    "av": "av",
    "pycocotools": "pycocotools",
    "safetensors": "safetensors",
    "pydantic": "pydantic",
    "typer": "typer",
    "rich": "rich",
    "platformdirs": "platformdirs",
    "jinja2": "jinja2",
}
OPENCV_BELOW: Final = 5  # its warpAffine rounds in another way
WITH_QT: Final = ("opencv-python", "opencv-contrib-python")  # their Qt plugins break PyQt6
CODECS: Final = (  # name, direction, what it is for
    ("libx264", "w", "writing overlay videos"),
    ("h264", "r", "reading most videos"),
    ("hevc", "r", "reading videos of newer phones"),
    ("vp9", "r", "reading WebM"),
    ("libdav1d", "r", "reading AV1"),
    ("aac", "r", "reading sound"),
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    about: str
    name: str
    status: Status  # missing: something optional is not there; broken: it is needed
    detail: str
    fix: str = ""  # the command, or what to do


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what this machine has and what is missing."""
    from rich.console import Console

    checks = diagnose()
    if as_json:
        print(json.dumps([asdict(check) for check in checks], ensure_ascii=False, indent=2))
    else:
        show(checks, Console())
    raise typer.Exit(int(any(check.status == "broken" for check in checks)))


def diagnose() -> list[Check]:
    """Look at everything; nothing that is found wrong is raised."""
    checks = []
    for look in LOOKS:
        try:
            checks += list(look())
        except ImportError as error:
            checks.append(Check(look.__name__, "-", "broken", f"cannot look: {error}"))
    return checks


def packages() -> Iterator[Check]:
    """Python and the packages that every command needs."""
    yield Check("packages", "python", "ok", f"{platform.python_version()} at {sys.executable}")
    for name, module in PACKAGES.items():
        found = _version(name)
        if importlib.util.find_spec(module) is None:
            fix = f"pip install '{_requirement(name)}'"
            yield Check("packages", name, "broken", "not installed", fix)
        else:
            yield Check("packages", name, "ok", found or "installed by other means than pip")
    yield from _opencv()
    for name in WITH_QT:
        if _version(name):
            detail = "its Qt plugins break the window, and it hides the headless package"
            fix = (
                f"pip uninstall {name} && "
                "pip install --force-reinstall 'opencv-python-headless>=4.10,<5'"
            )
            yield Check("packages", name, "missing", detail, fix)


def _opencv() -> Iterator[Check]:
    """The OpenCV that is imported, whatever pip says: another package may have replaced it."""
    import cv2

    if int(cv2.__version__.partition(".")[0]) >= OPENCV_BELOW:
        detail = f"{cv2.__version__} is imported; the published accuracy was measured below 5"
        fix = "pip install --force-reinstall 'opencv-python-headless>=4.10,<5'"
        yield Check("packages", "cv2", "missing", detail, fix)


def extras() -> Iterator[Check]:
    """What is installed only when asked for."""
    for name, extra in EXTRAS.items():
        absent = [module for module in extra.modules if importlib.util.find_spec(module) is None]
        if absent:
            detail = f"{', '.join(absent)} not installed; needed for {extra.purpose}"
            fix = f"pip install 'posestream[{name}]'"
            yield Check("extras", name, "missing", detail, fix)
        else:
            yield Check("extras", name, "ok", f"ready for {extra.purpose}")


def devices() -> Iterator[Check]:
    """The processor, and whether CUDA works or why not."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    from gpu_ops import open_device
    from gpu_ops.device import DeviceUnavailable

    with open_device("cpu") as cpu:
        yield Check("devices", "cpu", "ok", f"{cpu.description}, {cores} cores usable")
    yield _compiled_decoding()
    try:
        with open_device("cuda") as card:
            yield Check("devices", card.name, "ok", f"{card.description}, {card.precision}")
    except DeviceUnavailable as error:
        detail, _, fix = str(error).partition(": ")
        yield Check("devices", "cuda", "missing", detail, fix)


def _compiled_decoding() -> Check:
    """Whether the CPU decodes with the loops that a compiler made of gpu_ops/native."""
    from gpu_ops.cpu_compiled import compiled_blocks

    if compiled_blocks():
        return Check("devices", "compiled decoding", "ok", "heat is computed only where it is read")
    detail = "no gpu_ops._blocks for this machine: the CPU finds the same people, in more time"
    fix = (
        "install a C compiler, then pip install --force-reinstall --no-deps posestream "
        "(in a checkout: -e .)"
    )
    return Check("devices", "compiled decoding", "missing", detail, fix)


def codecs() -> Iterator[Check]:
    """What the installed FFmpeg reads and writes."""
    import av
    from av.codec.codec import UnknownCodecError

    yield Check("codecs", "FFmpeg", "ok", f"{av.ffmpeg_version_info} in av {av.__version__}")
    for name, direction, purpose in CODECS:
        try:
            av.codec.Codec(name, "w" if direction == "w" else "r")
            yield Check("codecs", name, "ok", purpose)
        except UnknownCodecError:
            needed: Status = "broken" if name in ("libx264", "h264") else "missing"
            fix = "pip install --force-reinstall --only-binary :all: av"
            yield Check("codecs", name, needed, f"not in this FFmpeg; needed for {purpose}", fix)


def cameras() -> Iterator[Check]:
    """The cameras of this machine, and whether they may be opened."""
    from engine.sources.camera import cameras as find_cameras

    found = find_cameras()
    if not found:
        yield Check("cameras", "none", "ok", "no camera; `live` still takes videos and streams")
    for camera in found:
        device = Path(f"/dev/video{camera.source}")
        detail = "; ".join([camera.name, *camera.modes[:3]])
        if device.exists() and not os.access(device, os.R_OK | os.W_OK):
            detail = f"{camera.name}: you may not open {device}"
            fix = "sudo usermod -aG video $USER, then log in again"
            yield Check("cameras", camera.source, "missing", detail, fix)
        else:
            yield Check("cameras", camera.source, "ok", detail)


def screen() -> Iterator[Check]:
    """Whether a window can be shown."""
    if not sys.platform.startswith("linux"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        yield Check("screen", "display", "missing", "none here; `live` has no window to open")
        return
    from ctypes.util import find_library

    if find_library("xcb-cursor") is None:
        detail = "libxcb-cursor is not installed; PyQt6 cannot open a window on X11"
        yield Check("screen", "display", "missing", detail, "sudo apt install libxcb-cursor0")
    else:
        yield Check("screen", "display", "ok", "a window can be opened")


def weights() -> Iterator[Check]:
    """Which checkpoints are on this machine."""
    from engine.errors import WeightsError
    from engine.network.choice import better_weights
    from engine.network.registry import find, registry, standard_folders

    if advice := better_weights():
        yield Check("weights", "advice", "missing", str(advice), advice.command)
    for name, entry in registry().items():
        try:
            path = find(name, standard_folders())
            size = path.stat().st_size / 2**20
            yield Check("weights", name, "ok", f"{path} ({size:.0f} MB)")
        except WeightsError:
            needed: Status = (
                "broken" if entry.url is None and entry.layout == "native" else "missing"
            )
            fix = (
                f"posestream weights fetch {name}" if entry.url else "see `posestream weights list`"
            )
            yield Check("weights", name, needed, "not on this machine", fix)


LOOKS: Final[Sequence[Callable[[], Iterator[Check]]]] = (
    packages,
    extras,
    devices,
    codecs,
    cameras,
    screen,
    weights,
)


def show(checks: Sequence[Check], console: Console) -> None:
    """Print a table, and below it every fix on a line that can be copied."""
    from rich.markup import escape
    from rich.table import Table

    signs = {"ok": "[green]ok[/green]", "missing": "[yellow]--[/yellow]", "broken": "[red]!![/red]"}
    table = Table(box=None, pad_edge=False, show_header=False)
    before = ""
    for check in checks:
        about = "" if check.about == before else f"[bold]{check.about}[/bold]"
        table.add_row(about, signs[check.status], escape(check.name), escape(check.detail))
        before = check.about
    console.print(table)
    for check in checks:
        if check.fix:
            text = f"{signs[check.status]} {check.about} {escape(check.name)}: {escape(check.fix)}"
            console.print(text, highlight=False, soft_wrap=True)


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _requirement(name: str) -> str:
    """The package with the versions that this program was made for."""
    try:
        wanted = requires("posestream") or []
    except PackageNotFoundError:  # run from a checkout that was not installed
        wanted = []
    return next((w for w in wanted if w.startswith(name) and "extra" not in w), name)
