"""Mode: videos and images in; keypoint tracks and overlays out, written as they come."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from app.user_settings import (
    Cluster,
    Device,
    InputSize,
    Network,
    Precision,
    Profile,
    Set,
    SettingsFile,
    Weights,
    changes,
    cluster_address,
    load_user_settings,
)
from engine.settings import OutputSettings
from engine.sources.excerpt import Part

STANDARD_OUTPUT = "-"


def command(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Videos, images, folders, patterns such as 'clips/*.mp4', or - for standard input."
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out", "-o", help="Folder or s3:// address for the results, or - for NDJSON lines."
        ),
    ] = "out",
    start: Annotated[float | None, typer.Option(help="Leave out what is before, seconds.")] = None,
    end: Annotated[float | None, typer.Option(help="Leave out what is after, seconds.")] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
    weights: Weights = None,
    network: Network = None,
    input_size: InputSize = None,
    device: Device = None,
    precision: Precision = None,
    profile: Profile = None,
    overlay: Annotated[
        bool | None,
        typer.Option(
            "--overlay/--no-overlay", help="Videos with the skeletons drawn; default: yes."
        ),
    ] = None,
    formats: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="Formats of the tracks, with commas; default: ndjson,csv. See docs/formats.md.",
        ),
    ] = None,
    angles: Annotated[
        bool, typer.Option("--angles", help="Write joint angles, degrees, as CSV and .mot.")
    ] = False,
    save_frames: Annotated[
        bool, typer.Option("--save-frames", help="Write the pictures that COCO and YOLO refer to.")
    ] = False,
    relink: Annotated[
        bool, typer.Option("--relink", help="Rejoin pieces of tracks after the last frame.")
    ] = False,
    fill_gaps: Annotated[
        float | None, typer.Option(help="Fill gaps of tracks up to so many seconds; default: none.")
    ] = None,
    zero_phase: Annotated[
        bool, typer.Option("--zero-phase", help="Smooth both ways in time, without lag.")
    ] = False,
    report: Annotated[
        bool, typer.Option("--report", help="Write an HTML page about each video's tracks.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Do everything anew, and replace files in the way.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=1, max=256, help="Inputs at once, each in a process, on the CPU.")
    ] = 1,
    cluster: Cluster = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print how --cluster would divide the inputs.")
    ] = False,
    settings_file: SettingsFile = None,
    set_: Set = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON to standard output.")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print errors only, no progress.")
    ] = False,
) -> None:
    """Turn videos and images into keypoint tracks and overlays."""
    from rich.console import Console

    chosen = {
        "engine.weights": weights,
        "engine.network": network,
        "engine.input_size": input_size,
        "engine.device": device,
        "engine.precision": precision,
        "engine.profile": profile,
        "output.overlay": overlay,
        "output.formats": formats_of(formats, angles=angles, save_frames=save_frames),
        "output.report": report or None,
        "offline.relink": relink or None,
        "offline.fill_gaps": fill_gaps,
        "offline.zero_phase": zero_phase or None,
    }
    settings = load_user_settings(settings_file, changes(set_, chosen))
    part = Part(start, end, frames)
    console = Console(stderr=True)
    if dry_run:
        from app.cluster.plan import print_plan

        raise typer.Exit(min(1, print_plan(inputs, settings, part)))
    lines = out == STANDARD_OUTPUT
    address = cluster_address(cluster, {"--workers": workers > 1, "-o -": lines})
    if lines:
        from app.process.to_lines import process_to_lines

        summary = process_to_lines(inputs, settings, part=part, console=console, quiet=quiet)
    elif address is not None:
        from app.cluster.process import process_on_cluster

        summary = process_on_cluster(
            inputs,
            out,
            settings,
            address=address,
            part=part,
            force=force,
            console=console,
            quiet=quiet,
        )
    else:
        from app.process.batch import process_files

        summary = process_files(
            inputs,
            out,
            settings,
            part=part,
            force=force,
            workers=workers,
            console=console,
            quiet=quiet,
        )
    if as_json and not lines:
        print(json.dumps(summary.plain(), ensure_ascii=False))
    raise typer.Exit(summary.exit_code)


def formats_of(text: str | None, *, angles: bool, save_frames: bool) -> list[str] | None:
    """The formats of --format and of the options that add some; None: none of them was given."""
    more = [*(["angles", "angles-mot"] if angles else []), *(["frames"] if save_frames else [])]
    if text is None and not more:
        return None
    names = text.split(",") if text is not None else OutputSettings().formats
    return list(dict.fromkeys([*(name.strip() for name in names), *more]))
