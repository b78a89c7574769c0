"""The images of an annotation file as a source, in an order that fills batches.

Images of one input shape follow each other. A picture that cannot be read, or is not the one that
was annotated, stops the measurement: accuracy on only the readable pictures would be meaningless.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.coco.ground_truth import ImageEntry
from engine.errors import DataError, SourceError
from engine.geometry import Fit
from engine.sources.pictures import NotAPicture, decode_picture
from engine.sources.source import SourceInfo
from engine.types import Frame

log = logging.getLogger(__name__)

MANY = 5  # file names shown before the rest is only counted


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One annotated image and its file."""

    entry: ImageEntry
    path: Path

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels; `find_images` sees to it that it is known."""
        assert self.entry.size is not None
        return self.entry.size


def find_images(entries: Sequence[ImageEntry], folder: Path) -> tuple[list[CocoImage], list[str]]:
    """Look for the annotated images in a folder.

    Returns:
        the images that are there, and the file names of those that are not.

    Raises:
        DataError: there is no such folder, or none of the images is in it.
    """
    if not folder.is_dir():
        raise DataError(f"there is no image folder {folder}; give it with --images")
    images = [CocoImage(entry, folder / entry.file) for entry in entries]
    missing = [image.entry.file for image in images if not image.path.is_file()]
    found = [_sized(image) for image in images if image.path.is_file()]
    if not found:
        raise DataError(
            f"none of the {len(images)} annotated images is in {folder} (for example "
            f"{missing[0]}); give the folder that holds them with --images"
        )
    return found, missing


def named(files: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(files) - MANY} more" if len(files) > MANY else ""
    return ", ".join(files[:MANY]) + more


def by_input_shape(
    images: Sequence[CocoImage], fit: Callable[[tuple[int, int]], Fit]
) -> list[CocoImage]:
    """Sorted by network input shape, then by id, so that batches are full."""
    return sorted(images, key=lambda image: (fit(image.size).size, image.entry.id))


def _sized(image: CocoImage) -> CocoImage:
    """The same with a size: the picture's own, where the annotations give none."""
    if image.entry.size is not None:
        return image
    try:
        height, width = read_annotated(image).shape[:2]
    except SourceError:  # measuring reads it again and reports it
        height = width = 1
    return replace(image, entry=replace(image.entry, size=(width, height)))


class CocoImages:
    """Annotated images; `Frame.index` is the position in `images`."""

    def __init__(
        self,
        images: Sequence[CocoImage],
        positions: Sequence[int],
        *,
        skip_unreadable: bool,
        batch: int = 1,
        explain: Callable[[Exception, str], str] = lambda error, file: str(error),
    ) -> None:
        """Prepare to read.

        Args:
            images: all images, in order.
            positions: those to be read.
            skip_unreadable: do without a picture that cannot be read, and list it in `skipped`.
            batch: pictures per network call.
            explain: makes one line of an error and the file it is about.
        """
        self.name = "COCO images"
        self.images = images
        self.positions = positions
        self.skipped: list[str] = []  # file names
        self._skip, self._batch, self._explain = skip_unreadable, batch, explain
        self.info = SourceInfo(kind="images", size=images[0].size, rate=1.0, frames=len(positions))

    def frames(self) -> Iterator[Frame]:
        """Yield every picture that can be read.

        The batch of one that cannot be read is left out whole, so that the others are composed as
        they would have been.

        Raises:
            DataError: after the last one, when some cannot be read or are not those annotated.
        """
        failures: list[str] = []
        for start in range(0, len(self.positions), self._batch):
            before = len(failures)
            frames = list(self._read(self.positions[start : start + self._batch], failures))
            if len(failures) == before:
                yield from frames
        if failures:
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            raise DataError(f"{failures[0]}{more}; the other images are done")

    def _read(self, positions: Sequence[int], failures: list[str]) -> Iterator[Frame]:
        for position in positions:
            image = self.images[position]
            try:
                pixels = read_annotated(image)
            except Exception as error:  # noqa: BLE001 - of this picture; the others continue
                text = self._explain(error, str(image.path))
                if self._skip and isinstance(error, SourceError):
                    log.warning("%s; continuing without it", text)
                    self.skipped.append(image.entry.file)
                else:
                    failures.append(text)
                continue
            yield Frame(pixels, position, float(position), time.perf_counter(), self.name)

    def close(self) -> None:
        """Nothing to release: no file stays open between two pictures."""


def read_annotated(image: CocoImage) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned as the EXIF tag says, as the reference reads it.

    Raises:
        SourceError: it cannot be read, or its end is missing.
        DataError: it is another picture than was annotated.
    """
    try:
        coded = image.path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read image {image.path}: {error.strerror}") from error
    if _is_cut_off(coded):
        raise SourceError(f"{image.path} is not an image, or a damaged one")
    try:
        picture = decode_picture(coded)
    except NotAPicture as error:
        raise SourceError(f"{image.path} {error}") from error
    h, w = picture.shape[:2]
    wanted = image.entry.size or (w, h)
    if {w, h} != set(wanted):
        raise DataError(
            f"{image.path} has {w}x{h} pixels, but the annotations are for "
            f"{wanted[0]}x{wanted[1]}: it is another image, or was resized"
        )
    if (w, h) != wanted:
        log.warning("%s lies on its side: its EXIF tag and its annotations disagree", image.path)
    return picture


def _is_cut_off(coded: bytes) -> bool:
    """Whether a JPEG ends before its end mark; the decoder would fill the rest with grey."""
    start_of_scan, end_of_image = b"\xff\xda", b"\xff\xd9"
    is_jpeg = coded.startswith(b"\xff\xd8")
    return is_jpeg and coded.rfind(end_of_image) < coded.rfind(start_of_scan)
