"""Overlay pictures: one JPEG per image of an image source."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np

from app.overlay.encoding import Draw
from app.tracks.writer import Ending
from engine.files import cannot_write
from engine.types import Result


class OverlayPictures:
    """The images with skeletons, each in a file of its own."""

    note = ""

    def __init__(self, files: Sequence[Path], draw: Draw) -> None:
        """Make the folder.

        Args:
            files: where the image of each frame index goes; all in one folder.
            draw: gives the picture to write, (H, W, 3) uint8 RGB.

        Raises:
            OutputError: the folder cannot be made.
        """
        self._files = files
        self._draw = draw
        try:
            files[0].parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(files[0].parent, error) from error

    def write(self, result: Result) -> None:
        """Draw and write one image."""
        path = self._files[result.frame.index]
        picture = np.ascontiguousarray(self._draw(result.frame, result.poses))
        try:
            av.VideoFrame.from_numpy_buffer(picture).save(path)
        except OSError as error:
            raise cannot_write(path, error) from error

    def close(self, ending: Ending) -> None:
        """Nothing is held open between two pictures."""
