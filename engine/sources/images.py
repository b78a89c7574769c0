"""Pictures as a source: one file, a folder or a pattern, in natural order (2 before 10)."""

from __future__ import annotations

import glob
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.errors import SourceError
from engine.sources.source import SourceInfo
from engine.types import Frame

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})
RATE = 25.0  # pictures per second, where nobody says otherwise


class ImageSource:
    """Pictures shown at a fixed rate. They may differ in size."""

    def __init__(self, files: Sequence[Path], name: str, rate: float = RATE) -> None:
        """Read the first picture, so that its size is known.

        Args:
            files: in the order of showing.
            rate: pictures per second; picture i has the time i / rate.

        Raises:
            SourceError: there are none, or the first cannot be read.
        """
        if not files:
            raise SourceError(f"there are no images in {name}")
        self.name = name
        self.files = tuple(files)
        height, width = _read(self.files[0]).shape[:2]
        self.info = SourceInfo(
            kind="images",
            size=(width, height),
            rate=rate,
            frames=len(files),
            duration=len(files) / rate,
            codec=self.files[0].suffix.lstrip(".").lower(),
            time_base=1 / Fraction(rate).limit_denominator(1001),
        )
        self._rate = rate

    def frames(self) -> Iterator[Frame]:
        """Yield every picture that can be read; the index of one that cannot is left out.

        Raises:
            SourceError: after the last picture, when some could not be read.
        """
        failures: list[str] = []
        for index, file in enumerate(self.files):
            try:
                pixels = _read(file)
            except SourceError as error:
                failures.append(str(error))
                continue
            yield Frame(pixels, index, index / self._rate, time.perf_counter(), self.name)
        if failures:
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            raise SourceError(f"{failures[0]}{more}; the other images are done")

    def close(self) -> None:
        """Nothing is held open between two pictures."""


def image_files(text: str) -> list[Path]:
    """The images a file name, a folder or a pattern stands for, in natural order."""
    path = Path(text)
    if path.is_dir():
        found: list[Path] = list(path.iterdir())
    elif path.exists():
        found = [path]
    else:
        found = matching(text)
    return natural(p for p in found if p.suffix.lower() in SUFFIXES and p.is_file())


def matching(pattern: str) -> list[Path]:
    """The files and folders a pattern such as `clips/**/*.mp4` stands for, in natural order."""
    # Path.glob refuses absolute patterns.
    return natural([Path(m) for m in glob.glob(pattern, recursive=True)])  # noqa: PTH207


def natural(paths: Iterable[Path]) -> list[Path]:
    """Sorted with numbers by value: frame2 before frame10."""
    return sorted(paths, key=lambda path: [_part(t) for t in re.split(r"(\d+)", str(path))])


def _part(text: str) -> tuple[bool, int, str]:
    return (False, int(text), text) if text.isdecimal() else (True, 0, text.lower())


def _read(file: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned as the camera's EXIF tag says, 16 bits reduced to 8."""
    try:
        coded = np.fromfile(file, np.uint8)  # not cv2.imread: it cannot open every name on Windows
    except OSError as error:
        raise SourceError(f"cannot read image {file}: {error.strerror}") from error
    picture = cv2.imdecode(coded, cv2.IMREAD_COLOR) if coded.size else None
    if picture is None:
        raise SourceError(f"{file} is not an image, or a damaged one")
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8)
