"""Pictures as a source: one file, a folder or a pattern, in natural order (2 before 10)."""

from __future__ import annotations

import glob
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import SourceError
from engine.sources.addresses import shown
from engine.sources.pictures import NotAPicture, decode_picture
from engine.sources.source import SourceInfo
from engine.types import Frame

SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".png", ".bmp", ".dib", ".tif", ".tiff"),
        *(".webp", ".ppm", ".pgm", ".pbm", ".pnm"),
    }
)
RATE = 25.0  # pictures per second, unless another rate is given


class ImageSource:
    """Pictures shown at a fixed rate. They may differ in size."""

    def __init__(
        self, files: Sequence[Path], name: str, rate: float = RATE, *, hidden: int = 0
    ) -> None:
        """Read the first picture that can be read, so that its size is known.

        Args:
            files: in the order of showing.
            rate: pictures per second; picture i has the time i / rate.
            hidden: files that were passed over, for a note.

        Raises:
            SourceError: there are none, or none can be read.
        """
        if not files:
            raise SourceError(f"there are no images in {name}")
        self.name = name
        self.files = tuple(files)
        self.notes = [hidden_note(hidden)] if hidden else []
        height, width = self._first().shape[:2]
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
        self._names = _names(self.files)

    def _first(self) -> NDArray[np.uint8]:
        failure: SourceError | None = None
        for file in self.files:
            try:
                return _read(file)
            except SourceError as error:
                failure = failure or error
        more = f", and so are the other {len(self.files) - 1}" if len(self.files) > 1 else ""
        raise SourceError(f"{failure}{more}") from failure

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
            yield Frame(
                pixels,
                index,
                index / self._rate,
                time.perf_counter(),
                self.name,
                file_name=self._names[index],
            )
        if failures:
            more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
            raise SourceError(f"{failures[0]}{more}; the other images are done")

    def close(self) -> None:
        """Nothing to release: no file stays open between two pictures."""


def image_files(text: str) -> list[Path]:
    """The images a file name, a folder or a pattern stands for, in natural order.

    Hidden files of a folder are left out, and with them the ._NAME that Macs write beside NAME.
    """
    path = Path(text)
    if path.is_dir():
        found = visible(path)
    elif path.exists():
        found = [path]
    else:
        found = matching(text)
    return natural(p for p in found if p.suffix.lower() in SUFFIXES and p.is_file())


def visible(folder: Path) -> list[Path]:
    """What a folder holds, without hidden files."""
    return [path for path in folder.iterdir() if not path.name.startswith(".")]


def hidden_files(text: str, suffixes: Collection[str] = SUFFIXES) -> int:
    """How many hidden files of these kinds a folder holds."""
    path = Path(text)
    if not path.is_dir():
        return 0
    hidden = (p for p in path.iterdir() if p.name.startswith("."))
    return sum(p.suffix.lower() in suffixes and p.is_file() for p in hidden)


def hidden_note(count: int) -> str:
    """The sentence about files that were passed over."""
    return "1 hidden file skipped" if count == 1 else f"{count} hidden files skipped"


def matching(pattern: str) -> list[Path]:
    """The files and folders a pattern such as `clips/**/*.mp4` stands for, in natural order."""
    # Path.glob refuses absolute patterns.
    return natural([Path(m) for m in glob.glob(pattern, recursive=True)])  # noqa: PTH207


def natural(paths: Iterable[Path]) -> list[Path]:
    """Sorted with numbers by value: frame2 before frame10."""
    return sorted(paths, key=lambda path: [_part(t) for t in re.split(r"(\d+)", str(path))])


def _names(files: Sequence[Path]) -> list[str]:
    """The files' names below the folder that holds them all, with / on every system."""
    folder = os.path.commonpath([file.absolute().parent for file in files])
    return [file.absolute().relative_to(folder).as_posix() for file in files]


def _part(text: str) -> tuple[bool, int, str]:
    return (False, int(text), text) if text.isdecimal() else (True, 0, text.lower())


def _read(file: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB, turned as the camera's EXIF tag says, 16 bits reduced to 8."""
    name = shown(str(file))
    try:
        coded = np.fromfile(file, np.uint8)  # not cv2.imread: it cannot open every name on Windows
    except OSError as error:
        raise SourceError(f"cannot read image {name}: {error.strerror}") from error
    try:
        return decode_picture(coded)
    except NotAPicture as error:
        raise SourceError(f"{name} {error}") from error
