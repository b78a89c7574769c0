"""Settings of a command: its options, --set, environment variables and the user's own file.

From the weakest to the strongest: defaults, the user's file (or the one of --settings, which takes
its place), POSESTREAM_ variables, options and --set. `eval`, `train` and `bench` measure, so they
do not read the user's file or variables.

An option that several commands take is an alias here: one name, one text, one meaning.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from engine.errors import SettingsError
from engine.settings import Settings, load_settings

PREFIX = "POSESTREAM_"
RAY_ADDRESS = "RAY_ADDRESS"  # Ray's own variable; Ray sets it for what runs as a Ray job

_WEIGHTS = "A name from `weights list`, or a file"

Weights = Annotated[str | None, typer.Option(help=f"{_WEIGHTS}; default: auto.")]
NameOrFile = Annotated[str, typer.Argument(help=f"{_WEIGHTS}.")]
Network = Annotated[
    str | None, typer.Option(help="w32, w48, compact or shallow; default: the checkpoint's own.")
]
InputSize = Annotated[
    int | None, typer.Option(help="Short side in pixels; default: the checkpoint's own.")
]
Device = Annotated[
    str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps or xpu; default: auto.")
]
Precision = Annotated[
    str | None, typer.Option(help="auto, fp32, fp16, bf16 or int8; default: auto.")
]
Profile = Annotated[str | None, typer.Option(help="fast, balanced or accurate; default: balanced.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="A TOML file; see assets/settings.toml.")
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|local",
        help="Divide the work among the machines of a Ray cluster; default: RAY_ADDRESS, if set.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SECTION.KEY=VALUE", help="Change any other setting."),
]


def user_file() -> Path:
    """Where the user's settings file is looked for; it need not be there."""
    from platformdirs import user_config_path

    return user_config_path("posestream") / "settings.toml"


def load_user_settings(file: Path | None, changes: tuple[str, ...]) -> Settings:
    """All settings of a command.

    Args:
        file: of --settings; None: the user's own, if there is one.
        changes: options and --set, as section.key=value.

    Raises:
        SettingsError: a file cannot be read, a name is unknown or a value is out of range.
    """
    own = user_file()
    chosen = file or (own if own.is_file() else None)
    return load_settings(chosen, (*from_environment(os.environ), *changes))


def from_environment(variables: Mapping[str, str]) -> tuple[str, ...]:
    """POSESTREAM_ENGINE_DEVICE=cpu as engine.device=cpu; variables of no section are not ours.

    Raises:
        SettingsError: a section has no such setting.
    """
    found = []
    for name, value in sorted(variables.items()):
        section, _, key = name.removeprefix(PREFIX).lower().partition("_")
        if name.startswith(PREFIX) and section in Settings.model_fields and key:
            known = type(getattr(Settings(), section)).model_fields
            if key not in known:
                raise SettingsError(
                    f"{name} is no setting; {section} has {', '.join(known)}, "
                    f"such as {PREFIX}{section.upper()}_{next(iter(known)).upper()}"
                )
            found.append(f"{section}.{key}={value}")
    return tuple(found)


def changes(set_: Iterable[str] | None, options: Mapping[str, object]) -> tuple[str, ...]:
    """What `load_settings` takes: the values of --set first, then the options that were given.

    Args:
        set_: as typed, section.key=value.
        options: section.key -> value; None: not given.
    """
    given = (
        f"{key}={json.dumps(value, ensure_ascii=False)}"
        for key, value in options.items()
        if value is not None
    )
    return (*(set_ or ()), *given)


def cluster_address(option: str | None, here: Mapping[str, bool]) -> str | None:
    """The cluster that a command works on; None: this machine.

    An option wins over RAY_ADDRESS, also one that keeps the work on this machine.

    Args:
        option: the value of --cluster.
        here: options that keep the work on this machine -> whether they were given.

    Raises:
        SettingsError: --cluster and such an option.
    """
    staying = [name for name, given in here.items() if given]
    if option is not None and staying:
        raise SettingsError(f"{staying[0]} is for one machine: leave it out, or --cluster")
    return None if staying else option or os.environ.get(RAY_ADDRESS) or None
