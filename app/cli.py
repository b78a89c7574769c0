"""The commands. A command is imported only when it is run, so `--help` is quick and a missing
extra affects only the command that needs it.
"""

from __future__ import annotations

import importlib
import logging
import sys
import traceback
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from app.extras import extra_of
from engine.errors import PoseError
from engine.sources.addresses import printable

# name -> (module, attribute, what it does); an attribute is a function or a Typer of sub-commands.
COMMANDS = {
    "live": ("app.live.command", "command", "Watch cameras, streams and videos with skeletons."),
    "process": ("app.process.command", "command", "Turn videos into keypoint tracks and overlays."),
    "eval": (
        "app.evaluation.command",
        "command",
        "Measure accuracy on COCO and explain the errors.",
    ),
    "convert": ("app.tracks.convert", "command", "Turn tracks from one format into another."),
    "edit": ("app.tracks.edit", "app", "Merge, split, swap, drop and rename the ids of tracks."),
    "bench": ("app.bench.command", "command", "Measure what each step costs on this machine."),
    "train": ("app.train.command", "command", "Train on keypoints in COCO format."),
    "data": ("app.data", "app", "Fetch and pack data sets."),
    "weights": ("app.weights", "app", "List, fetch, import and verify checkpoints."),
    "export": ("app.export", "command", "Write a checkpoint as an ONNX or OpenVINO file."),
    "doctor": ("app.doctor", "command", "Show what this machine has and what is missing."),
}


BUG = 70  # EX_SOFTWARE of sysexits.h; 2 is what Typer uses for wrong usage


class Commands(TyperGroup):
    """Imports a command when it is run or its help is shown."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command, made by Typer from its function's signature; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        found = getattr(importlib.import_module(module), attribute)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False)
            single.command(name=cmd_name)(found)
            found = single
        return get_command(found)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """From the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, _, text) in COMMANDS.items()])


_app = typer.Typer(
    cls=Commands,
    help="Cameras, streams and videos in; people's skeletons out.",
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        print(version("posestream"))
        raise typer.Exit


@_app.callback()
def _options(
    _: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No warnings; before the command.")
    ] = False,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            help="More messages; -vv: those of libraries too. Before the command.",
        ),
    ] = 0,
) -> None:
    level = logging.ERROR if quiet else logging.WARNING - 10 * min(verbose, 2)
    logging.getLogger().setLevel(level)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit: 0 success, 1 user-fixable error, 2 wrong usage, 70 a bug."""
    logging.basicConfig(level=logging.WARNING, format="posestream: %(message)s")
    try:
        get_command(_app)(args=arguments, prog_name="posestream")
    except PoseError as error:
        print(f"posestream: {printable(str(error))}", file=sys.stderr)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - the last resort: a bug is shown whole
        need = _missing_extra(error)
        if need:
            print(f"posestream: {need}", file=sys.stderr)
            sys.exit(1)
        traceback.print_exc()
        sys.exit(BUG)


def _missing_extra(error: Exception) -> str | None:
    module = error.name or "" if isinstance(error, ModuleNotFoundError) else ""
    extra = extra_of(module)
    return extra and f"this needs {module}: pip install 'posestream[{extra}]'"
