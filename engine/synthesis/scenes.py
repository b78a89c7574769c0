"""A COCO-format folder of renderings: fit poses to labels once, then draw scene after scene.

    python -m engine.synthesis.scenes fit LABELS.tar.gz OUT --images 3000
    python -m engine.synthesis.scenes draw OUT --photos IMAGES --annotations FILE --count 8000

Extra `synth`; never needed at run time. Both may be stopped and started again: `draw` continues
where the annotation file ends. See docs/renderings.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from engine.files import write_whole
from engine.skeleton import COCO
from engine.synthesis.backgrounds import Photographs, painted
from engine.synthesis.bodies import Bodies, bodies
from engine.synthesis.coco_layouts import Layout, layouts
from engine.synthesis.drawing import Painter, PinholeCamera
from engine.synthesis.fitting import Placed, fit_bodies, person_size
from engine.synthesis.renderings import (
    Rendering,
    as_annotated,
    beside,
    jittered,
    obstructed,
    random_build,
    render,
    together,
)

FOCAL = 1.2  # times the picture's longer side: the lens of a phone or a small camera
LEAST_LABELS = 10  # keypoints a person must have to be fitted
LEAST_SIZE = 0.15  # of the picture's longer side
MOST_PEOPLE = 8
BATCH = 256  # people fitted together
GOOD_FIT = 0.05  # mean distance to the labels, person sizes
SAVE_EVERY = 100  # pictures
LONGER_SIDE = (360, 470)  # of a picture, pixels
PHOTOGRAPHED, OBSTRUCTED = 0.8, 0.25  # shares of the pictures
ANNOTATIONS = "person_keypoints_render.json"


@dataclass(frozen=True, slots=True)
class SceneOptions:
    """What pictures to draw."""

    seed: int = 0  # another seed gives other pictures
    zoomed: float = 0.4  # share of pictures that come up to 2.2 times closer to a person
    joined: float = 0.3  # chance that people of another image join, again and again
    close: float = 0.0  # share of those who join that stand right beside another person


def fittable(layout: Layout) -> NDArray[np.float32]:
    """The people (P, 17, 3) of an image that are large and complete enough, largest first."""
    known = layout.keypoints[..., 2] > 0
    extent = person_size(torch.from_numpy(layout.keypoints)).numpy()
    large = extent > LEAST_SIZE * max(layout.width, layout.height)
    enough = (known.sum(1) >= LEAST_LABELS) & large
    order = np.argsort(-extent, kind="stable")
    return layout.keypoints[[i for i in order if enough[i]][:MOST_PEOPLE]]


def fit_layouts(archive: Path, out: Path, images: int, skip: int) -> None:
    """Fit the people of `images` images and write poses-N.npz files into `out`, batch by batch."""
    rng = np.random.default_rng(skip)
    torch.manual_seed(skip)
    model = bodies()
    out.mkdir(parents=True, exist_ok=True)
    for number, batch in enumerate(_batches(islice(layouts(archive), skip, skip + images))):
        started = time.perf_counter()
        sizes = np.asarray([(layout.width, layout.height) for layout, _ in batch], np.float32)
        keypoints = np.stack([person for _, person in batch])
        keypoints[..., :2] -= sizes[:, None] / 2
        builds = np.stack([random_build(rng) for _ in batch])
        placed = fit_bodies(
            model,
            torch.from_numpy(builds),
            torch.from_numpy(keypoints),
            torch.from_numpy(FOCAL * sizes.max(1)),
        )
        np.savez(
            out / f"poses-{skip:06d}-{number:03d}.npz",
            image_id=[layout.image_id for layout, _ in batch],
            size=sizes,
            **{name: getattr(placed, name) for name in Placed.__slots__},
        )
        good = float((placed.error < GOOD_FIT).mean())
        seconds = time.perf_counter() - started
        print(f"batch {number}: {len(batch)} people, {good:.0%} good, {seconds:.1f} s", flush=True)


def _batches(source: Iterator[Layout]) -> Iterator[list[tuple[Layout, NDArray[np.float32]]]]:
    """(image, person) pairs in groups of about BATCH, the people of one image together."""
    batch: list[tuple[Layout, NDArray[np.float32]]] = []
    for layout in source:
        batch += [(layout, person) for person in fittable(layout)]
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class FittedPeople:
    """The fitted people of all batches, grouped by image; new batches are found as they appear."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[Path] = set()
        self.groups: list[tuple[tuple[int, int], Placed]] = []  # (width, height), people

    def group(self, rng: Generator) -> tuple[tuple[int, int], Placed]:
        """The picture size and the people of an image drawn at random."""
        return self.groups[int(rng.integers(len(self.groups)))]

    def refresh(self) -> None:
        """Read the batches written since the last call."""
        for path in sorted(set(self._folder.glob("poses-*.npz")) - self._seen):
            self._seen.add(path)
            with np.load(path) as stored:
                everyone = {name: stored[name] for name in Placed.__slots__}
                ids, sizes = stored["image_id"], stored["size"]
            for image_id in np.unique(ids):
                rows = np.nonzero((ids == image_id) & (everyone["error"] < GOOD_FIT))[0]
                if len(rows):
                    width, height = sizes[rows[0]].astype(int).tolist()
                    people = Placed(*(everyone[name][rows] for name in Placed.__slots__))
                    self.groups.append(((width, height), people))


def draw_scenes(
    out: Path,
    photographs: Photographs,
    count: int,
    until: float,
    scene_options: SceneOptions = SceneOptions(),
) -> None:
    """Draw pictures until there are `count` or the clock (Unix time) says `until`."""
    images = out / "images"
    images.mkdir(parents=True, exist_ok=True)
    content = _content(out)
    poses, model = FittedPeople(out), bodies()
    painter = Painter(model)
    started, first = time.perf_counter(), len(content["images"])
    while len(content["images"]) < count and time.time() < until:
        number = len(content["images"]) + 1
        rng = np.random.default_rng(scene_options.seed * 1_000_000 + number)
        if number % SAVE_EVERY == 1 or not poses.groups:
            poses.refresh()
        rendering = _scene(rng, scene_options, poses, model, painter, photographs)
        _write(images / f"render_{number:06d}.jpg", rendering, rng)
        _note(content, number, rendering)
        if number % SAVE_EVERY == 0:
            _save(out, content)
            each = (time.perf_counter() - started) / (number - first) * 1e3
            print(f"{number} pictures, {each:.0f} ms each", flush=True)
    _save(out, content)
    painter.close()


def _scene(
    rng: Generator,
    scene_options: SceneOptions,
    poses: FittedPeople,
    model: Bodies,
    painter: Painter,
    photographs: Photographs,
) -> Rendering:
    """One picture: people of one image, or of two, before a photograph or a painted place."""
    (width, height), placed = poses.group(rng)
    while len(placed.error) < MOST_PEOPLE and rng.random() < scene_options.joined:
        others = poses.group(rng)[1]
        if scene_options.close and rng.random() < scene_options.close:
            others = beside(rng, placed, others)
        placed = together(placed, others)
    camera = _camera(rng, width, height, placed, scene_options.zoomed)

    def behind() -> NDArray[np.uint8]:
        if rng.random() < PHOTOGRAPHED:
            return photographs.picture(rng, camera.width, camera.height)
        return painted(rng, camera.width, camera.height)

    rendering = render(model, painter, rng, jittered(rng, placed), camera, behind())
    return obstructed(rng, rendering, behind()) if rng.random() < OBSTRUCTED else rendering


def _camera(
    rng: Generator, width: int, height: int, placed: Placed, zoomed: float
) -> PinholeCamera:
    """The camera of the image the people come from, or one closer to one of them."""
    scale = rng.uniform(*LONGER_SIDE) / max(width, height)
    w, h = round(width * scale), round(height * scale)
    focal, centre = FOCAL * max(w, h), np.asarray([w / 2, h / 2])
    if rng.random() < zoomed:
        focal *= np.exp(rng.uniform(0, np.log(2.2)))
        one = placed.place[int(rng.integers(len(placed.place)))]
        aim = centre + rng.normal(0, 0.15, 2) * (w, h)
        centre = aim - one[:2] / one[2] * focal
    return PinholeCamera(w, h, float(focal), (float(centre[0]), float(centre[1])))


def _content(out: Path) -> dict[str, Any]:
    path = out / ANNOTATIONS
    if path.exists():
        content: dict[str, Any] = json.loads(path.read_text())
        return content
    limbs = [[a + 1, b + 1] for a, b in COCO.limbs]
    category = {"id": 1, "name": "person", "supercategory": "person"}
    return {
        "info": {"description": "people rendered by posestream, keypoints exact"},
        "licenses": [],
        "categories": [category | {"keypoints": list(COCO.names), "skeleton": limbs}],
        "images": [],
        "annotations": [],
    }


def _note(content: dict[str, Any], number: int, rendering: Rendering) -> None:
    height, width = rendering.pixels.shape[:2]
    name = f"render_{number:06d}.jpg"
    content["images"].append({"id": number, "file_name": name, "width": width, "height": height})
    for index, exact in enumerate(rendering.keypoints):
        keypoints = as_annotated(exact)
        labelled = int((keypoints[:, 2] > 0).sum())
        if not labelled:
            continue
        rows = [[round(float(x), 2), round(float(y), 2), int(v)] for x, y, v in keypoints]
        content["annotations"].append(
            {
                "id": number * 100 + index,
                "image_id": number,
                "category_id": 1,
                "iscrowd": 0,
                "num_keypoints": labelled,
                "keypoints": [value for row in rows for value in row],
                "bbox": [round(float(value), 2) for value in rendering.boxes[index]],
                "area": round(float(rendering.areas[index]), 1),
            }
        )


def _write(path: Path, rendering: Rendering, rng: Generator) -> None:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(70, 96))]
    if not cv2.imwrite(str(path), rendering.pixels[..., ::-1], quality):
        raise OSError(f"cannot write {path}")


def _save(out: Path, content: dict[str, Any]) -> None:
    """Replace the annotation file in one step, so that a reader never sees half of it."""
    write_whole(out / ANNOTATIONS, json.dumps(content, separators=(",", ":")).encode())


def main(arguments: Sequence[str] | None = None) -> None:
    """Fit poses or draw scenes."""
    parser = argparse.ArgumentParser(prog="engine.synthesis.scenes", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    fitting = commands.add_parser("fit")
    fitting.add_argument("labels", type=Path)
    fitting.add_argument("out", type=Path)
    fitting.add_argument("--images", type=int, default=3000)
    fitting.add_argument("--skip", type=int, default=0)
    drawing = commands.add_parser("draw")
    drawing.add_argument("out", type=Path)
    drawing.add_argument("--photos", type=Path, required=True)
    drawing.add_argument("--annotations", type=Path, required=True)
    drawing.add_argument("--count", type=int, default=8000)
    drawing.add_argument("--seed", type=int, default=0, help="another seed, other pictures")
    drawing.add_argument("--zoomed", type=float, default=0.4, help="share of closer pictures")
    drawing.add_argument("--joined", type=float, default=0.3, help="chance of more people")
    drawing.add_argument("--close", type=float, default=0.0, help="share of them close to others")
    drawing.add_argument("--minutes", type=float, default=1e6, help="stop after this time")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)  # a batch is small: threads would wait for each other
    if options.command == "fit":
        fit_layouts(options.labels, options.out, options.images, options.skip)
    else:
        photographs = Photographs(options.photos, options.annotations)
        until = time.time() + options.minutes * 60
        scene_options = SceneOptions(options.seed, options.zoomed, options.joined, options.close)
        draw_scenes(options.out, photographs, options.count, until, scene_options)


if __name__ == "__main__":
    main()
