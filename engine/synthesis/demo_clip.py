"""Make the demo clip and its ground truth: `python -m engine.synthesis.demo_clip OUT_FOLDER`.

Three shots with people of different build, skin and clothes who walk, wave, sit down, talk and
cross; bodies, clothes and places are all made by the project. Needs the extra `synth`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from engine.skeleton import COCO
from engine.synthesis.bodies import Bodies, bodies
from engine.synthesis.drawing import Light, Painter, Person, PinholeCamera
from engine.synthesis.motions import (
    Motion,
    Track,
    bend_down,
    blend,
    cheer,
    sit,
    smooth,
    steps,
    talk,
    walk,
    wave,
)
from engine.synthesis.places import LIVING_ROOM, PARK, YARD, Place, Viewpoint, shaded
from engine.synthesis.renderings import boxes_seen, keypoints_seen
from engine.synthesis.wardrobe import HAIRS, SKINS, Look, random_look

WIDTH, HEIGHT, FPS = 640, 360, 25
FOCAL = 620.0
LEAST_AREA = 150.0  # pixels of a person that must show for the truth to list them


@dataclass(frozen=True, slots=True)
class Actor:
    """One person of a shot."""

    build: tuple[float, float, float, float, float, float]  # BUILD_NAMES
    look: Look
    motion: Motion
    heading_deg: float
    start: tuple[float, float]  # x, y on the floor, m


@dataclass(frozen=True, slots=True)
class Shot:
    """A place, a light, a camera and who is there."""

    frames: int
    place: Place
    view: Viewpoint
    light: Light
    actors: tuple[Actor, ...]


def _look(seed: int, skin: int, **changes: Any) -> Look:
    drawn = random_look(np.random.default_rng(seed))
    return replace(drawn, skin=SKINS[skin], **changes)


def _wave_then_walk(time: Track) -> NDArray[np.float32]:
    share = smooth(time, 1.2, 1.7)
    return blend(wave(time), walk(time - 1.2, energy=0.9), share)


def _light(sun: tuple[float, float, float], warm: float, sky: float) -> Light:
    x, y, z = (np.asarray(sun) / np.linalg.norm(sun)).tolist()
    return Light(
        (x, y, z), (0.75 + warm, 0.75, 0.75 - warm), (sky, sky, sky + 0.03), (0.6 * sky,) * 3
    )


def _view(height: float, pitch_deg: float) -> Viewpoint:
    return Viewpoint(
        PinholeCamera(WIDTH, HEIGHT, FOCAL, (WIDTH / 2, HEIGHT / 2)), height, pitch_deg
    )


def shots() -> tuple[Shot, ...]:
    """The script of the clip."""
    room = Shot(
        frames=75,
        place=LIVING_ROOM,
        view=_view(1.35, 5.0),
        light=_light((-0.5, -0.8, -0.6), 0.04, 0.5),
        actors=(
            Actor((0.9, 0.62, 0.6, 0.5, 0.6, 0.5), _look(3, 1, sleeve=0.35, leg=0.96),
                  lambda t: walk(t, period=1.06), 90.0, (-2.05, 4.6)),
            Actor((0.1, 0.66, 0.5, 0.45, 0.5, 0.6), _look(8, 6, hair=HAIRS[0], leg=0.96),
                  lambda t: walk(t, period=1.12, start=0.3), -86.0, (1.95, 5.6)),
            Actor((0.6, 0.72, 0.4, 0.75, 0.4, 0.5), _look(11, 3, leg=0.5),
                  lambda t: wave(t), 8.0, (0.15, 6.6)),
        ),
    )  # fmt: skip
    park = Shot(
        frames=65,
        place=PARK,
        view=_view(1.5, 6.0),
        light=_light((0.6, -0.9, -0.4), 0.08, 0.55),
        actors=(
            Actor((0.2, 0.6, 0.5, 0.4, 0.55, 0.7), _look(21, 7, leg=0.96),
                  lambda t: sit(t, begin=0.5), -12.0, (1.4, 5.45)),
            Actor((0.95, 0.78, 0.5, 0.8, 0.6, 0.4), _look(25, 0, sleeve=0.95, leg=0.5),
                  _wave_then_walk, 60.0, (-1.6, 5.3)),
            Actor((0.15, 0.64, 0.6, 0.35, 0.5, 0.5), _look(27, 4, leg=0.35),
                  lambda t: walk(t, period=1.0, energy=1.1), -105.0, (1.0, 4.7)),
        ),
    )  # fmt: skip
    yard = Shot(
        frames=60,
        place=YARD,
        view=_view(1.7, 8.0),
        light=_light((0.2, -1.0, -0.7), 0.02, 0.5),
        actors=(
            Actor((0.85, 0.6, 0.9, 0.5, 0.7, 0.5), _look(31, 2, leg=0.5),
                  lambda t: cheer(t), -10.0, (-1.75, 5.9)),
            Actor((0.1, 0.36, 0.5, 0.5, 0.5, 0.5), _look(35, 5, leg=0.96),
                  lambda t: talk(t), 35.0, (0.55, 6.2)),
            Actor((0.9, 0.95, 0.4, 0.55, 0.5, 0.5), _look(37, 1, leg=0.96),
                  lambda t: bend_down(t, begin=0.1), -40.0, (1.8, 5.6)),
            Actor((0.3, 0.63, 0.5, 0.45, 0.5, 0.6), _look(39, 7, sleeve=0.35),
                  lambda t: walk(t, period=1.08, start=0.2), 84.0, (-1.9, 4.9)),
        ),
    )  # fmt: skip
    return room, park, yard


def film(model: Bodies, painter: Painter) -> Iterator[tuple[NDArray[np.uint8], list[Any]]]:
    """Each frame (HEIGHT, WIDTH, 3) uint8 RGB with the people to be seen in it."""
    grain = np.random.default_rng(0)
    first_id = 1
    for shot in shots():
        time = np.arange(shot.frames) / FPS
        moving = [
            steps(model, np.asarray(a.build, np.float32), a.motion(time), a.heading_deg, a.start)
            for a in shot.actors
        ]
        empty = shot.place.picture(shot.view)
        for frame in range(shot.frames):
            people = [
                Person(shot.view.seen(meshes[frame]), actor.look)
                for (meshes, _), actor in zip(moving, shot.actors, strict=True)
            ]
            drawing = painter.draw(people, shot.view.camera, shot.light)
            feet = [tuple(points[frame, 11:17, :2].mean(0).tolist()) for _, points in moving]
            behind = shaded(empty, shot.view, feet)
            pixels = drawing.colour + (1 - drawing.coverage[..., None]) * behind
            pixels = cv2.GaussianBlur(pixels, (0, 0), 0.5) + grain.normal(0, 0.006, pixels.shape)
            seen = [
                keypoints_seen(drawing, shot.view.camera, shot.view.seen(points[frame]), i)
                for i, (_, points) in enumerate(moving)
            ]
            boxes, areas = boxes_seen(drawing, len(people))
            truth = [
                {
                    "id": first_id + i,
                    "box": [round(float(value), 1) for value in boxes[i]],
                    "keypoints": [
                        [round(float(x), 1), round(float(y), 1), int(v)] for x, y, v in k
                    ],
                }
                for i, k in enumerate(seen)
                if areas[i] >= LEAST_AREA
            ]
            yield (np.clip(pixels, 0, 1) * 255).astype(np.uint8), truth
        first_id += len(shot.actors)


def make(out: Path, stills: Path | None = None) -> None:
    """Write people.mp4 and people.json into `out`; every tenth frame as PNG into `stills`."""
    import av  # the rest of the training code must import without it

    out.mkdir(parents=True, exist_ok=True)
    model = bodies()
    painter = Painter(model)
    frames: list[dict[str, Any]] = []
    with av.open(str(out / "people.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"crf": "21", "preset": "slow"}
        stream.codec_context.time_base = Fraction(1, FPS)
        for index, (pixels, people) in enumerate(film(model, painter)):
            picture = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            picture.pts = index
            container.mux(stream.encode(picture))
            frames.append({"index": index, "time": index / FPS, "people": people})
            if stills is not None and index % 10 == 0:
                cv2.imwrite(str(stills / f"{index:03d}.png"), pixels[..., ::-1])
        container.mux(stream.encode(None))
    painter.close()
    (out / "people.json").write_text(_written(frames))


def _written(frames: list[dict[str, Any]]) -> str:
    """The truth as JSON, one frame a line."""
    head = {
        "description": "Ground truth of people.mp4, rendered by posestream. A keypoint is x, y in "
        "pixels (the first pixel's centre is 0.5, 0.5) and 2 visible, 1 hidden, 0 outside.",
        "width": WIDTH,
        "height": HEIGHT,
        "fps": FPS,
        "names": list(COCO.names),
    }
    lines = ",\n".join(json.dumps(frame, separators=(",", ":")) for frame in frames)
    return json.dumps(head, indent=1)[:-2] + ',\n "frames": [\n' + lines + "\n]}\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the clip."""
    parser = argparse.ArgumentParser(prog="engine.synthesis.demo_clip", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--stills", type=Path, help="also write every tenth frame here, as PNG")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    make(options.out, options.stills)


if __name__ == "__main__":
    main()
