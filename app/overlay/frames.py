"""The frames of a video as JPEGs, under the names that COCO and YOLO files refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2

from app.tracks.coco import picture_name
from app.tracks.writer import Ending, Writer
from engine.errors import DataError, OutputError
from engine.files import cannot_write, make_folder
from engine.types import Result

_QUALITY = 95  # of JPEG


def open_writer(path: Path, header: Mapping[str, Any]) -> Writer:
    """A writer into this folder."""
    return FramesWriter(path, str(header.get("source", "")))


class FramesWriter:
    """One JPEG per frame; pictures of an image folder are there already and are not written."""

    def __init__(self, path: Path, source: str) -> None:
        """Make the folder.

        Raises:
            OutputError: it cannot be made.
        """
        self._folder, self._source = path, source
        make_folder(path)

    def write(self, result: Result) -> None:
        """Write the picture of one frame.

        Raises:
            OutputError: it cannot be written, or the results come from a file of tracks.
        """
        frame = result.frame
        if frame.file_name:
            return
        if frame.pixels.strides[0] == 0:
            raise OutputError("tracks hold no pictures: write frames with `process`")
        path = self._folder / picture_name(self._source, frame)
        options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        bgr = cv2.cvtColor(frame.pixels, cv2.COLOR_RGB2BGR)
        try:
            path.write_bytes(cv2.imencode(".jpg", bgr, options)[1].tobytes())
        except OSError as error:
            raise cannot_write(path, error) from error

    def close(self, ending: Ending) -> None:
        """Nothing is held open between two pictures."""


def read(path: Path) -> tuple[dict[str, Any], Iterator[Result]]:
    """Refuse: pictures are no tracks.

    Raises:
        DataError: always.
    """
    raise DataError(f"{path} holds pictures, not tracks")
