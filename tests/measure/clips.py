"""What the model makes of two real clips, through `process` with its defaults.

    python -m tests.measure.clips [class] [empty] [WEIGHTS] [SECTION.KEY=VALUE ...] [-o FOLDER]

`class`: in which share of an exercise class's frames at least four people have at least twelve
joints each. Whether they lie on the bodies only a look can tell: ten frames spread over the clip
are written as one picture with everyone drawn. `empty`: in which share of the frames that show an
empty room somebody is seen, and how often where somebody is there. Needs ../shared. A second call
with the same folder, weights and settings goes on where the first stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.overlay.drawing import draw
from app.process.batch import process_files
from app.tracks.ndjson import read
from engine.cores import share_the_cores
from engine.settings import Settings, load_settings
from engine.skeleton import COCO
from engine.sources import open_source
from engine.types import JointState, Poses

VIDEO = Path(__file__).parents[3] / "shared" / "video"
CLASS = VIDEO / "terryky_pexels_posenet.mp4"
ROOM = VIDEO / "intel_one-by-one-person-detection.mp4"
LEAST_PEOPLE, LEAST_JOINTS = 4, 12
PICTURES, COLUMNS, WIDTH = 10, 2, 960  # of the contact sheet; pixels of one picture
# First and last frame of each stretch without anybody, shadows on the floor left aside: told from
# the difference to an empty frame, checked by looking at their ends.
EMPTY = ((0, 59), (203, 226), (453, 501), (701, 743), (874, 920), (1205, 1233), (1366, 1393))


def joints(poses: Poses, least_score: float, *, refined: bool = True) -> NDArray[np.int64]:
    """How many joints of each person (P,) reach a score; `refined` counts those added later too."""
    there = poses.state != JointState.ABSENT
    if not refined:
        there = poses.state == JointState.DETECTED
    return np.asarray((there & (poses.joint_score >= least_score)).sum(1), np.int64)


def processed(clip: Path, out: Path, settings: Settings) -> list[Poses]:
    """The people of every frame of a clip."""
    summary = process_files([str(clip)], out, settings)
    assert summary.exit_code == 0, summary
    return [result.poses for result in read(out / f"{clip.stem}.ndjson")[1]]


def exercise_class(out: Path, settings: Settings) -> None:
    """Print how completely the class is found; write the contact sheet."""
    frames = processed(CLASS, out, settings)
    drawn = settings.display.min_joint_score
    for what, least, refined in (
        ("in all", 0.0, True),
        (f"drawn (score {drawn} or more)", drawn, True),
        ("detected, not refined", 0.0, False),
    ):
        enough = [joints(poses, least, refined=refined) >= LEAST_JOINTS for poses in frames]
        whole = np.array([one.sum() for one in enough])
        print(
            f"class: {(whole >= LEAST_PEOPLE).mean():.1%} of {len(frames)} frames have "
            f"{LEAST_PEOPLE} people with {LEAST_JOINTS} joints {what}; {whole.mean():.2f} per frame"
        )
    everyone = np.array([len(poses) for poses in frames])
    ids = {int(number) for poses in frames for number in poses.ids} - {-1}
    print(f"class: {everyone.mean():.2f} people per frame, {len(ids)} ids")
    sheet = out / "class.png"
    cv2.imwrite(str(sheet), contact_sheet(CLASS, frames, settings)[..., ::-1])
    print(f"class: look at {sheet}")


def contact_sheet(clip: Path, frames: list[Poses], settings: Settings) -> NDArray[np.uint8]:
    """Spread frames of a clip with everyone drawn, as one RGB picture."""
    chosen = set(np.linspace(0, len(frames) - 1, PICTURES).astype(int).tolist())
    pictures = []
    source = open_source(str(clip))
    for frame in source.frames():
        if frame.index in chosen:
            picture = draw(frame.pixels, frames[frame.index], COCO, settings.display)
            height = round(WIDTH * picture.shape[0] / picture.shape[1])
            pictures.append(cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA))
    source.close()
    rows = [np.hstack(pictures[i : i + COLUMNS]) for i in range(0, PICTURES, COLUMNS)]
    return np.asarray(np.vstack(rows), np.uint8)


def empty_room(out: Path, settings: Settings) -> None:
    """Print how often somebody is seen where nobody is, and how often where somebody is."""
    frames = processed(ROOM, out, settings)
    seen = np.array([len(poses) > 0 for poses in frames])
    empty = np.zeros(len(frames), bool)
    for first, last in EMPTY:
        empty[first : last + 1] = True
        print(f"room: frames {first}-{last}: somebody in {seen[first : last + 1].sum()}")
    print(f"room: somebody in {seen[empty].mean():.1%} of the {empty.sum()} empty frames")
    print(f"room: somebody in {seen[~empty].mean():.1%} of the {(~empty).sum()} others")


def main() -> None:
    """Measure what is asked for, or both."""
    parser = argparse.ArgumentParser(prog="tests.measure.clips", description=__doc__)
    parser.add_argument("words", nargs="*", help="class, empty, weights, settings")
    parser.add_argument("-o", "--out", type=Path, default=Path("out/clips"))
    options = parser.parse_args()
    changes = [word for word in options.words if "=" in word]
    kinds = [word for word in options.words if word in ("class", "empty")]
    weights = [word for word in options.words if word not in (*changes, *kinds)]
    share_the_cores()
    settings = load_settings(
        changes=(
            "output.overlay=false",
            'output.formats=["ndjson"]',
            *(f'engine.weights="{name}"' for name in weights),
            *changes,
        )
    )
    if "class" in kinds or not kinds:
        exercise_class(options.out, settings)
    if "empty" in kinds or not kinds:
        empty_room(options.out, settings)


if __name__ == "__main__":
    main()
